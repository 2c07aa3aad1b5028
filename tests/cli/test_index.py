"""biosyn index build, and the commands that search what it made."""

import json
import sys
from pathlib import Path

import pytest

from biosyn.model.biosyn import BioSyn


@pytest.fixture
def cache(tmp_path):
    """The flag of a cache of the test's own."""
    return {"--cache_dir": tmp_path / "cache"}


@pytest.fixture
def run(command, cache, tiny_checkpoint, tiny_dictionary):
    """Function: verb and flags -> (exit code, JSON of stdout or None, stderr)."""

    def call(verb, *flags, model=tiny_checkpoint):
        data = {"--model_name_or_path": model, "--dictionary_path": tiny_dictionary, "--device": "cpu"}
        return command(*verb.split(), data | cache, *flags)

    return call


def test_an_index_is_built_once_and_measured(run, result, cache):
    code, built, log = run("index build", "--ann")
    assert code == 0
    assert "embedding 40 names" in log
    assert built["names"] == 40
    approximate = built["approximate"]
    assert (approximate["kind"], approximate["queries"]) == ("hnsw", 40)
    assert approximate["recall@1"] == approximate["recall@20"] == 1.0  # 200 candidates of 40 names: all of them
    code, again, log = run("index build", "--ann")
    assert (again["folder"], again["approximate"]) == (built["folder"], approximate)
    assert "embedding" not in log
    assert result("cache", "verify", "--all", cache)["sound"] == [Path(built["folder"]).name]


def test_without_ann_only_the_dictionary_is_embedded(run):
    assert "approximate" not in run("index build")[1]
    code, _, error = run("inference", "--mention", "ataxia", "--ann")
    assert code == 2
    assert "biosyn index build --ann" in error


def test_inference_answers_the_same_from_the_approximate_index(run):
    run("index build", "--ann")
    for flags in ((), ("--group_by_concept",), ("--explain",)):
        _, exact, _ = run("inference", "--mention", "ataxia telangiectasia", *flags)
        code, found, _ = run("inference", "--mention", "ataxia telangiectasia", "--ann", *flags)
        assert code == 0
        assert json.dumps(found)[:200] == json.dumps(exact)[:200]
        assert found.keys() == exact.keys()


def test_a_file_is_linked_from_it_too_and_is_another_run(run, tmp_path):
    run("index build", "--ann")
    (tmp_path / "in.txt").write_text("ataxia\nbreast cancers\n")
    outputs = [tmp_path / "exact.txt", tmp_path / "approximate.txt"]
    run("inference", "--input", tmp_path / "in.txt", "--output", outputs[0])
    code, _, error = run("inference", "--input", tmp_path / "in.txt", "--output", outputs[1], "--ann")
    assert code == 0, error
    rows = [[line.split("\t")[:3] for line in path.read_text().splitlines()] for path in outputs]
    assert rows[0] == rows[1]


def test_it_is_not_that_of_another_weight(run, tiny_checkpoint, tmp_path):
    run("index build", "--ann")
    biosyn = BioSyn.from_pretrained(str(tiny_checkpoint))
    biosyn.init_sparse_weight(3.0)
    biosyn.save_model(tmp_path / "heavier")
    code, _, error = run("inference", "--mention", "ataxia", "--ann", model=tmp_path / "heavier")
    assert code == 2
    assert "no approximate index" in error
    assert run("inference", "--mention", "ataxia", model=tmp_path / "heavier")[0] == 0


def test_the_cache_lists_it_and_finds_its_damage(run, result, refused, cache, tmp_path):
    folder = run("index build", "--ann")[1]["folder"]
    (entry,) = result("cache", "ls", cache)["indexes"]
    assert [found["kind"] for found in entry["approximate"]] == ["hnsw"]
    (approximate,) = (tmp_path / "cache" / folder).glob("ann-*")
    (approximate / "projection.npy").write_bytes(b"")
    assert "projection.npy" in refused("cache", "verify", "--all", cache)
    code, _, log = run("inference", "--mention", "ataxia", "--ann")
    assert code == 0
    assert "projection.npy" in log
    assert "it is built again" in log
    assert result("cache", "verify", "--all", cache)["sound"]


def test_the_package_is_asked_for_before_anything_is_embedded(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    for verb, flags in (("index build", ()), ("inference", ("--mention", "ataxia"))):
        code, _, error = run(verb, "--ann", *flags)
        assert code == 2
        assert "pip install 'biosyn[ann]'" in error
        assert "embedding" not in error
    assert run("index build")[0] == 0


def test_without_a_folder_to_write_to_there_is_no_index(run, tmp_path):
    (tmp_path / "cache").write_text("")
    code, _, error = run("index build")
    assert code == 2
    assert "--cache_dir" in error


def test_ann_needs_a_dictionary(refused, tiny_checkpoint):
    line = refused("inference", "--mention", "ataxia", "--model_name_or_path", tiny_checkpoint, "--ann")
    assert "--ann needs --dictionary_path" in line
