"""biosyn ablate: the paper's ablation of score mode, fraction of dense candidates and iterative retrieval.

Choose by dev, not by test: give the train, dev and dev dictionary files of a corpus.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import run_command
from biosyn.cli.parsing import add_flags, make_config
from biosyn.settings.groups import Index
from biosyn.settings.verbs import EvalConfig, TrainConfig

DENSE_RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)

# settings that all trainings of an ablation share
TRAINING = (
    "max_length",
    "initial_sparse_weight",
    "epoch",
    "train_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "weight_decay",
    "seed",
    "topk",
    "revision",
    "device",
    "show_progress",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="biosyn ablate", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", required=True, help="encoder to start from: a folder or a Hub id")
    add("--train_dictionary_path", required=True, help="dictionary of the training")
    add("--train_dir", required=True, help="folder of .concept files to train on")
    add("--dictionary_path", required=True, help="dictionary of the evaluation")
    add("--data_dir", required=True, help="folder of .concept files to measure on")
    add("--output_dir", required=True, help="for ablation.jsonl and the models; given again, the ablation is resumed")
    text = f"fractions of dense candidates to train with (default: {' '.join(f'{ratio:g}' for ratio in DENSE_RATIOS)})"
    add("--dense_ratios", nargs="+", type=float, default=list(DENSE_RATIOS), metavar="FRACTION", help=text)
    add_flags(parser, TrainConfig, only=TRAINING)
    add_flags(parser, Index, only=("cache_dir",))
    return run_command(_ablate, parser, argv)


def _ablate(args: argparse.Namespace) -> dict[str, Any]:
    training = make_config(TrainConfig, args)
    # the evaluation is told what was seen in training, computes alike on every machine, and loads a folder: no Hub
    evaluation = make_config(EvalConfig, args, train_dir=(args.train_dir,), precision="float32", revision=None)
    from biosyn.training.ablate import ablate  # here, so that --help does not wait for torch

    return {"output_dir": training.output_dir, "rows": ablate(training, evaluation, dense_ratios=args.dense_ratios)}
