"""train.py: from a dictionary and annotated mentions to a checkpoint."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from biosyn.cli.common import make_config, run_command
from biosyn.cli.training_flags import add_data, add_numbers, add_run
from biosyn.settings.verbs import POOLINGS, SIMILARITIES, TrainConfig

SETTINGS = (
    ("max_length", int, "tokens kept of a name or mention, [CLS] and [SEP] included"),
    ("seed", int, "of the mentions' order and the dropout"),
    ("topk", int, "candidates of a mention"),
    ("learning_rate", float, "of the encoder, constant"),
    ("weight_decay", float, "of the encoder"),
    ("train_batch_size", int, "mentions of a batch, of all ranks together"),
    ("gradient_accumulation_steps", int, "batches of a step: as one batch so much larger, in the memory of one"),
    ("epoch", int, "epochs; 0 fits the TF-IDF and saves"),
    ("initial_sparse_weight", float, "the weight w of the sparse score before training"),
    ("dense_ratio", float, "share of the candidates that come from the dense score"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_train, _parser(), argv, ranks=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train.py", description=__doc__)
    add = parser.add_argument
    add_data(parser)
    add("--train_dir", required=True, help="folder of .concept files, e.g. processed_traindev")
    add_numbers(parser, TrainConfig, SETTINGS)
    add(
        "--fixed_candidates",
        action="store_true",
        help="keep the candidates of the first epoch: the paper's ablation of iterative retrieval",
    )
    add("--keep_sparse_weight", action="store_true", help="start from the w of the BioSyn model given")
    add("--gradient_checkpointing", action="store_true", help="less memory for more time: compute activations twice")
    _add_vectors(parser)
    add_run(parser)
    return parser


def _add_vectors(parser: argparse.ArgumentParser) -> None:
    """Add ``--pooling``, ``--similarity`` and ``--temperature``."""
    add = parser.add_argument
    add(
        "--pooling", choices=POOLINGS, help="a vector is the state at [CLS], or the mean (default: the model's, or cls)"
    )
    add("--similarity", choices=SIMILARITIES, help="of two vectors (default: the model's, or inner)")
    text = "scores are divided by it for the loss; 0.05 suits cosines (default: %(default)s)"
    add("--temperature", type=float, default=1.0, help=text)


def _train(args: argparse.Namespace) -> dict[str, Any]:
    config = make_config(TrainConfig, args)
    from biosyn.distributed.launch import joined  # here, so that --help does not wait for torch
    from biosyn.training.train import train

    with joined(config.device) as restarted:
        return train(replace(config, resume=config.resume or restarted))


if __name__ == "__main__":
    sys.exit(main())
