"""``biosyn demo``: a page on which mentions are mapped to concepts of a dictionary."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from biosyn.cli.common import call_function, run_command
from biosyn.cli.exits import release_signals
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config
from biosyn.errors import InputError
from biosyn.settings.verbs import DemoConfig

QUICKSTART = Path("quickstart", "model"), Path("quickstart", "data", "test_dictionary.txt")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command until Ctrl-C or SIGTERM; return its exit code."""
    parser = Parser("demo")
    add_flags(parser, DemoConfig, title="server")
    parser.add_argument("--show_predictions", action="store_true", help="for old command lines: they are always shown")
    return run_command(_demo, parser, argv)


def _demo(args: argparse.Namespace) -> None:
    _take_quickstart(args)
    release_signals()  # the server answers them: the first ends it when open requests are answered, a second at once
    call_function("biosyn.web.server:demo", make_config(DemoConfig, args), ranks=False)


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
