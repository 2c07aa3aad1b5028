"""eval.py and inference.py by several ranks: the JSON, the files and the bytes of one process."""

import json
import random
import time

import pytest

WORDS = ["ataxia", "cancer", "breast", "ovarian", "syndrome", "disease", "anemia", "asthma", "tumor", "type", "of"]


def files_of(folder):
    """Relative path -> content; but for the locks, which are empty."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def model_flags(calibrated_checkpoint, tiny_dictionary, tmp_path):
    """Function: number of ranks -> the flags of the model, with a cache folder of that number."""

    def make(size):
        flags = {
            "--model_name_or_path": calibrated_checkpoint,
            "--dictionary_path": tiny_dictionary,
            "--cache_dir": tmp_path / f"cache-{size}",
        }
        return [str(part) for pair in flags.items() for part in pair]

    return make


@pytest.mark.parametrize("size", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_an_evaluation_gives_the_same_figures_and_predictions_and_writes_the_same_index(
    on_ranks, model_flags, tiny_queries, tmp_path, size
):
    def run(ranks):
        shared = [*model_flags(ranks), "--data_dir", str(tiny_queries), "--topk", "9"]
        outputs = [str(tmp_path / f"{mode}-{ranks}") for mode in ("hybrid", "dense")]
        first = ["eval", *shared, "--save_predictions", "--output_dir", outputs[0]]
        return on_ranks(
            ranks, "commands", first, ["eval", *shared, "--score_mode", "dense", "--output_dir", outputs[1]]
        )

    (alone,), several = run(1), run(size)
    assert [(code, out) for code, out, _ in several[0]] == [(0, out) for _, out, _ in alone]
    for folder in ("hybrid", "dense", "cache"):
        assert files_of(tmp_path / f"{folder}-{size}") == files_of(tmp_path / f"{folder}-1")
    for rank in several[1:]:
        assert [(code, out) for code, out, _ in rank] == [(0, "")] * 2
    assert "embedding 40 names" in several[0][0][2]
    assert "embedding" not in several[0][1][2] + several[1][0][2]  # it is made once, and one rank tells so


@pytest.fixture
def link_flags(model_flags, tmp_path):
    """Function: number of ranks and flags -> the command that links a file of 2,000 mentions, some of them bad."""
    chosen = random.Random(3)
    mentions = [" ".join(chosen.choices(WORDS, k=chosen.randint(1, 3))) for _ in range(2000)]
    source = tmp_path / "mentions.txt"
    source.write_text("".join(f"{'--' if row % 50 == 49 else text}\n" for row, text in enumerate(mentions)))

    def make(size, *flags):
        output = ["--input", str(source), "--output", str(tmp_path / f"linked-{size}"), "--on_error", "skip"]
        return ["inference", *model_flags(size), *output, *flags]

    return make


def wait_for(path, size, processes):
    """Wait until a file that the processes write has grown beyond the size."""
    while not (path.exists() and path.stat().st_size > size):
        assert any(process.is_alive() for process in processes)
        time.sleep(0.001)


def counts_of(result):
    code, out, err = result
    assert code == 0, err
    return {key: value for key, value in json.loads(out).items() if key not in ("output", "seconds")}


def test_a_file_is_linked_to_the_same_bytes_also_when_it_is_killed_and_resumed_by_fewer_ranks(
    on_ranks, start_ranks, link_flags, tmp_path
):
    (alone,) = on_ranks(1, "command", *link_flags(1))
    several = on_ranks(2, "command", *link_flags(2, "--typo_path", "/nowhere"))
    assert [code for code, _, _ in several] == [2, 2]
    assert [err.count("\n") for _, _, err in several] == [1, 1]
    assert several[1][2].startswith("rank 1: inference.py: error: /nowhere")

    processes, _ = start_ranks(3, "command", *link_flags(3))
    partial = tmp_path / "linked-3.partial" / "output"
    wait_for(partial, 4000, processes)
    for process in processes:
        process.kill()
        process.join()
    assert not (tmp_path / "linked-3").exists()
    resumed, _ = on_ranks(2, "command", *link_flags(3, "--resume"))
    assert counts_of(resumed) == counts_of(alone)
    assert "going on after" in resumed[2]
    for name in ("linked-1", "linked-1.errors.jsonl"):
        assert (tmp_path / name.replace("1", "3")).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("told", [(0, 1), (1,)], ids=["both", "one"])  # the other sees only that it has gone
def test_a_run_that_is_terminated_says_so_once_and_can_be_resumed(start_ranks, link_flags, tmp_path, told):
    processes, results = start_ranks(2, "command", *link_flags(2))
    partial = tmp_path / "linked-2.partial" / "output"
    wait_for(partial, 1000, processes)
    for rank in told:
        processes[rank].terminate()  # as torchrun does where it is terminated itself
    for process in processes:
        process.join(timeout=60)
    ended = [json.loads(result.read_text())["result"] for result in results]
    assert [(code, out) for code, out, _ in ended] == [(1, "")] * 2
    assert ended[0][2].splitlines()[-1] == ("inference.py: error: terminated: start the command again with --resume")
    assert "error" not in ended[1][2]
    assert (partial.parent / "state.sqlite").exists()


def test_one_mention_is_answered_once(on_ranks, model_flags):
    flags = ["inference", *model_flags(1), "--mention", "ataxias", "--show_embeddings", "--show_predictions"]
    (alone,) = on_ranks(1, "command", *flags)
    several = on_ranks(2, "command", *flags)
    assert [out for _, out, _ in several] == [alone[1], ""]


def test_a_cache_folder_that_the_ranks_do_not_share_is_named(on_ranks, model_flags, tmp_path):
    (tmp_path / "cache-2").write_text("no folder")
    for code, _, err in on_ranks(2, "command", "inference", *model_flags(2), "--mention", "ataxia"):
        assert code == 2
        assert "several ranks need a --cache_dir that all can read and the first can write" in err
