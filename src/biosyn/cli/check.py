"""``biosyn check``: whether ids exist, are obsolete, and agree with their labels; exit code 1 where one does not."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.parsing import add_flags, make_config
from biosyn.settings.verbs import CheckConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="biosyn check",
        description="Say of ids and labels which ids do not exist, are obsolete, or do not agree with their label "
        "(docs/mappings.md). The exit code is 1 if there are any.",
    )
    text = "a file of ids and labels (CSV, TSV, JSON lines), or one id and its label"
    parser.add_argument("rows", nargs="+", metavar="FILE | ID LABEL", help=text)
    add_flags(parser, CheckConfig)
    return run_command(_check, parser, argv, failed=lambda result: not result["agrees"])


def _check(args: argparse.Namespace) -> Any:
    return call_function("biosyn.linking.check:check", make_config(CheckConfig, args), ranks=False)
