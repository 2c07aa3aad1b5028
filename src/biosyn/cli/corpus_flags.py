"""The flags of ``preprocess.py``'s corpora: those that all of them have, and those of each."""

import argparse

from biosyn.cli.common import add_quiet
from biosyn.corpora import bc2gn, bc5cdr, medmentions, ncbi_disease, tac2017adr
from biosyn.corpora.bioc import ID_KEYS
from biosyn.corpora.folder import SPLITS
from biosyn.text.abbreviations import ABBREVIATION_METHODS


def add_common_flags(parser: argparse.ArgumentParser, *, composites: str) -> None:
    """Add the dictionary, the output, and what is done to mentions; ``composites`` is the default of that flag."""
    parser.add_argument("--dictionary", required=True, help="the ontology: a file of 'ids||name|name...' lines")
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
    parser.add_argument(
        "--composites",
        choices=("split", "keep"),
        default=composites,
        help=f"a mention of several ids: split it where it has a part for each, or keep it (default: {composites})",
    )
    parser.add_argument(
        "--on_error",
        choices=("fail", "skip"),
        default="fail",
        help="a bad line or document of the corpus: end there, or leave it out and count it (default: fail)",
    )
    add_quiet(parser)


def ncbi_disease_flags(parser: argparse.ArgumentParser) -> None:
    """Add the folder and the spelling file."""
    _add_raw_dir(parser, ", ".join(ncbi_disease.FILES.values()))
    _add_typo_path(parser)


def bc5cdr_flags(parser: argparse.ArgumentParser) -> None:
    """Add the type of mentions and the folder."""
    parser.add_argument("--type", required=True, choices=bc5cdr.TYPES)
    _add_raw_dir(parser, ", ".join(bc5cdr.FILES.values()))


def medmentions_flags(parser: argparse.ArgumentParser) -> None:
    """Add the version, the folder and the semantic types."""
    parser.add_argument("--version", choices=medmentions.VERSIONS, default="st21pv", help="(default: st21pv)")
    _add_raw_dir(parser, "the corpus's repository, or of corpus_pubtator.txt and its three lists of ids")
    _add_types(parser, "semantic types, T047")


def tac2017adr_flags(parser: argparse.ArgumentParser) -> None:
    """Add the folder and how to make a dev set."""
    _add_raw_dir(parser, f"the folders {' and '.join(tac2017adr.FOLDERS.values())}")
    _add_dev_share(parser)


def bc2gn_flags(parser: argparse.ArgumentParser) -> None:
    """Add the folder and how to make a dev set."""
    _add_raw_dir(parser, f"{' and '.join(bc2gn.GENE_LISTS.values())} and the abstracts")
    _add_dev_share(parser)


def file_flags(parser: argparse.ArgumentParser) -> None:
    """Add a file for each split, and what can differ between corpora of one format."""
    for split in SPLITS:
        parser.add_argument(f"--{split}", metavar="FILE", help=f"the {split} set; one split at least is needed")
    _add_types(parser, "types of mentions")
    parser.add_argument("--id_prefix", default="", help="is taken off every id: UMLS:")
    _add_typo_path(parser)
    _add_dev_share(parser)


def bioc_flags(parser: argparse.ArgumentParser) -> None:
    """Add what all files have, and where the ids stand."""
    file_flags(parser)
    parser.add_argument(
        "--id_keys",
        nargs="+",
        default=ID_KEYS,
        metavar="KEY",
        help=f"infons of an annotation of which the first that it has holds its ids (default: {', '.join(ID_KEYS)})",
    )


def _add_raw_dir(parser: argparse.ArgumentParser, holds: str) -> None:
    parser.add_argument("--raw_dir", required=True, help=f"folder of {holds}")


def _add_typo_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--typo_path", help="spelling corrections: a file of 'wrong||right' lines (default: none)")


def _add_dev_share(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dev_share", type=float, help="share of the train documents that becomes dev (default: none)")
    parser.add_argument("--seed", type=int, default=0, help="draws these documents (default: 0)")


def _add_types(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--types", nargs="+", default=[], metavar="TYPE", help=f"keep these {what} (default: all)")
