import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biosyn.checkpoint.manifest import load_manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def required(tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    """The flags of an evaluation into tmp_path/out."""
    return {
        "--model_name_or_path": tiny_checkpoint,
        "--dictionary_path": tiny_dictionary,
        "--data_dir": tiny_queries,
        "--output_dir": tmp_path / "out",
        "--device": "cpu",
    }


def test_stdout_is_the_result_and_stderr_the_log_without_bars(command, required, tmp_path):
    code, found, log = command("eval", required)
    assert code == 0
    assert list(found) == ["queries", "names", "score_mode", "precision", *(f"acc{k}" for k in range(1, 21))]
    for k in (1, 5):
        assert re.search(rf"acc@{k}={re.escape(str(found[f'acc{k}']))}$", log, re.MULTILINE)
    assert "%|" not in log  # stderr is no terminal
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["metrics.json"]


def test_predictions_are_written_where_asked(result, required, tmp_path):
    found = result("eval", required, "--save_predictions", "--topk", "4")
    predictions = json.loads((tmp_path / "out" / "predictions_eval.json").read_text(encoding="utf-8"))
    assert predictions["acc4"] == found["acc4"]
    assert list(found)[-1] == "acc4"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["metrics.json", "predictions_eval.json"]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_every_published_flag_is_taken(result, required, mode):
    flags = f"--topk 5 --score_mode {mode} --filter_composite --filter_duplicate --max_length 20".split()
    found = result("eval", required, *flags)
    assert (found["queries"], found["score_mode"]) == (17, mode)


@pytest.mark.parametrize("flags", ["--topk 0", "--device gpu", "--use_cuda"])
def test_a_bad_setting_is_one_line_and_exit_code_2(refused, required, flags):
    assert refused("eval", required, *flags.split()).startswith("eval.py: error: ")


def test_the_script_writes_json_to_stdout_and_its_log_to_stderr(required):
    # the whole program, so that warnings of other packages are seen too
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    found = subprocess.run(
        [sys.executable, ROOT / "eval.py", *(part for pair in required.items() for part in pair), "--topk", "5"],
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


def test_figures_with_denominators_and_intervals_are_written_and_shown(command, required, tiny_queries, tmp_path):
    _, found, log = command("eval", required, "--topk", "5", "--train_dir", tiny_queries)
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    acc1 = written["protocols"]["lenient"]["acc1"]
    assert (acc1["value"], acc1["of"]) == (found["acc1"], 21)
    assert [written[key] for key in ("score_mode", "names", "filters", "queries")] == ["hybrid", 40, [], 21]
    row = rf"lenient acc1 +{acc1['value']:.4f}  {acc1['low']:.4f} - {acc1['high']:.4f}  21$"
    assert re.search(row, log, re.MULTILINE)
    assert written["left_out"]["refined"].startswith("no query is left")


def test_training_folders_may_be_given_in_one_flag_or_several(result, required, tiny_queries, write_queries, tmp_path):
    other = write_queries(("ataxia", "D1"))
    figures = []
    for flags in (["--train_dir", other, tiny_queries], ["--train_dir", other, "--train_dir", tiny_queries]):
        result("eval", required, *flags)
        figures.append((tmp_path / "out" / "metrics.json").read_bytes())
    assert figures[0] == figures[1]


def test_filters_change_the_denominator(result, required, tmp_path):
    result("eval", required, "--filter_composite", "--filter_duplicate")
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert written["queries"] == written["protocols"]["lenient"]["acc1"]["of"] == 17
    assert written["filters"] == ["filter_composite", "filter_duplicate"]


def test_a_training_folder_that_is_missing_is_refused_before_the_work(refused, required, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "biosyn.model.biosyn.BioSyn.from_pretrained", lambda *_, **__: pytest.fail("the model came first")
    )
    assert "no such folder" in refused("eval", required, "--train_dir", tmp_path / "none")


# -- figures for the manifest


@pytest.fixture
def checkpoint(tiny_checkpoint, tmp_path):
    """A copy of the tiny checkpoint that a test may change."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


def test_figures_are_recorded_by_score_mode_and_data_set(result, required, checkpoint):
    flags = {"--model_name_or_path": checkpoint, "--record_as": "test"}
    printed = result("eval", required | flags)
    result("eval", required | flags, "--score_mode", "sparse")
    found = load_manifest(checkpoint).figures["test"]
    assert found["hybrid"] == {"acc1": printed["acc1"], "acc5": printed["acc5"]}
    assert set(found) == {"queries", "dictionary", "filters", "hybrid", "sparse"}
    assert (found["queries"]["mentions"], found["dictionary"]["names"]) == (21, 40)


def test_figures_of_other_data_replace_those_of_the_same_name(result, required, checkpoint):
    flags = {"--model_name_or_path": checkpoint, "--record_as": "test"}
    result("eval", required | flags)
    result("eval", required | flags, "--score_mode", "sparse", "--filter_composite")
    found = load_manifest(checkpoint).figures["test"]
    assert found["filters"] == ["filter_composite"]
    assert "hybrid" not in found


def test_nothing_is_recorded_unless_asked(result, required, checkpoint):
    before = (checkpoint / "biosyn.json").read_bytes()
    result("eval", required | {"--model_name_or_path": checkpoint})
    assert (checkpoint / "biosyn.json").read_bytes() == before


def test_figures_cannot_be_recorded_where_there_is_no_manifest(refused, required, tiny_encoder):
    flags = {"--model_name_or_path": tiny_encoder, "--record_as": "test"}
    assert "lacks biosyn.json" in refused("eval", required | flags)
