"""pretrain.py: from a dictionary alone to a checkpoint, by self-alignment of its synonyms."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import make_config, run_command
from biosyn.cli.training_flags import add_data, add_numbers, add_run
from biosyn.settings.verbs import POOLINGS, PretrainConfig

SETTINGS = (
    ("max_length", int, "tokens kept of a name, [CLS] and [SEP] included"),
    ("seed", int, "of the names drawn, the batches' order and the dropout"),
    ("epoch", int, "epochs: in each, every concept comes once, with two of its names; 0 saves the encoder as it is"),
    ("train_batch_size", int, "concepts of a step"),
    ("group_size", int, "concepts of a step that are alike, so hard to tell apart; 1 draws all at random"),
    ("learning_rate", float, "of the encoder, at its highest"),
    ("warmup", float, "share of the steps in which the rate rises; after them it falls to 0"),
    ("weight_decay", float, "of the encoder"),
    ("temperature", float, "cosines are divided by it for the loss"),
    ("initial_sparse_weight", float, "the weight w of the sparse score, which is not trained here"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_pretrain, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pretrain.py", description=__doc__)
    add_data(parser)
    add_numbers(parser, PretrainConfig, SETTINGS)
    default = PretrainConfig.pooling
    text = "a name's vector is the mean over its tokens, or the state at [CLS] (default: %(default)s)"
    parser.add_argument("--pooling", choices=POOLINGS, default=default, help=text)
    add_run(parser)
    return parser


def _pretrain(args: argparse.Namespace) -> dict[str, Any]:
    config = make_config(PretrainConfig, args)
    from biosyn.training.pretrain import pretrain  # here, so that --help does not wait for torch

    return pretrain(config)


if __name__ == "__main__":
    sys.exit(main())
