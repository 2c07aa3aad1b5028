"""eval.py --report, from the command to the file."""

import json
import shutil
import sys

import pytest
from lxml import html as lxml_html

from biosyn.settings.verbs import PretrainConfig
from biosyn.training.pretrain import pretrain


@pytest.fixture
def words(tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    """Function: flags, changed paths -> the words of an evaluation into tmp_path / "out"."""

    def make(*flags, model=tiny_checkpoint, dictionary=tiny_dictionary):
        required = {"--model_name_or_path": model, "--dictionary_path": dictionary, "--data_dir": tiny_queries}
        required |= {"--output_dir": tmp_path / "out", "--device": "cpu"}
        return ["eval", required, *flags]

    return make


@pytest.fixture
def page(result, words, tmp_path):
    """Function: as `words` -> the text of the page."""

    def make(*flags, **changes):
        result(*words("--report", *flags, **changes))
        return (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    return make


def test_the_page_is_written_where_asked(result, words, tmp_path):
    acc1 = result(*words("--report", "--topk", "5"))["acc1"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    tree = lxml_html.fromstring(page)
    assert tree.xpath("string(//p[@class='headline']/strong)") == f"{acc1:.4f}"
    titles = [title.strip() for title in tree.xpath("//section/h2/text()")]
    assert titles == ["Acc@k", "Acc@1 by slice", "Training loss"]  # of the log beside the model; not calibrated
    assert "no concepts.jsonl beside the dictionary" in page
    assert len(tree.xpath("//table[@id='errors']/tbody/tr")) == round(21 * (1 - acc1))
    assert tree.xpath("//table[@id='errors']//a[starts-with(@href, 'https://pubmed.ncbi.nlm.nih.gov/')]")


def test_one_candidate_per_mention_is_enough(page):
    assert "Acc@5" not in page("--topk", "1")


def test_concepts_beside_the_dictionary_name_the_gold_ids(page, tmp_path, tiny_dictionary):
    dictionary = shutil.copy(tiny_dictionary, tmp_path / "dictionary.txt")
    concept = {"ids": ["D009369"], "preferred_name": "Neoplasms <b>", "names": ["Cancer"]}
    (tmp_path / "concepts.jsonl").write_text(json.dumps(concept) + "\n")
    text = page(dictionary=dictionary)
    assert "strict Acc@1" in text
    assert "<b>\n" not in text.replace("<b>(right)</b>", "")


def test_a_missing_package_is_named_before_the_work_that_needs_it(result, refused, words, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'biosyn[report]'" in refused(*words("--report"))
    result(*words())
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    "line", ["{", '{"epoch": "1"}', '{"epoch": 1, "loss": "0.5"}', '{"epoch": 1, "dev": {}}', "[]"]
)
def test_a_damaged_training_log_is_named_before_the_work(refused, words, tiny_checkpoint, tmp_path, line):
    model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (model / "train_log.jsonl").write_text(f"{line}\n")
    assert "train_log.jsonl:1: is not a row of a training log" in refused(*words("--report", model=model))


def test_a_pretrained_model_has_a_report_with_its_losses(page, tiny_encoder, tiny_dictionary, tmp_path):
    data = {"model_name_or_path": str(tiny_encoder), "train_dictionary_path": (str(tiny_dictionary),)}
    (row,) = pretrain(PretrainConfig(**data, output_dir=str(tmp_path / "model"), device="cpu", epoch=1))["epochs"]
    text = page(model=tmp_path / "model")
    assert f"{row['loss']:.4f}" in text
    assert "mentions with a positive candidate" not in text
