"""pretrain.py: from a dictionary alone to a checkpoint, by self-alignment of its synonyms."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import (
    add_device,
    add_precision,
    add_quiet,
    add_revision,
    add_search_memory,
    make_config,
    run_command,
)
from biosyn.config import POOLINGS, TRAIN_PRECISIONS, PretrainConfig

SETTINGS = (
    ("max_length", int, "tokens kept of a name, [CLS] and [SEP] included"),
    ("seed", int, "of the names' and batches' order and the dropout"),
    ("epoch", int, "epochs: in each, every concept comes once, with two of its names"),
    ("train_batch_size", int, "concepts of a step"),
    ("group_size", int, "concepts of a batch that are alike, so hard to tell apart; 1 makes batches at random"),
    ("learning_rate", float, "of the encoder at its highest"),
    ("warmup", float, "share of the steps in which the rate rises; then it falls to 0"),
    ("weight_decay", float, "of the encoder"),
    ("temperature", float, "cosines are divided by it for the loss"),
    ("initial_sparse_weight", float, "the weight w of the sparse score, which is not trained here"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_pretrain, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pretrain.py", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", required=True, help="encoder to start from, or a BioSyn model: a folder or a Hub id")
    add("--train_dictionary_path", required=True, help="dictionary, a line 'cui||name' each")
    add("--output_dir", required=True, help="where the checkpoint and train_log.jsonl go")
    default = PretrainConfig.__dataclass_fields__
    for flag, kind, text in SETTINGS:
        add(f"--{flag}", type=kind, default=default[flag].default, help=f"{text} (default: %(default)s)")
    add("--pooling", choices=POOLINGS, default=default["pooling"].default)
    add_precision(parser, TRAIN_PRECISIONS)
    add_search_memory(parser)
    add_revision(parser)
    add_device(parser)
    add_quiet(parser)
    return parser


def _pretrain(args: argparse.Namespace) -> dict[str, Any]:
    config = make_config(PretrainConfig, args)
    from biosyn.pretrain_run import pretrain  # here, so that --help does not wait for torch

    return pretrain(config)


if __name__ == "__main__":
    sys.exit(main())
