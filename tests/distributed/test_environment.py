"""What a rank knows from torchrun, and that one rank speaks."""

import argparse
import subprocess
import sys

import pytest

from biosyn.cli.common import run_command
from biosyn.distributed import environment
from biosyn.errors import InputError


def bad_input(args):
    raise InputError("found\nnothing")


@pytest.fixture
def as_rank(monkeypatch):
    """Function: rank of two -> the seconds that it waits, as they come."""
    waits = []
    monkeypatch.setattr(environment.time, "sleep", waits.append)

    def become(rank):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        return waits

    return become


def test_without_torchrun_a_process_is_alone(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert (environment.launched(), environment.launched_rank(), environment.local_rank()) == (1, 0, 0)
    assert (environment.restarts(), environment.run_id()) == (0, "")


@pytest.mark.parametrize("rank", [0, 1])
def test_the_help_and_the_usage_are_printed_once(as_rank, capsys, rank):
    waits = as_rank(rank)
    for argv, code in ((["--help"], 0), (["--nothing"], 2)):
        with pytest.raises(SystemExit) as end:
            run_command(bad_input, argparse.ArgumentParser(prog="eval.py"), argv, ranks=True)
        assert end.value.code == code
        out, err = capsys.readouterr()
        assert ("usage: eval.py" in out + err) == (rank == 0)
    assert waits == [environment.GRACE] * rank  # after the error, not after the help


@pytest.mark.parametrize(("rank", "line"), [(0, "eval.py: error: found"), (1, "rank 1: eval.py: error: found")])
def test_bad_input_is_one_line_for_which_the_other_ranks_wait(as_rank, capsys, rank, line):
    waits = as_rank(rank)
    assert run_command(bad_input, argparse.ArgumentParser(prog="eval.py"), [], ranks=True) == 2
    assert capsys.readouterr().err == f"{line} nothing\n"
    assert waits == [environment.GRACE] * rank


def test_a_command_for_one_process_refuses_torchrun(as_rank, capsys):
    as_rank(0)
    assert run_command(bad_input, argparse.ArgumentParser(prog="convert.py"), []) == 2
    assert "convert.py does its work in one process: start it without torchrun" in capsys.readouterr().err


def test_nothing_of_torch_is_imported_for_it():
    code = "import sys, biosyn.distributed.environment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
