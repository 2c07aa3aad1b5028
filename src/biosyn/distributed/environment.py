"""The settings of torchrun in the environment of a process, and which process prints; torch is not imported."""

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from biosyn.errors import InputError

GRACE = 10.0  # seconds a rank other than the first waits before it ends with an error


class RankLostError(Exception):
    """Another rank of the run has ended too early; the message is empty where another rank prints it."""


def launched() -> int:
    """Return how many processes the run was started with; 1 without torchrun."""
    return _number("WORLD_SIZE", 1)


def launched_rank() -> int:
    """Return which of them this one is, from 0."""
    return _number("RANK", 0)


def local_rank() -> int:
    """Return which of the processes on this machine this one is, from 0: the number of its GPU."""
    return _number("LOCAL_RANK", 0)


def restarts() -> int:
    """Return how often torchrun (``--max_restarts``) has restarted the processes of this machine.

    It does not count a restart that began on another machine.
    """
    return _number("TORCHELASTIC_RESTART_COUNT", 0)


def run_id() -> str:
    """Return the name of the run (``--rdzv_id``), which is unique among the runs that share torchrun's store."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def prefix() -> str:
    """Return what the lines of a rank other than the first begin with."""
    return f"rank {launched_rank()}: " if launched_rank() > 0 else ""


def require_one_process(command: str) -> None:
    """Raise InputError under torchrun, for a command whose processes would all do the same."""
    if launched() > 1:
        raise InputError(f"{command} does its work in one process: start it without torchrun")


def wait_for_first() -> None:
    """Give the first rank the time to print an error that all ranks have, and torchrun the time to end the others."""
    if launched_rank() > 0:
        time.sleep(GRACE)


@contextmanager
def only_first_prints() -> Iterator[None]:
    """Discard what ranks other than the first print in this block: the help or the usage of a command."""
    if launched_rank() == 0:
        yield
        return
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    except SystemExit as end:
        if end.code:
            wait_for_first()
        raise


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 10 else default
