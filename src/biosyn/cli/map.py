"""``biosyn map``: labels, or the concepts of another dictionary, to concepts of a dictionary, as an SSSOM file."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config, section_of
from biosyn.settings.verbs import MapConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser("map")
    data = section_of(parser, "data")
    data.add_argument("terms", nargs="?", metavar="TERMS", help="labels to map: one a line, or a table or JSON lines")
    add_flags(parser, MapConfig, title="output")
    return run_command(_map, parser, argv)


def _map(args: argparse.Namespace) -> Any:
    return call_function("biosyn.linking.map:map_terms", make_config(MapConfig, args), ranks=False)
