"""biosyn index: embed a dictionary before it is searched, and make an approximate index of it."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import (
    MODEL_HELP,
    add_cache_dir,
    add_compute,
    add_device,
    add_quiet,
    add_revision,
    make_config,
    run_command,
)
from biosyn.settings.verbs import IndexConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_build, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="biosyn index", description=f"{__doc__} biosyn cache lists and removes them.")
    actions = parser.add_subparsers(dest="action", required=True)
    text = "embed a dictionary; one that was stopped goes on where it was"
    build = actions.add_parser("build", help=text, description=text)
    add = build.add_argument
    add("--model_name_or_path", required=True, help=MODEL_HELP)
    add("--dictionary_path", required=True, help="dictionary, a line 'cui||name' each")
    add("--ann", action="store_true", help="make an approximate index too, and measure its recall (docs/scale.md)")
    add_revision(build)
    add_cache_dir(build)
    add_device(build)
    add_compute(build)
    add_quiet(build)
    return parser


def _build(args: argparse.Namespace) -> dict[str, Any]:
    config = make_config(IndexConfig, args)
    from biosyn.linking.loading import build_index  # here, so that --help does not wait for torch

    return build_index(config)


if __name__ == "__main__":
    sys.exit(main())
