"""What every command shares: its flags are parsed, it logs to stderr, its result is printed on stdout."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from biosyn.cli.exits import debug_wanted, guarded, print_result
from biosyn.distributed.environment import (
    RankLostError,
    launched_rank,
    only_first_prints,
    prefix,
    require_one_process,
)
from biosyn.errors import InputError


def run_command(
    function: Callable[[argparse.Namespace], Any],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    ranks: bool = False,
) -> int:
    """Parse, call, print the returned value on stdout, a text or one JSON document; return the exit code.

    A value of None prints nothing. `biosyn.cli.exits` says how errors end.

    Parameters
    ----------
    ranks
        Whether several processes that torchrun started may do it together.
    """
    flags, debug = debug_wanted(sys.argv[1:] if argv is None else argv)
    complete(parser)

    def work() -> int:
        with only_first_prints():
            args = parser.parse_args(flags)
        _configure_logging(quiet=getattr(args, "quiet", False))
        _refuse_nul(args)
        if not ranks:
            require_one_process(parser.prog)
        try:
            result = function(args)
        except RankLostError as error:
            again = "start the command again" + (" with --resume" if hasattr(args, "resume") else "")
            if str(error):
                print(f"{prefix()}{parser.prog}: error: {error}: {again}", file=sys.stderr, flush=True)
            return 1
        if result is not None and launched_rank() == 0:
            print_result(result)
        return 0

    return guarded(work, parser.prog, debug=debug)


def complete(parser: argparse.ArgumentParser) -> None:
    """Where a shell asks by argcomplete's protocol what may come next, answer and end the process."""
    if "_ARGCOMPLETE" in os.environ:
        with suppress(ModuleNotFoundError):
            import_module("argcomplete").autocomplete(parser)
        sys.exit(1)  # without the library: nothing may run


def call_function(function: str, config: Any, *, ranks: bool) -> Any:
    """Import a verb's function, ``module:name``, and call it; where `ranks`, as one of several processes.

    After torchrun has restarted a process, a verb that can resume does so.
    """
    module, _, name = function.partition(":")
    if not ranks:
        return getattr(import_module(module), name)(config)
    from biosyn.distributed.launch import joined  # here, so that --help does not wait for torch

    with joined(config.device) as restarted:
        if restarted and hasattr(config, "resume"):
            config = replace(config, resume=True)
        return getattr(import_module(module), name)(config)


def _refuse_nul(args: argparse.Namespace) -> None:
    """Refuse a NUL character, which no path may have, whatever kind of flag it is in."""
    for name, value in vars(args).items():
        if any(isinstance(part, str) and "\0" in part for part in (value if isinstance(value, list) else [value])):
            raise InputError(f"--{name} holds a NUL character: give a text without it")


def _configure_logging(*, quiet: bool) -> None:
    import logging

    logger = logging.getLogger("biosyn")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {prefix()}%(message)s", datefmt="%H:%M:%S"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING if quiet or launched_rank() > 0 else logging.INFO)
    logger.propagate = False
