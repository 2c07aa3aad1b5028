import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GPU = Path(__file__).parents[1] / "benchmarks" / "gpu"


@pytest.fixture(scope="module")
def measure():
    spec = importlib.util.spec_from_file_location("gpu_measure", GPU / "measure.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_dry_run_measures_every_part_without_tornado(measure, tmp_path):
    (tmp_path / "tornado.py").write_text("raise ImportError('a bare machine has none')")
    environment = {
        **os.environ,
        "OUT": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(["bash", GPU / "run.sh", "--dry"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + (tmp_path / "dry.log").read_text()
    found = json.loads((tmp_path / "dry.json").read_text())
    assert list(found["parts"]) == list(measure.LIMITS)
    assert [row["within it"] for row in found["parts"]["agree"] if "limit" in row] == [True] * 4
    assert {row["groups"] for row in found["parts"]["steps"] if row["way"] == "ours"} == {1, 2, 4, 8}
    assert all(row["found"] for row in found["parts"]["search"])
    assert (tmp_path / "dry.md").read_text() == done.stdout[:-1]


def test_a_part_that_takes_too_long_or_fails_is_written_down_and_its_rows_stay(measure, tmp_path, monkeypatch):
    row = '{"part": "card", "row": {"what": "copy", "GB/s": 1234.56}}'
    program = f"import sys, time\nprint('{row}', flush=True)\nsys.exit(3) if sys.argv[2:] else time.sleep(60)"
    (tmp_path / "parts.py").write_text(program)
    monkeypatch.setattr(measure, "HERE", tmp_path)
    record = measure.Record(tmp_path, "dry", {"command": "c"})
    for flags in ([], ["--fail"]):
        measure.run(["card"], 2, flags, record)
    found = json.loads((tmp_path / "dry.json").read_text())["parts"]["card"]
    measured = {"what": "copy", "GB/s": 1234.56}
    stopped, failed = "stopped after 2 s; see dry.log", "ended with exit code 3; see dry.log"
    assert found == [measured, {"failed": stopped}, measured, {"failed": failed}]
    assert "| copy | 1235 |  |" in (tmp_path / "dry.md").read_text()
    assert record.has_faults
