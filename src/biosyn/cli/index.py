"""``biosyn index``: embed a dictionary before it is searched, and make an approximate index of it."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config
from biosyn.settings.verbs import IndexConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser("index")
    actions = parser.add_subparsers(dest="action", required=True)
    text = "embed a dictionary; a build that was stopped is resumed"
    add_flags(actions.add_parser("build", help=text, description=f"{text.capitalize()}."), IndexConfig)
    return run_command(_build, parser, argv)


def _build(args: argparse.Namespace) -> Any:
    return call_function("biosyn.linking.loading:build_index", make_config(IndexConfig, args), ranks=False)
