"""``biosyn inference``: a mention to its best names, concepts or embeddings; a file of mentions, or texts, linked."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config
from biosyn.distributed.environment import require_one_process
from biosyn.errors import InputError
from biosyn.settings.verbs import InferenceConfig, LinkConfig, TextConfig

# flags that go with some kinds of input only
ONE_MENTION = ("topk", "show_predictions", "show_embeddings", "group_by_concept", "explain", "document")
A_FILE = ("header", "delimiter", "quotes", "types", "add", "ids", "resume", "column", "field", "on_error")
WRITTEN = ("output", "format", "abbreviations")
OF_ONE_INPUT = {
    "mention": (*ONE_MENTION, "typo_path", "split_composites"),
    "input": (*A_FILE, *WRITTEN, "typo_path", "split_composites"),
    "text": WRITTEN,
}
DEFAULTS = {one.name: one.default for config in (LinkConfig, InferenceConfig) for one in fields(config)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser("inference")
    add_flags(parser, InferenceConfig, title="one mention")
    add_flags(parser, LinkConfig, title="a file of mentions")
    add_flags(parser, TextConfig, title="texts without mentions")
    return run_command(_infer, parser, argv, ranks=True)


def _infer(args: argparse.Namespace) -> dict[str, Any]:
    kind = _kind_of_input(args)
    if kind == "text":
        require_one_process("inference --text")
    function, config = {
        "mention": ("biosyn.linking.mention:infer", InferenceConfig),
        "input": ("biosyn.linking.file:link_file", LinkConfig),
        "text": ("biosyn.linking.annotate:annotate_files", TextConfig),
    }[kind]
    return dict(call_function(function, make_config(config, args), ranks=True))


def _kind_of_input(args: argparse.Namespace) -> str:
    """Return which one of the inputs is given; refuse several, none, and flags of another one."""
    given = [kind for kind in OF_ONE_INPUT if getattr(args, kind) not in (None, [])]
    if len(given) != 1:
        raise InputError("give one of --mention TEXT, --input FILE and --text FILE")
    for flag in dict.fromkeys(flag for flags in OF_ONE_INPUT.values() for flag in flags):
        takers = [kind for kind, flags in OF_ONE_INPUT.items() if flag in flags]
        if given[0] not in takers and getattr(args, flag) not in (None, DEFAULTS[flag]):
            raise InputError(f"--{flag} goes with {' and '.join(f'--{kind}' for kind in takers)} only")
    return given[0]
