"""inference.py: the best names of a mention, its concepts, or its embeddings."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from biosyn.cli.common import (
    MODEL_HELP,
    add_ann,
    add_cache_dir,
    add_compute,
    add_device,
    add_quiet,
    add_revision,
    add_threshold,
    make_config,
    run_command,
)
from biosyn.errors import InputError
from biosyn.settings.verbs import INFERENCE_TOPK, LINK_FORMATS, InferenceConfig, LinkConfig
from biosyn.text.abbreviations import ABBREVIATION_METHODS

# flags that go with one kind of input only
ONE_MENTION = ("show_predictions", "show_embeddings", "group_by_concept", "explain", "document")
A_FILE = ("output", "format", "types", "add", "abbreviations", "resume")
WITH_DEFAULT = ("column", "field", "on_error")  # of a file, too


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_infer, _parser(), argv, ranks=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="inference.py", description=__doc__)
    add = parser.add_argument
    add("--mention", help="the text to map, as it stands in a document")
    add("--model_name_or_path", required=True, help=MODEL_HELP)
    add("--dictionary_path", help="dictionary, a line 'cui||name' each")
    add("--show_predictions", action="store_true", help="give the best names (the default with a dictionary)")
    add("--show_embeddings", action="store_true", help="give the mention's vectors (the default without one)")
    add("--topk", type=int, default=INFERENCE_TOPK, help="names or concepts to give (default: %(default)s)")
    add("--group_by_concept", action="store_true", help="give concepts, each with the best of its names")
    add("--explain", action="store_true", help="give the best names with the reasons: cleaning, n-grams in common")
    add("--document", metavar="FILE", help="with --explain: the mention's document, whose abbreviations count")
    add(
        "--typo_path",
        metavar="FILE",
        help="with --explain or --input: corrections, a line 'wrong||right' each",
    )
    add_threshold(parser)
    split = "with --explain or --input: link the parts of 'breast and ovarian cancer' if each is a name"
    add("--split_composites", action="store_true", help=split)
    add_revision(parser)
    add_cache_dir(parser)
    add_device(parser)
    add_compute(parser)
    add_ann(parser)
    add_quiet(parser)
    add_linking(parser)
    return parser


def _infer(args: argparse.Namespace) -> dict[str, Any]:
    if wants_linking(args):
        return link(args)
    config = make_config(InferenceConfig, args)
    from biosyn.distributed.launch import joined  # here, so that --help does not wait for torch
    from biosyn.linking.mention import infer

    with joined(config.device):
        return infer(config)


def add_linking(parser: argparse.ArgumentParser) -> None:
    """Add the flags for a file of mentions."""
    add = parser.add_argument_group("a file of mentions (docs/formats.md)").add_argument
    add("--input", help="file of mentions; the same file with ids, names and scores in it becomes --output")
    add("--output", help="file to write, whole when all is done; gzip where it ends in .gz")
    add("--format", choices=LINK_FORMATS, help="the input's format (default: by the file's name)")
    add("--column", default="mention", help="column of a table that holds the mention (default: %(default)s)")
    add("--field", default="mention", help="member of a JSON object that holds it (default: %(default)s)")
    add("--types", help="link mentions of these types only, separated by commas")
    add("--add", choices=("id", "all"), help="id alone, or name and score too (default: all; PubTator: id)")
    add(
        "--abbreviations", choices=ABBREVIATION_METHODS, help="who finds them (default: ab3p where there are documents)"
    )
    add("--on_error", choices=("fail", "skip"), default="fail", help="what a bad record does (default: %(default)s)")
    add("--resume", action="store_true", help="go on with a run that was stopped")


def wants_linking(args: argparse.Namespace) -> bool:
    """Say whether a file is to be linked and not one mention.

    Raises
    ------
    InputError
        If it is both or neither, or flags of the other kind are given.
    """
    if (args.mention is None) == (args.input is None):
        raise InputError("give one of --mention TEXT and --input FILE")
    if args.input is not None and args.topk != INFERENCE_TOPK:
        raise InputError("--topk goes with --mention only: of a file's mentions the best name is written")
    for flag in ONE_MENTION if args.input is not None else A_FILE:
        if getattr(args, flag):
            raise InputError(f"--{flag} goes with {'--mention' if args.input is not None else '--input'} only")
    for flag in WITH_DEFAULT if args.input is None else ():
        if getattr(args, flag) != getattr(LinkConfig, flag):
            raise InputError(f"--{flag} goes with --input only")
    return args.input is not None


def link(args: argparse.Namespace) -> dict[str, Any]:
    """Link the file; return the counts."""
    config = make_config(LinkConfig, args)
    from biosyn.distributed.launch import joined  # here, so that --help does not wait for torch
    from biosyn.linking.file import link_file

    with joined(config.device) as restarted:
        return link_file(replace(config, resume=config.resume or restarted))


if __name__ == "__main__":
    sys.exit(main())
