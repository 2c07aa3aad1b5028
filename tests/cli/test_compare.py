import pytest

from biosyn.evaluation.evaluate import evaluate
from biosyn.settings.verbs import EvalConfig


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_checkpoint, tiny_dictionary, tiny_queries):
    """The output folders of a sparse and a hybrid evaluation."""
    folder = tmp_path_factory.mktemp("runs")
    for mode in ("sparse", "hybrid"):
        paths = {"model_name_or_path": tiny_checkpoint, "dictionary_path": tiny_dictionary, "data_dir": tiny_queries}
        paths = {name: str(path) for name, path in (paths | {"output_dir": folder / mode}).items()}
        evaluate(EvalConfig(**paths, score_mode=mode, device="cpu", save_predictions=True))
    return str(folder / "sparse"), str(folder / "hybrid")


def test_stdout_is_the_result_and_stderr_the_table(command, runs):
    code, result, table = command("compare", *runs)
    assert code == 0
    assert (result["a"], result["b"], result["queries"]) == ([runs[0]], [runs[1]], 21)
    assert f"acc@1: A {result['acc1']['a']:.4f}, B {result['acc1']['b']:.4f}" in table
    assert "McNemar's exact p" in table


def test_seeds_are_given_by_flags(result, runs):
    sparse, hybrid = runs
    acc1 = result("compare", "--a", sparse, hybrid, "--b", hybrid, sparse)["acc1"]
    assert acc1["difference"] == 0
    assert len(acc1["seeds"]["a"]) == 2


@pytest.mark.parametrize("arguments", [[], ["A"], ["A", "B", "C"], ["A", "B", "--a", "C"], ["--a", "A"], ["--b", "B"]])
def test_any_other_number_of_runs_is_exit_code_2(refused, arguments):
    assert refused("compare", *arguments).startswith("biosyn compare: error: ")


def test_a_missing_run_is_exit_code_2(refused, runs, tmp_path):
    assert "cannot be read" in refused("compare", runs[0], tmp_path / "none")
