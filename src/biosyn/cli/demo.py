"""demo.py: a page on which mentions are mapped to names of a dictionary."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from biosyn.cli.common import (
    MODEL_HELP,
    add_ann,
    add_cache_dir,
    add_compute,
    add_device,
    add_quiet,
    add_revision,
    make_config,
    run_command,
)
from biosyn.errors import InputError
from biosyn.settings.verbs import DemoConfig

QUICKSTART = Path("quickstart", "model"), Path("quickstart", "data", "test_dictionary.txt")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command until Ctrl-C or SIGTERM; return its exit code."""
    return run_command(_demo, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    default = DemoConfig.__dataclass_fields__
    parser = argparse.ArgumentParser(prog="demo.py", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", help=f"{MODEL_HELP} (default: the quickstart's)")
    add("--dictionary_path", help="dictionary, a line 'cui||name' each (default: the quickstart's)")
    add(
        "--host", default=default["host"].default, help="address to listen on (default: %(default)s, this machine only)"
    )
    add("--port", type=int, default=default["port"].default, help="0 takes a free one (default: %(default)s)")
    add("--topk", type=int, default=default["topk"].default, help="names to show (default: %(default)s)")
    add("--log_queries", action="store_true", help="write the mentions to the access log too")
    add("--show_predictions", action="store_true", help="taken for old command lines: they are always shown")
    add_revision(parser)
    add_cache_dir(parser)
    add_device(parser)
    add_compute(parser)
    add_ann(parser)
    add_quiet(parser)
    return parser


def _demo(args: argparse.Namespace) -> None:
    _take_quickstart(args)
    config = make_config(DemoConfig, args)
    from biosyn.web.server import demo  # here, so that --help does not wait for it

    demo(config)


def _take_quickstart(args: argparse.Namespace) -> None:
    """Put in what the quickstart made, where nothing is given."""
    given = args.model_name_or_path, args.dictionary_path
    if given == (None, None):
        missing = [path for path in QUICKSTART if not path.exists()]
        if missing:
            raise InputError(
                "not there: run make quickstart, or give --model_name_or_path and --dictionary_path", path=missing[0]
            )
        args.model_name_or_path, args.dictionary_path = map(str, QUICKSTART)
    elif None in given:
        raise InputError("--model_name_or_path and --dictionary_path go together: give both, or neither")


if __name__ == "__main__":
    sys.exit(main())
