"""What every command shares: logging to stderr, the result as JSON on stdout, bad input as exit code 2."""

import argparse
import inspect
import json
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from biosyn.distributed.environment import (
    RankLostError,
    launched_rank,
    only_first_prints,
    prefix,
    require_one_process,
    wait_for_first,
)
from biosyn.errors import InputError
from biosyn.settings.verbs import INDEX_PRECISIONS, PRECISIONS, SEARCH_MEMORY

logger = logging.getLogger("biosyn")

MODEL_HELP = "a BioSyn model: a folder that train.py or pretrain.py wrote, a published checkpoint, or a Hub id"

Config = TypeVar("Config")


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
    if result is not None and launched_rank() == 0:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    return 0


def add_cache_dir(parser: argparse.ArgumentParser) -> None:
    """Add ``--cache_dir``."""
    parser.add_argument(
        "--cache_dir", help="where the embedded dictionary is kept (default: $BIOSYN_CACHE, else the user's cache)"
    )


def add_compute(parser: argparse.ArgumentParser) -> None:
    """Add ``--precision``, ``--index_precision`` and ``--search_memory``."""
    add_precision(parser, PRECISIONS)
    parser.add_argument(
        "--index_precision",
        choices=INDEX_PRECISIONS,
        default="float32",
        help="how the embedded dictionary is kept; float16 takes half the space (default: %(default)s)",
    )
    add_search_memory(parser)


def add_precision(parser: argparse.ArgumentParser, choices: Sequence[str]) -> None:
    """Add ``--precision``."""
    parser.add_argument(
        "--precision",
        choices=choices,
        default="float32",
        help="what the encoder computes in; less than float32 is for GPUs, or CPUs made for it (default: %(default)s)",
    )


def add_search_memory(parser: argparse.ArgumentParser) -> None:
    """Add ``--search_memory``."""
    parser.add_argument(
        "--search_memory",
        type=int,
        metavar="MB",
        default=SEARCH_MEMORY,
        help="what a search may take beyond the vectors (default: %(default)s)",
    )


def add_ann(parser: argparse.ArgumentParser) -> None:
    """Add ``--ann``."""
    parser.add_argument(
        "--ann",
        action="store_true",
        help="search the approximate index that biosyn index build --ann made: of millions of names in milliseconds",
    )


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """Add ``--threshold``."""
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="answer -1 where the best concept is right with a probability below P; needs biosyn calibrate",
    )


def add_hide_concepts(parser: argparse.ArgumentParser) -> None:
    """Add ``--hide_concepts`` and ``--seed``."""
    parser.add_argument(
        "--hide_concepts",
        type=float,
        metavar="SHARE",
        default=0.0,
        help="take this share of the concepts out of the dictionary, so that their mentions have none there",
    )
    parser.add_argument("--seed", type=int, default=0, help="which concepts are hidden (default: %(default)s)")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``: no progress bars, warnings only."""
    parser.add_argument("--quiet", action="store_true", help="no progress bars, warnings only")


def add_revision(parser: argparse.ArgumentParser) -> None:
    """Add ``--revision``."""
    parser.add_argument("--revision", help="branch, tag or commit of a Hub id (default: main)")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device`` and upstream's ``--use_cuda``."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--use_cuda", action="store_true", help="the same as --device cuda")


def chosen_device(args: argparse.Namespace) -> str:
    """Return the device's name from the two flags; ``--use_cuda`` contradicting ``--device`` is an InputError."""
    if args.use_cuda and args.device == "auto":
        return "cuda"
    if args.use_cuda and not args.device.startswith("cuda"):
        raise InputError(f"--use_cuda contradicts --device {args.device}: give one of them")
    return str(args.device)


def show_progress(args: argparse.Namespace) -> bool:
    """Say whether progress bars are wanted: of several ranks on the first, not with ``--quiet``, on a terminal only."""
    return not args.quiet and sys.stderr.isatty() and launched_rank() == 0


def make_config(config: Callable[..., Config], args: argparse.Namespace) -> Config:
    """Return the verb's config from the flags that bear the names of its fields."""
    known = inspect.signature(config).parameters
    values = {key: value for key, value in vars(args).items() if key in known}
    if "device" in known:
        values["device"] = chosen_device(args)
    if "show_progress" in known:
        values["show_progress"] = show_progress(args)
    return config(**values)


def _print_error(command: str, message: str) -> None:
    print(f"{prefix()}{command}: error: {message}", file=sys.stderr, flush=True)


def _configure_logging(*, quiet: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {prefix()}%(message)s", datefmt="%H:%M:%S"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.WARNING if quiet or launched_rank() > 0 else logging.INFO)
    logger.propagate = False
