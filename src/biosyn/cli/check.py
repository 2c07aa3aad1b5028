"""``biosyn check``: whether ids exist, are obsolete, and agree with their labels; exit code 1 where one does not."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config, section_of
from biosyn.settings.verbs import CheckConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser("check")
    text = "a file of ids and labels (CSV, TSV, JSON lines), or one id and its label"
    section_of(parser, "data").add_argument("rows", nargs="+", metavar="FILE | ID LABEL", help=text)
    add_flags(parser, CheckConfig, title="output")
    return run_command(_check, parser, argv, failed=lambda result: not result["agrees"])


def _check(args: argparse.Namespace) -> Any:
    return call_function("biosyn.linking.check:check", make_config(CheckConfig, args), ranks=False)
