"""biosyn index build, and the commands that search what it made."""

import json
import sys

import pytest

from biosyn.cli.cache import main as cache
from biosyn.cli.index import main as index
from biosyn.cli.inference import main as inference
from biosyn.model.biosyn import BioSyn


@pytest.fixture
def run(capsys, tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: command and flags -> (exit code, JSON of stdout or None, stderr)."""

    def call(command, *flags, model=tiny_checkpoint):
        action = ["build"] if command is index else []
        model_flags = ["--model_name_or_path", str(model), "--dictionary_path", str(tiny_dictionary), "--device", "cpu"]
        code = command([*action, *model_flags, "--cache_dir", str(tmp_path / "cache"), *map(str, flags)])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out else None, printed.err

    return call


def test_an_index_is_built_once_and_measured(run, tmp_path):
    code, built, log = run(index, "--ann")
    assert code == 0
    assert "embedding 40 names" in log
    assert built["names"] == 40
    approximate = built["approximate"]
    assert (approximate["kind"], approximate["queries"]) == ("hnsw", 40)
    assert approximate["recall@1"] == approximate["recall@20"] == 1.0  # 200 candidates of 40 names: all of them
    code, again, log = run(index, "--ann")
    assert (again["folder"], again["approximate"]) == (built["folder"], approximate)
    assert "embedding" not in log
    assert cache(["verify", "--all", "--cache_dir", str(tmp_path / "cache")]) == 0


def test_without_ann_only_the_dictionary_is_embedded(run):
    assert "approximate" not in run(index)[1]
    code, _, error = run(inference, "--mention", "ataxia", "--ann")
    assert code == 2
    assert "biosyn index build --ann" in error


@pytest.mark.parametrize("flags", [(), ("--group_by_concept",), ("--explain",)])
def test_inference_answers_the_same_from_the_approximate_index(run, flags):
    run(index, "--ann")
    _, exact, _ = run(inference, "--mention", "ataxia telangiectasia", *flags)
    code, found, _ = run(inference, "--mention", "ataxia telangiectasia", "--ann", *flags)
    assert code == 0
    assert json.dumps(found)[:200] == json.dumps(exact)[:200]
    assert found.keys() == exact.keys()


def test_a_file_is_linked_from_it_too_and_is_another_run(run, tmp_path):
    run(index, "--ann")
    (tmp_path / "in.txt").write_text("ataxia\nbreast cancers\n")
    outputs = [tmp_path / "exact.txt", tmp_path / "approximate.txt"]
    run(inference, "--input", tmp_path / "in.txt", "--output", outputs[0])
    code, _, error = run(inference, "--input", tmp_path / "in.txt", "--output", outputs[1], "--ann")
    assert code == 0, error
    rows = [[line.split("\t")[:3] for line in path.read_text().splitlines()] for path in outputs]
    assert rows[0] == rows[1]


def test_it_is_not_that_of_another_weight(run, tiny_checkpoint, tmp_path):
    run(index, "--ann")
    biosyn = BioSyn.from_pretrained(str(tiny_checkpoint))
    biosyn.init_sparse_weight(3.0)
    biosyn.save_model(tmp_path / "heavier")
    code, _, error = run(inference, "--mention", "ataxia", "--ann", model=tmp_path / "heavier")
    assert code == 2
    assert "no approximate index" in error
    assert run(inference, "--mention", "ataxia", model=tmp_path / "heavier")[0] == 0


def test_the_cache_lists_it_and_finds_its_damage(run, capsys, tmp_path):
    folder = run(index, "--ann")[1]["folder"]
    assert cache(["ls", "--cache_dir", str(tmp_path / "cache")]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["indexes"]
    assert [found["kind"] for found in entry["approximate"]] == ["hnsw"]
    (approximate,) = (tmp_path / "cache" / folder).glob("ann-*")
    (approximate / "projection.npy").write_bytes(b"")
    assert cache(["verify", "--all", "--cache_dir", str(tmp_path / "cache")]) == 2
    assert "projection.npy" in capsys.readouterr().err
    code, _, error = run(inference, "--mention", "ataxia", "--ann")
    assert (code, "projection.npy" in error) == (2, True)


def test_the_package_is_asked_for_before_anything_is_embedded(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    for command, flags in ((index, ()), (inference, ("--mention", "ataxia"))):
        code, _, error = run(command, "--ann", *flags)
        assert code == 2
        assert "pip install 'biosyn[ann]'" in error
        assert "embedding" not in error
    assert run(index)[0] == 0


def test_without_a_folder_to_write_to_there_is_no_index(run, tmp_path):
    (tmp_path / "cache").write_text("")
    code, _, error = run(index)
    assert code == 2
    assert "--cache_dir" in error


def test_ann_needs_a_dictionary(capsys, tiny_checkpoint):
    assert inference(["--mention", "ataxia", "--model_name_or_path", str(tiny_checkpoint), "--ann"]) == 2
    assert "--ann needs --dictionary_path" in capsys.readouterr().err
