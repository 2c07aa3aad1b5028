import pytest


@pytest.fixture
def cache(command, tmp_path):
    """Function: arguments -> (exit code, JSON of stdout or None, stderr)."""
    return lambda *arguments: command("cache", *arguments, "--cache_dir", tmp_path / "cache")


@pytest.fixture
def link(command, tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: flags -> the predictions for a mention, linked with the cache, and stderr."""

    def call(*flags):
        data = {"--model_name_or_path": tiny_checkpoint, "--dictionary_path": tiny_dictionary, "--device": "cpu"}
        code, found, err = command("inference", data, "--cache_dir", tmp_path / "cache", "--mention", "ataxia", *flags)
        assert code == 0, err
        return found["predictions"], err

    return call


def test_an_empty_cache_lists_nothing(cache):
    code, result, _ = cache("ls")
    assert (code, result["indexes"]) == (0, [])


@pytest.mark.parametrize("flags", [["--precision", "bfloat16"], ["--index_precision", "float16"]])
def test_vectors_of_another_precision_are_another_index_with_nearly_the_same_scores(link, cache, flags):
    exact, _ = link()
    found, log = link(*flags)
    assert "embedding 40 names" in log
    assert len(cache("ls")[1]["indexes"]) == 2
    assert found[0]["name"] == exact[0]["name"] == "ataxia"
    assert found[0]["score"] == pytest.approx(exact[0]["score"], rel=0.02)
    assert found[0]["score"] != exact[0]["score"]


def test_a_search_in_little_memory_gives_the_same(link):
    assert link("--search_memory", "1")[0] == link()[0]


def test_the_second_run_embeds_nothing_and_answers_the_same(link):
    first, log = link()
    assert "embedding 40 names on cpu" in log
    second, log = link()
    assert "embedding" not in log
    assert second == first


def test_what_inference_kept_is_listed_verified_and_removed(cache, link):
    link()
    (entry,) = cache("ls")[1]["indexes"]
    assert (entry["names"], entry["precision"], entry["compute"]) == (40, "float32", "float32")
    assert entry["problem"] is None
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


@pytest.mark.parametrize("name", ["dense.npy", "sparse_values.npy", "names.npy"])
def test_a_flipped_bit_changes_no_answer(link, cache, tmp_path, name):
    before, _ = link()
    key = cache("ls")[1]["indexes"][0]["key"]
    path = tmp_path / "cache" / key / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1 << 6
    path.write_bytes(content)
    after, log = link()
    assert after == before
    assert f"{name}: is damaged in block 0" in log
    assert "it is built again" in log
    assert cache("verify")[1]["sound"] == [key]


def test_what_is_no_index_is_listed_with_the_reason_and_stops_nobody(link, cache, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / ("f" * 32)).symlink_to("nowhere")
    (tmp_path / "cache" / ("e" * 32)).write_text("notes")
    link()
    code, result, _ = cache("ls")
    problems = {entry["key"]: entry["problem"] for entry in result["indexes"]}
    assert (code, len(problems)) == (0, 3)
    assert "is a link to nowhere" in problems["f" * 32]
    assert "is not a folder" in problems["e" * 32]
    removed = cache("rm", "--all")[1]["removed"]
    assert len(removed) == 3
    assert cache("ls")[1]["indexes"] == []
