import json

import pytest

from biosyn.cli.compare import main
from biosyn.cli.main import main as run_verb


def evaluate(argv):
    return run_verb(["eval", *argv])


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_checkpoint, tiny_dictionary, tiny_queries):
    """The output folders of a sparse and a hybrid evaluation."""
    folder = tmp_path_factory.mktemp("runs")
    for mode in ("sparse", "hybrid"):
        flags = {
            "--model_name_or_path": tiny_checkpoint,
            "--dictionary_path": tiny_dictionary,
            "--data_dir": tiny_queries,
            "--output_dir": folder / mode,
            "--score_mode": mode,
            "--device": "cpu",
        }
        assert evaluate([*(str(part) for pair in flags.items() for part in pair), "--save_predictions"]) == 0
    return str(folder / "sparse"), str(folder / "hybrid")


def test_stdout_is_the_result_and_stderr_the_table(runs, capsys):
    assert main(list(runs)) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["a"], result["b"], result["queries"]) == ([runs[0]], [runs[1]], 21)
    assert f"acc@1: A {result['acc1']['a']:.4f}, B {result['acc1']['b']:.4f}" in printed.err
    assert "McNemar's exact p" in printed.err


def test_seeds_are_given_by_flags(runs, capsys):
    sparse, hybrid = runs
    assert main(["--a", sparse, hybrid, "--b", hybrid, sparse]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["acc1"]["difference"] == 0
    assert len(result["acc1"]["seeds"]["a"]) == 2


@pytest.mark.parametrize("arguments", [[], ["A"], ["A", "B", "C"], ["A", "B", "--a", "C"], ["--a", "A"], ["--b", "B"]])
def test_any_other_number_of_runs_is_exit_code_2(arguments, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("biosyn compare: error: ")


def test_a_missing_run_is_exit_code_2(runs, tmp_path, capsys):
    assert main([runs[0], str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
