"""eval.py: Acc@k of a checkpoint on a folder of annotated mentions."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import (
    MODEL_HELP,
    add_cache_dir,
    add_compute,
    add_device,
    add_hide_concepts,
    add_quiet,
    add_revision,
    add_threshold,
    make_config,
    run_command,
)
from biosyn.settings.verbs import SCORE_MODES, EvalConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_eval, _parser(), argv, ranks=True)


def _parser() -> argparse.ArgumentParser:
    default = EvalConfig.__dataclass_fields__
    parser = argparse.ArgumentParser(prog="eval.py", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", required=True, help=MODEL_HELP)
    add("--dictionary_path", required=True, help="dictionary, a line 'cui||name' each")
    add("--data_dir", required=True, help="folder of .concept files, e.g. processed_test")
    add("--topk", type=int, default=default["topk"].default, help="names kept of a mention (default: %(default)s)")
    add("--score_mode", choices=SCORE_MODES, default=default["score_mode"].default, help="(default: %(default)s)")
    add("--output_dir", default=default["output_dir"].default, help="for metrics.json (default: %(default)s)")
    add("--filter_composite", action="store_true", help="leave out the mentions with several ids")
    add("--filter_duplicate", action="store_true", help="keep the first of each (mention, id) pair")
    add("--save_predictions", action="store_true", help="write predictions_eval.json into --output_dir")
    add(
        "--train_dir",
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of training queries, for the refined protocol and the slices of seen mentions and concepts",
    )
    add(
        "--record_as",
        metavar="NAME",
        help="add Acc@1 and Acc@5 to the checkpoint's manifest and model card, e.g. as test",
    )
    add("--max_length", type=int, help="tokens kept of a text (default: the checkpoint's)")
    add("--report", action="store_true", help="write report.html, one page with all of it, into --output_dir")
    add_threshold(parser)
    add_hide_concepts(parser)
    add_revision(parser)
    add_cache_dir(parser)
    add_device(parser)
    add_compute(parser)
    add_quiet(parser)
    return parser


def _eval(args: argparse.Namespace) -> dict[str, Any]:
    args.train_dir = tuple(args.train_dir)
    config = make_config(EvalConfig, args)
    from biosyn.distributed.launch import joined  # here, so that --help does not wait for torch
    from biosyn.evaluation.evaluate import evaluate

    with joined(config.device):
        return evaluate(config)


if __name__ == "__main__":
    sys.exit(main())
