"""biosyn ablate: the paper's ablation of score mode, fraction of dense candidates and iterative retrieval.

Choose by dev, not by test: give the train, dev and dev dictionary files of a corpus.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, make_config, section_of
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
    parser = Parser("ablate")
    model, data, output, training = (section_of(parser, title) for title in ("model", "data", "output", "training"))
    text = "encoder to start from: a folder or a Hub id"
    model.add_argument("--model_name_or_path", required=True, metavar="MODEL", help=text)
    for flag, metavar, text in (
        ("--train_dictionary_path", "FILE", "dictionary of the training"),
        ("--train_dir", "FOLDER", "folder of .concept files to train on"),
        ("--dictionary_path", "FILE", "dictionary of the evaluation"),
        ("--data_dir", "FOLDER", "folder of .concept files to measure on"),
    ):
        data.add_argument(flag, required=True, metavar=metavar, help=text)
    text = "for ablation.jsonl and the models; given again, the ablation is resumed"
    output.add_argument("--output_dir", required=True, metavar="FOLDER", help=text)
    text = f"fractions of dense candidates to train with (default: {' '.join(f'{ratio:g}' for ratio in DENSE_RATIOS)})"
    training.add_argument("--dense_ratios", nargs="+", type=float, default=[*DENSE_RATIOS], metavar="X", help=text)
    add_flags(parser, TrainConfig, title="training", only=TRAINING)
    add_flags(parser, Index, only=("cache_dir",))
    return run_command(_ablate, parser, argv)


def _ablate(args: argparse.Namespace) -> dict[str, Any]:
    training = make_config(TrainConfig, args)
    # the evaluation is told what was seen in training, computes alike on every machine, and loads a folder: no Hub
    evaluation = make_config(EvalConfig, args, train_dir=(args.train_dir,), precision="float32", revision=None)
    from biosyn.training.ablate import ablate  # here, so that --help does not wait for torch

    return {"output_dir": training.output_dir, "rows": ablate(training, evaluation, dense_ratios=args.dense_ratios)}
