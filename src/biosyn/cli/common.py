"""What every command shares: logging to stderr, the result as JSON on stdout, bad input as exit code 2."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from biosyn.distributed.environment import (
    RankLostError,
    launched_rank,
    only_first_prints,
    prefix,
    require_one_process,
    wait_for_first,
)
from biosyn.errors import InputError


def run_command(
    function: Callable[[argparse.Namespace], Any],
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    ranks: bool = False,
) -> int:
    """Parse, call, print the returned value as one JSON document on stdout; return the exit code.

    A value of None prints nothing. An InputError becomes one line on stderr and exit code 2.

    Parameters
    ----------
    ranks
        Whether several processes that torchrun started may do it together.
    """
    with only_first_prints():
        args = parser.parse_args(argv)
    _configure_logging(quiet=getattr(args, "quiet", False))
    try:
        if not ranks:
            require_one_process(parser.prog)
        result = function(args)
        text = None if result is None else _json(result)
    except InputError as error:
        wait_for_first()  # most errors meet every rank, and are printed once
        _print_error(parser.prog, " ".join(str(error).split()))
        return 2
    except RankLostError as error:
        if str(error):
            again = "start the command again" + (" with --resume" if hasattr(args, "resume") else "")
            _print_error(parser.prog, f"{error}: {again}")
        return 1
    except KeyboardInterrupt:
        if launched_rank() == 0:
            print(f"{parser.prog}: stopped", file=sys.stderr)
        return 130
    if text is not None and launched_rank() == 0:
        print(text)
    return 0


def _json(result: Any) -> str:
    from biosyn.files import json_text  # here, as below, so that --help does not wait for it

    return json_text(result, indent=2)


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


def _print_error(command: str, message: str) -> None:
    print(f"{prefix()}{command}: error: {message}", file=sys.stderr, flush=True)


def _configure_logging(*, quiet: bool) -> None:
    import logging

    logger = logging.getLogger("biosyn")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {prefix()}%(message)s", datefmt="%H:%M:%S"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING if quiet or launched_rank() > 0 else logging.INFO)
    logger.propagate = False
