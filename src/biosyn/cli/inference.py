"""``biosyn inference``: a mention to its best names, concepts or embeddings; or a file of mentions, linked."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config
from biosyn.errors import InputError
from biosyn.settings.verbs import INFERENCE_TOPK, InferenceConfig, LinkConfig

# flags that go with one kind of input only
ONE_MENTION = ("show_predictions", "show_embeddings", "group_by_concept", "explain", "document")
A_FILE = ("output", "format", "header", "delimiter", "quotes", "types", "add", "abbreviations", "resume")
A_FILE_WITH_DEFAULT = ("column", "field", "on_error")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser("inference")
    add_flags(parser, InferenceConfig, title="one mention")
    add_flags(parser, LinkConfig, title="a file of mentions")
    return run_command(_infer, parser, argv, ranks=True)


def _infer(args: argparse.Namespace) -> dict[str, Any]:
    if _has_file(args):
        found = call_function("biosyn.linking.file:link_file", make_config(LinkConfig, args), ranks=True)
    else:
        found = call_function("biosyn.linking.mention:infer", make_config(InferenceConfig, args), ranks=True)
    return dict(found)


def _has_file(args: argparse.Namespace) -> bool:
    """Say whether a file is to be linked and not one mention; refuse both, neither, and flags of the other kind."""
    if (args.mention is None) == (args.input is None):
        raise InputError("give one of --mention TEXT and --input FILE")
    if args.input is not None and args.topk != INFERENCE_TOPK:
        raise InputError("--topk goes with --mention only: the best name of each mention of a file is written")
    for flag in ONE_MENTION if args.input is not None else A_FILE:
        if getattr(args, flag):
            raise InputError(f"--{flag} goes with {'--mention' if args.input is not None else '--input'} only")
    for flag in A_FILE_WITH_DEFAULT if args.input is None else ():
        if getattr(args, flag) != getattr(LinkConfig, flag):
            raise InputError(f"--{flag} goes with --input only")
    return args.input is not None
