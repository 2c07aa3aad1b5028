"""The commands under torchrun: every rank parses, one speaks."""

import argparse
import io
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout

from biosyn.distributed.environment import launched, launched_rank
from biosyn.errors import InputError

GRACE = 10.0  # seconds


def parse_arguments(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; of several ranks the first alone prints the help or the usage."""
    if launched_rank() == 0:
        return parser.parse_args(argv)
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        try:
            return parser.parse_args(argv)
        except SystemExit as end:
            if end.code:
                time.sleep(GRACE)
            raise


def tell_error(command: str, error: Exception) -> None:
    """Print the error in one line.

    Most errors meet every rank, and all are to be told once. So a rank other than the first waits: where the first
    fails too, torchrun ends the others.
    """
    if launched_rank() > 0:
        time.sleep(GRACE)
    print(f"{prefix()}{command}: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)


def prefix() -> str:
    """Return what the lines of a rank other than the first begin with."""
    return f"rank {launched_rank()}: " if launched_rank() > 0 else ""


def require_one_process(command: str) -> None:
    """Refuse torchrun, for a command whose processes would all do the same.

    Raises
    ------
    InputError
        If there is more than one process.
    """
    if launched() > 1:
        raise InputError(f"{command} does its work in one process: start it without torchrun")
