"""inference.py: the best names of a mention, its concepts, or its embeddings."""

import argparse
import sys
from collections.abc import Sequence
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
from biosyn.cli.linking import add_linking, link, wants_linking
from biosyn.config import INFERENCE_TOPK, InferenceConfig


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
    from biosyn.distributed.running import joined  # here, so that --help does not wait for torch
    from biosyn.linking.mention import infer

    with joined(config.device):
        return infer(config)


if __name__ == "__main__":
    sys.exit(main())
