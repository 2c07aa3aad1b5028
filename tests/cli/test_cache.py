import json

import pytest

from biosyn.cli.cache import main
from biosyn.cli.inference import main as inference


@pytest.fixture
def cache(capsys, tmp_path):
    """Function: arguments -> (exit code, JSON of stdout or None, stderr)."""

    def call(*arguments):
        code = main([*arguments, "--cache_dir", str(tmp_path / "cache")])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out else None, printed.err

    return call


@pytest.fixture
def link(capsys, tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: link a mention with the cache -> (predictions, stderr)."""

    def call(mention="ataxia", *flags_as_they_are):
        flags = {
            "--model_name_or_path": tiny_checkpoint,
            "--dictionary_path": tiny_dictionary,
            "--cache_dir": tmp_path / "cache",
            "--mention": mention,
            "--device": "cpu",
        }
        assert inference([*(str(part) for pair in flags.items() for part in pair), *flags_as_they_are]) == 0
        printed = capsys.readouterr()
        return json.loads(printed.out)["predictions"], printed.err

    return call


def test_an_empty_cache_lists_nothing(cache):
    code, result, _ = cache("ls")
    assert (code, result["indexes"]) == (0, [])


@pytest.mark.parametrize("flags", [["--precision", "bfloat16"], ["--index_precision", "float16"]])
def test_vectors_of_another_precision_are_another_index_with_nearly_the_same_scores(link, cache, flags):
    exact, _ = link()
    found, log = link("ataxia", *flags)
    assert "embedding 40 names" in log
    assert len(cache("ls")[1]["indexes"]) == 2
    assert found[0]["name"] == exact[0]["name"] == "ataxia"
    assert found[0]["score"] == pytest.approx(exact[0]["score"], rel=0.02)
    assert found[0]["score"] != exact[0]["score"]


def test_a_search_in_little_memory_gives_the_same(link):
    assert link("ataxia", "--search_memory", "1")[0] == link()[0]


def test_the_second_run_embeds_nothing_and_answers_the_same(link):
    first, log = link()
    assert "embedding 40 names on cpu" in log
    second, log = link()
    assert "embedding" not in log
    assert second == first


def test_what_inference_kept_is_listed_verified_and_removed(cache, link):
    link()
    (entry,) = cache("ls")[1]["indexes"]
    assert (entry["names"], entry["precision"], entry["problem"]) == (40, "float32", None)
    assert cache("verify")[1]["sound"] == [entry["key"]]
    assert cache("rm", "--key", entry["key"][:6])[1]["removed"] == [entry["key"]]
    assert cache("ls")[1]["indexes"] == []


def test_a_flipped_bit_is_found(cache, link, tmp_path):
    link()
    key = cache("ls")[1]["indexes"][0]["key"]
    path = tmp_path / "cache" / key / "dense.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    code, result, error = cache("verify", "--key", key)
    assert (code, result) == (2, None)
    assert "dense.npy: is damaged in block" in error


def test_a_key_that_no_index_has_ends_with_exit_2(cache):
    for action in ("rm", "verify"):
        code, _, error = cache(action, "--key", "ff")
        assert code == 2
        assert "see biosyn cache ls" in error


def test_removing_all_has_to_be_asked_for(cache):
    with pytest.raises(SystemExit, match="2"):
        cache("rm")
    assert cache("rm", "--all")[1]["removed"] == []
