"""How a command ends: errors at the edges of the program and signals become one line on stderr and an exit code.

0: done. 2: one line says what has to change, in the input, the flags or the machine. 130, 143 and 141: Ctrl-C, SIGTERM
and a closed pipe, 128 and the number of the signal. 1: rows that do not agree (check), another process of the run that
was lost, or a bug of ours, which keeps its traceback. ``--debug``, or BIOSYN_DEBUG in the environment, shows the
traceback of every error.
"""

import errno
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from biosyn.distributed.environment import launched_rank, prefix, wait_for_first
from biosyn.errors import InputError

DEBUG = "--debug"
STOPPED, CLOSED_PIPE, TERMINATED = (128 + number for number in (2, 13, 15))  # SIGINT, SIGPIPE, SIGTERM
LONGEST = 1000  # characters of a line; a longer one, of a path or a library's message, is cut in its middle
PATHLIB = ("Symlink loop", "Could not determine home")  # what pathlib says without an OSError
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "change its permissions, or give another path",
    errno.EPERM: "change its permissions, or give another path",
    errno.EROFS: "give another path",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.ELOOP: "its links lead in a circle, give another path",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "free some memory, or give smaller batches or --search_memory",
}


class End(NamedTuple):
    """The end of a command after an error: its exit code, and what is printed; empty for nothing."""

    code: int
    line: str


class _TerminatedError(BaseException):
    """SIGTERM; temporary files are removed on the way out."""


def guarded(work: Callable[[], int], command: str, *, debug: bool = False) -> int:
    """Return the exit code of the work; one that fails at the edges of the program ends in one line on stderr.

    Parameters
    ----------
    command
        What the line begins with.
    debug
        Print the traceback before the line.
    """
    try:
        _open_streams()
        _require_folder()
        with _stoppable(), _written_out():
            return work()
    except BaseException as error:
        end = _end_of(error)
        if end is None:  # a bug of ours, or argparse, which has printed what is wrong
            raise
        if debug:
            traceback.print_exception(error)
        _print_end(command, end)
        return end.code


def debug_wanted(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Return the arguments without ``--debug``, which may be anywhere before ``--``, and whether it is wanted.

    Examples
    --------
    >>> debug_wanted(["train", "--debug", "--epoch", "3"])
    (['train', '--epoch', '3'], True)
    """
    flags = list(argv)
    end = flags.index("--") if "--" in flags else len(flags)
    kept = [flag for flag in flags[:end] if flag != DEBUG]
    return kept + flags[end:], len(kept) < end or bool(os.environ.get("BIOSYN_DEBUG"))


def print_result(result: Any) -> None:
    """Print a text, or a value as one JSON document; what stdout's encoding lacks is escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    from biosyn.files import json_text  # here, so that --help does not wait for it

    text = result if isinstance(result, str) else json_text(result, indent=2)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # an ASCII locale, or a path that is not UTF-8
        if isinstance(result, str):
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        else:
            text = json.dumps(result, indent=2, allow_nan=False)
    with _stdout():
        print(text)


def _end_of(error: BaseException) -> End | None:
    """Return how a command ends after an error; None for an error that is not of the edges."""
    match error:
        case KeyboardInterrupt():
            return End(STOPPED, "stopped")
        case _TerminatedError():
            return End(TERMINATED, "terminated")
        case InputError():
            return End(2, f"error: {error}")
        case BrokenPipeError():
            return End(CLOSED_PIPE, "")
        case OSError():
            return End(2, f"error: {_described(error)}")
        case RuntimeError() if str(error).startswith(PATHLIB):
            return End(2, f"error: {error}: give another path")
        case UnicodeError():
            return End(2, f"error: {error}: is the locale UTF-8? Set PYTHONUTF8=1, or save the file as UTF-8")
        case _ if _is_out_of_memory(error):
            return End(2, f"error: out of memory ({error}): {REMEDIES[errno.ENOMEM]}")
    return None


def _described(error: OSError) -> str:
    """Return the file of an error, what is wrong with it, and what to do."""
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    remedy = REMEDIES.get(error.errno or 0)
    return f"{where}{error.strerror or str(error) or type(error).__name__}{f': {remedy}' if remedy else ''}"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    # torch's: of a GPU a class, of the CPU a plain RuntimeError
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)
    )


def _print_end(command: str, end: End) -> None:
    if end.code == 2:
        wait_for_first()  # most errors meet every rank, and are printed once
    elif not end.line or launched_rank() > 0:
        return
    line = " ".join(end.line.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]}...{line[-LONGEST // 2 :]}"
    with suppress(OSError):  # stderr may be full or closed, too
        print(f"{prefix()}{command}: {line}", file=sys.stderr, flush=True)


# -- the streams and the signals


def _open_streams() -> None:
    """Refuse a closed stdout; a closed stdin or stderr leads nowhere, so that no file gets its number."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 (for the rest of the process)
    if sys.stdout is None:
        raise InputError("stdout is closed: give it a place, for example > /dev/null")
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _require_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:  # libraries end the process, or name no file
        raise InputError(f"the current folder cannot be used ({error.strerror}): change to another one") from error


@contextmanager
def _stdout() -> Iterator[None]:
    """Print in this block, and write it out while an error of stdout can still be told from others."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        _drop_stdout()
        if isinstance(error, BrokenPipeError):
            raise
        raise InputError(f"stdout cannot be written ({error.strerror}): give it another place") from error


@contextmanager
def _written_out() -> Iterator[None]:
    """Write out what argparse has printed in this block, also where it ends by an exception."""
    try:
        yield
    finally:
        with _stdout():
            pass


def _drop_stdout() -> None:
    """Let what is left in stdout's buffer go nowhere, so that Python does not fail again at its end."""
    with suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block by an exception, where nobody else has a use for them."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = {number: handler for number, handler in usual.items() if signal.getsignal(number) is handler}
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        ours = {}
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def release_signals() -> None:
    """Give the signals back, for a function that answers them itself."""
    if signal.getsignal(signal.SIGTERM) is _stop and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    if _importing(frame):  # libraries swallow an exception in their import, or make another one of it
        if launched_rank() == 0:
            os.write(2, b"stopped\n" if number == signal.SIGINT else b"terminated\n")
        os._exit(128 + number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    raise _TerminatedError


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
