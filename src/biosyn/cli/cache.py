"""biosyn cache: the embedded dictionaries that eval.py, inference.py and demo.py keep."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biosyn.cli.common import run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config
from biosyn.settings.groups import Index


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_cache, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("cache")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, text in (
        ("ls", "list them"),
        ("rm", "remove one, or all"),
        ("verify", "compare every block of one, or of all, with its checksum"),
    ):
        action = actions.add_parser(  # what removes takes whole flags only: --al is no --all
            name, help=text, description=f"{text.capitalize()}.", allow_abbrev=name != "rm"
        )
        if name != "ls":
            which = action.add_mutually_exclusive_group(required=name == "rm")
            which.add_argument("--key", help="the first digits of one key")
            which.add_argument("--all", action="store_true", help="all of them")
        add_flags(action, Index, only=("cache_dir",))
    return parser


def _cache(args: argparse.Namespace) -> dict[str, Any]:
    # here, so that --help does not wait for numpy
    from biosyn.index.cache import default_cache_dir, list_indexes, list_unfinished, remove_index, verify_indexes

    chosen = make_config(Index, args).cache_dir
    folder = Path(chosen) if chosen else default_cache_dir()
    if args.action == "rm":
        return {"cache_dir": str(folder), "removed": remove_index(folder, args.key)}
    if args.action == "verify":
        return {"cache_dir": str(folder), "sound": verify_indexes(folder, args.key)}
    return {
        "cache_dir": str(folder),
        "indexes": [
            {
                "key": entry.key,
                "names": entry.n_names,
                "bytes": entry.n_bytes,
                "precision": entry.precision,
                "compute": entry.compute,
                "problem": entry.problem,
                "approximate": list(entry.approximate),
            }
            for entry in list_indexes(folder)
        ],
        "unfinished": list_unfinished(folder),
    }
