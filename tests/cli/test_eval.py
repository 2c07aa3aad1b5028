import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biosyn.checkpoint.manifest import load_manifest
from biosyn.cli.main import main as run_verb


def main(argv):
    return run_verb(["eval", *argv])


ROOT = Path(__file__).parents[2]


@pytest.fixture
def arguments(tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    """Function: further flags -> argv."""

    def make(*flags):
        required = {
            "--model_name_or_path": tiny_checkpoint,
            "--dictionary_path": tiny_dictionary,
            "--data_dir": tiny_queries,
            "--output_dir": tmp_path / "out",
            "--device": "cpu",
        }
        return [*(str(part) for pair in required.items() for part in pair), *flags]

    return make


def test_stdout_is_one_json_object_and_nothing_else(arguments, capsys):
    assert main(arguments("--topk", "3")) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["queries", "names", "score_mode", "acc1", "acc2", "acc3"]


def test_twenty_names_are_kept_unless_asked_otherwise(arguments, capsys):
    main(arguments())
    assert "acc20" in json.loads(capsys.readouterr().out)


def test_the_accuracies_go_to_stderr(arguments, capsys):
    main(arguments())
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert re.search(rf"acc@1={re.escape(str(result['acc1']))}$", captured.err, re.MULTILINE)
    assert re.search(rf"acc@5={re.escape(str(result['acc5']))}$", captured.err, re.MULTILINE)
    assert "acc@" not in captured.out


def test_there_is_no_progress_bar_where_stderr_is_no_terminal(arguments, capsys):
    main(arguments())
    assert "%|" not in capsys.readouterr().err


def test_predictions_are_written_where_asked(arguments, capsys, tmp_path):
    assert main(arguments("--save_predictions", "--topk", "4")) == 0
    predictions = json.loads((tmp_path / "out" / "predictions_eval.json").read_text(encoding="utf-8"))
    assert predictions["acc4"] == json.loads(capsys.readouterr().out)["acc4"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["metrics.json", "predictions_eval.json"]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_every_published_flag_is_taken(arguments, capsys, mode):
    flags = f"--topk 5 --score_mode {mode} --filter_composite --filter_duplicate --max_length 20".split()
    assert main(arguments(*flags)) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["queries"], result["score_mode"]) == (17, mode)


def test_an_unknown_score_mode_is_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments("--score_mode", "fuzzy"))
    assert "hybrid" in capsys.readouterr().err


@pytest.mark.parametrize("flags", ["--topk 0", "--max_length 1", "--device gpu", "--use_cuda"])
def test_a_bad_setting_is_one_line_and_exit_code_2(arguments, capsys, flags):
    assert main(arguments(*flags.split())) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("eval.py: error: ")


def test_the_script_writes_json_to_stdout_and_its_log_to_stderr(arguments):
    # the whole program, so that warnings of other packages are seen too
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    found = subprocess.run(
        [sys.executable, ROOT / "eval.py", *arguments("--topk", "5")],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=300,
    )
    assert json.loads(found.stdout)["queries"] == 21
    for line in found.stderr.splitlines():
        assert re.match(r"\d\d:\d\d:\d\d ", line), line


# -- metrics.json and the table


def test_figures_with_denominators_and_intervals_are_written_and_shown(arguments, tiny_queries, capsys, tmp_path):
    assert main(arguments("--topk", "5", "--train_dir", str(tiny_queries))) == 0
    printed = capsys.readouterr()
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    acc1 = written["protocols"]["lenient"]["acc1"]
    assert (acc1["value"], acc1["of"]) == (json.loads(printed.out)["acc1"], 21)
    assert [written[key] for key in ("score_mode", "names", "filters", "queries")] == ["hybrid", 40, [], 21]
    row = rf"lenient acc1 +{acc1['value']:.4f}  {acc1['low']:.4f} - {acc1['high']:.4f}  21$"
    assert re.search(row, printed.err, re.MULTILINE)
    assert written["left_out"]["refined"].startswith("no query is left")


def test_training_folders_may_be_given_in_one_flag_or_several(arguments, tiny_queries, write_queries, tmp_path):
    other = str(write_queries(("ataxia", "D1")))
    figures = []
    for flags in (["--train_dir", other, str(tiny_queries)], ["--train_dir", other, "--train_dir", str(tiny_queries)]):
        assert main(arguments(*flags)) == 0
        figures.append((tmp_path / "out" / "metrics.json").read_bytes())
    assert figures[0] == figures[1]


def test_filters_change_the_denominator(arguments, tmp_path):
    assert main(arguments("--filter_composite", "--filter_duplicate")) == 0
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert written["queries"] == written["protocols"]["lenient"]["acc1"]["of"] == 17
    assert written["filters"] == ["filter_composite", "filter_duplicate"]


def test_a_training_folder_that_is_missing_is_refused_before_the_work(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "biosyn.model.biosyn.BioSyn.from_pretrained", lambda *_, **__: pytest.fail("the model came first")
    )
    assert main(arguments("--train_dir", str(tmp_path / "none"))) == 2
    assert "no such folder" in capsys.readouterr().err


# -- figures for the manifest


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path):
    """A copy of the tiny checkpoint that a test may change."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


def test_figures_are_recorded_by_score_mode_and_data_set(arguments, checkpoint, capsys):
    flags = ("--model_name_or_path", str(checkpoint), "--record_as", "test")
    assert main(arguments(*flags)) == 0
    result = json.loads(capsys.readouterr().out)
    assert main(arguments(*flags, "--score_mode", "sparse")) == 0
    found = load_manifest(checkpoint).figures["test"]
    assert found["hybrid"] == {"acc1": result["acc1"], "acc5": result["acc5"]}
    assert set(found) == {"queries", "dictionary", "filters", "hybrid", "sparse"}
    assert (found["queries"]["mentions"], found["dictionary"]["names"]) == (21, 40)


def test_figures_of_other_data_replace_those_of_the_same_name(arguments, checkpoint):
    flags = ("--model_name_or_path", str(checkpoint), "--record_as", "test")
    assert main(arguments(*flags)) == 0
    assert main(arguments(*flags, "--score_mode", "sparse", "--filter_composite")) == 0
    found = load_manifest(checkpoint).figures["test"]
    assert found["filters"] == ["filter_composite"]
    assert "hybrid" not in found


def test_nothing_is_recorded_unless_asked(arguments, checkpoint):
    before = (checkpoint / "biosyn.json").read_bytes()
    assert main(arguments("--model_name_or_path", str(checkpoint))) == 0
    assert (checkpoint / "biosyn.json").read_bytes() == before


def test_figures_cannot_be_recorded_where_there_is_no_manifest(arguments, tiny_encoder, capsys):
    assert main(arguments("--model_name_or_path", str(tiny_encoder), "--record_as", "test")) == 2
    assert "lacks biosyn.json" in capsys.readouterr().err
