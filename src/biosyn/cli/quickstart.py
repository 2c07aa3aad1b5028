"""biosyn quickstart: preprocess, train, evaluate and infer on the Human Phenotype Ontology."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from biosyn.cli.common import add_device, add_quiet, chosen_device, run_command, show_progress

if TYPE_CHECKING:
    from biosyn.quickstart import QuickstartResult


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_quickstart, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="biosyn quickstart", description=__doc__)
    parser.add_argument("--output_dir", default="quickstart", help="for data/ and model/ (default: %(default)s)")
    parser.add_argument("--epoch", type=int, default=1, help="epochs of training (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the held-out names and the training (default: 0)")
    add_device(parser)
    add_quiet(parser)
    return parser


def _quickstart(args: argparse.Namespace) -> None:
    from biosyn.quickstart import quickstart  # here, so that --help does not wait for torch

    result = quickstart(
        args.output_dir,
        epochs=args.epoch,
        seed=args.seed,
        device=chosen_device(args),
        show_progress=show_progress(args),
    )
    print("\n".join([*_accuracy_lines(result), "", *_prediction_lines(result), "", *_next_lines(result)]))


def _accuracy_lines(result: "QuickstartResult") -> list[str]:
    names, mentions = result.counts["dictionary_names"]["test"], result.counts["queries"]["test"]
    rows = (
        ("sparse only (TF-IDF)", result.untrained["sparse"]),
        ("untrained encoder, dense only", result.untrained["dense"]),
        ("trained, dense only", result.trained["dense"]),
        ("trained, hybrid", result.trained["hybrid"]),
    )
    return [
        f"{mentions} held-out synonyms, never seen in training, against {names} names:",
        f"  {'':32}Acc@1   Acc@5",
        *(f"  {title:32}{figures['acc1']:.4f}  {figures['acc5']:.4f}" for title, figures in rows),
    ]


def _prediction_lines(result: "QuickstartResult") -> list[str]:
    return [
        f"'{result.prediction['mention']}' is mapped to:",
        *(f"  {found['score']:8.2f}  {found['id']:12} {found['name']}" for found in result.prediction["predictions"]),
    ]


def _next_lines(result: "QuickstartResult") -> list[str]:
    model = f"--model_name_or_path {result.model_dir} --dictionary_path {result.data_dir / 'test_dictionary.txt'}"
    return [
        "Go on with:",
        f"  {sys.executable} inference.py {model} --mention 'big ears'",
        f"  {sys.executable} demo.py {model}",
    ]


if __name__ == "__main__":
    sys.exit(main())
