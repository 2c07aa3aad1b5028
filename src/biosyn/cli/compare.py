"""biosyn compare: whether two runs differ, by how much, and on which mentions.

A run is a predictions_eval.json, or a folder that holds one (eval.py --save_predictions).
"""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_quiet
from biosyn.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_compare, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("compare")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="two runs, A and B")
    parser.add_argument("--a", nargs="+", default=[], metavar="RUN", help="in place of A: one run per seed")
    parser.add_argument("--b", nargs="+", default=[], metavar="RUN", help="in place of B: one run per seed")
    add_quiet(parser)
    return parser


def _compare(args: argparse.Namespace) -> dict[str, Any]:
    if args.runs and (len(args.runs) != 2 or args.a or args.b):
        raise InputError("give two runs, A and B, or --a RUN ... --b RUN ...")
    from biosyn.evaluation.compare import compare  # here, so that --help does not wait for numpy

    return compare(args.runs[:1] or args.a, args.runs[1:] or args.b)
