"""train.py: from a dictionary and annotated mentions to a checkpoint."""

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
from biosyn.config import TRAIN_PRECISIONS, TrainConfig
from biosyn.distributed.environment import restarts

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


def add_settings(parser: argparse.ArgumentParser, *, without: Sequence[str] = ()) -> None:
    """Add the flags of the numbers that a training is set by."""
    default = TrainConfig.__dataclass_fields__
    for flag, kind, text in SETTINGS:
        if flag not in without:
            value = default[flag].default
            parser.add_argument(f"--{flag}", type=kind, default=value, help=f"{text} (default: %(default)s)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train.py", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", required=True, help="encoder to start from, or a BioSyn model: a folder or a Hub id")
    add("--train_dictionary_path", required=True, help="dictionary, a line 'cui||name' each")
    add("--train_dir", required=True, help="folder of .concept files, e.g. processed_traindev")
    add("--output_dir", required=True, help="where the checkpoint and train_log.jsonl go")
    add("--dev_dir", help="folder of .concept files on which each epoch is measured")
    add("--dev_dictionary_path", help="dictionary for --dev_dir")
    add("--keep_best", action="store_true", help="keep the epoch with the best Acc@1 on dev, not the last one")
    add_settings(parser)
    add(
        "--fixed_candidates",
        action="store_true",
        help="keep the candidates of the first epoch: the paper's ablation of iterative retrieval",
    )
    add("--keep_sparse_weight", action="store_true", help="start from the w of the BioSyn model given")
    add("--draft", action="store_true", help="100 names, 10 mentions, output in <output_dir>_draft: a trial run")
    add("--resume", action="store_true", help="go on from the newest training state in --output_dir, if there is one")
    add(
        "--save_every_steps",
        type=int,
        metavar="N",
        default=TrainConfig.save_every_steps,
        help="save the training state every N steps too, not only after each epoch (default: %(default)s, never)",
    )
    add(
        "--keep_last",
        type=int,
        metavar="N",
        default=TrainConfig.keep_last,
        help="training states to keep; 0: one, and none once the training is complete (default: %(default)s)",
    )
    add("--save_checkpoint_all", action="store_true", help="also save checkpoint_N/ after each epoch")
    add("--gradient_checkpointing", action="store_true", help="less memory for more time: compute activations twice")
    add_precision(parser, TRAIN_PRECISIONS)
    add_search_memory(parser)
    add_revision(parser)
    add_device(parser)
    add_quiet(parser)
    return parser


def _train(args: argparse.Namespace) -> dict[str, Any]:
    args.resume = args.resume or restarts() > 0  # what torchrun starts again goes on
    config = make_config(TrainConfig, args)
    from biosyn.distributed.running import joined  # here, so that --help does not wait for torch
    from biosyn.train_run import train

    with joined(config.device):
        return train(config)


if __name__ == "__main__":
    sys.exit(main())
