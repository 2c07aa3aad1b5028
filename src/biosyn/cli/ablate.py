"""biosyn ablate: the paper's ablation, score mode x share of dense candidates x iterative retrieval or not.

Choose by dev, not by test: give the train, dev and dev dictionary files of a corpus.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import add_cache_dir, add_device, add_quiet, add_revision, make_config, run_command
from biosyn.cli.train import SETTINGS
from biosyn.cli.training_flags import add_numbers
from biosyn.settings.verbs import EvalConfig, TrainConfig

DENSE_RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_ablate, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="biosyn ablate", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", required=True, help="encoder to start from: a folder or a Hub id")
    add("--train_dictionary_path", required=True, help="dictionary of the training")
    add("--train_dir", required=True, help="folder of .concept files to train on")
    add("--dictionary_path", required=True, help="dictionary of the evaluation")
    add("--data_dir", required=True, help="folder of .concept files to measure on")
    add(
        "--output_dir", required=True, help="for ablation.jsonl and the models; the same again goes on where it stopped"
    )
    add(
        "--dense_ratios",
        nargs="+",
        type=float,
        default=list(DENSE_RATIOS),
        metavar="SHARE",
        help="(default: 0 0.25 0.5 0.75 1)",
    )
    add_numbers(parser, TrainConfig, [setting for setting in SETTINGS if setting[0] != "dense_ratio"])
    add_revision(parser)
    add_cache_dir(parser)
    add_device(parser)
    add_quiet(parser)
    return parser


def _ablate(args: argparse.Namespace) -> dict[str, Any]:
    training = make_config(TrainConfig, args)
    args.train_dir, args.revision = (args.train_dir,), None  # of the evaluation: what was seen, and no Hub
    evaluation = make_config(EvalConfig, args)
    from biosyn.training.ablate import ablate  # here, so that --help does not wait for torch

    return {"output_dir": training.output_dir, "rows": ablate(training, evaluation, dense_ratios=args.dense_ratios)}


if __name__ == "__main__":
    sys.exit(main())
