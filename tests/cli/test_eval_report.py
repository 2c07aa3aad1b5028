"""eval.py --report, from the command to the file."""

import json
import shutil
import sys

import pytest
from lxml import html as lxml_html

from biosyn.cli.main import main as run_verb
from biosyn.settings.verbs import PretrainConfig
from biosyn.training.pretrain import pretrain


def main(argv):
    return run_verb(["eval", *argv])


@pytest.fixture
def run(tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    """Function: flags, changed paths -> exit code of an evaluation into tmp_path / "out"."""

    def call(*flags, model=tiny_checkpoint, dictionary=tiny_dictionary):
        required = {"--model_name_or_path": model, "--dictionary_path": dictionary, "--data_dir": tiny_queries}
        required |= {"--output_dir": tmp_path / "out", "--device": "cpu"}
        return main([*(str(part) for pair in required.items() for part in pair), *flags])

    return call


def test_the_page_is_written_where_asked(run, tmp_path, capsys):
    assert run("--report", "--topk", "5") == 0
    acc1 = json.loads(capsys.readouterr().out)["acc1"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    tree = lxml_html.fromstring(page)
    assert tree.xpath("string(//p[@class='headline']/strong)") == f"{acc1:.4f}"
    titles = [title.strip() for title in tree.xpath("//section/h2/text()")]
    assert titles == ["Acc@k", "Acc@1 by slice", "Training loss"]  # of the log beside the model; not calibrated
    assert "no concepts.jsonl beside the dictionary" in page
    assert len(tree.xpath("//table[@id='errors']/tbody/tr")) == round(21 * (1 - acc1))
    assert tree.xpath("//table[@id='errors']//a[starts-with(@href, 'https://pubmed.ncbi.nlm.nih.gov/')]")


def test_there_is_no_page_unless_asked(run, tmp_path):
    assert run() == 0
    assert not (tmp_path / "out" / "report.html").exists()


def test_one_candidate_a_mention_is_enough(run, tmp_path):
    assert run("--report", "--topk", "1") == 0
    assert "Acc@5" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_concepts_beside_the_dictionary_name_the_gold_ids(run, tmp_path, tiny_dictionary):
    dictionary = shutil.copy(tiny_dictionary, tmp_path / "dictionary.txt")
    concept = {"ids": ["D009369"], "preferred_name": "Neoplasms <b>", "names": ["Cancer"]}
    (tmp_path / "concepts.jsonl").write_text(json.dumps(concept) + "\n")
    assert run("--report", dictionary=dictionary) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "strict Acc@1" in page
    assert "<b>\n" not in page.replace("<b>(right)</b>", "")


def fails(capsys, code):
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    (line,) = captured.err.splitlines()
    return line


def test_a_missing_package_is_named_before_the_work(run, capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'biosyn[report]'" in fails(capsys, run("--report"))
    assert run() == 0  # nothing else needs it


@pytest.mark.parametrize(
    "line", ["{", '{"epoch": "1"}', '{"epoch": 1, "loss": "0.5"}', '{"epoch": 1, "dev": {}}', "[]"]
)
def test_a_damaged_training_log_is_named_before_the_work(run, capsys, tiny_checkpoint, tmp_path, line):
    model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (model / "train_log.jsonl").write_text(f"{line}\n")
    assert "train_log.jsonl:1: is not a row of a training log" in fails(capsys, run("--report", model=model))


def test_a_pretrained_model_has_a_report_with_its_losses(run, tiny_encoder, tiny_dictionary, tmp_path):
    data = {"model_name_or_path": str(tiny_encoder), "train_dictionary_path": str(tiny_dictionary)}
    (row,) = pretrain(PretrainConfig(**data, output_dir=str(tmp_path / "model"), device="cpu", epoch=1))["epochs"]
    assert run("--report", model=tmp_path / "model") == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"{row['loss']:.4f}" in page
    assert "mentions with a positive candidate" not in page
