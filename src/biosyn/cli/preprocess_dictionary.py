"""``preprocess.py dictionary``: an ontology to a dictionary, or what changed between two dictionaries."""

import argparse
from pathlib import Path
from typing import Any

from biosyn.cli.parsing import add_quiet, section_of, show_progress, whole_number
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import CONCEPTS_FILE
from biosyn.data.vocabularies import VOCABULARIES_FILE
from biosyn.errors import InputError
from biosyn.ontologies.branch import branch_of
from biosyn.ontologies.build import build_dictionary
from biosyn.ontologies.diff import dictionary_diff
from biosyn.ontologies.formats import BARE_IDS, OPTIONS, READERS, read_ontology
from biosyn.ontologies.source import parts_of
from biosyn.ontologies.terms import SCOPES
from biosyn.places import Inputs

FOLDER_FILES = (
    "*.asc",
    "*.RRF",
    "*.RRF.gz",
    "sct2_*",
)  # of MedDRA, the UMLS and SNOMED CT: read where one of them is given


def add_dictionary(commands: Any) -> None:
    """Add the command ``dictionary`` to the subparsers of ``preprocess.py``."""
    parser = commands.add_parser(
        "dictionary",
        help="any ontology to a dictionary; or what changed between two",
        description=f"Write an ontology's cleaned names to --output and its concepts to {CONCEPTS_FILE} beside it.",
    )
    data, output = section_of(parser, "data"), section_of(parser, "output")
    data.add_argument("path", nargs="*", metavar="PATH", help="file, .gz or not; a folder for meddra, umls, snomed")
    data.add_argument("--from", dest="format", choices=READERS, metavar="FORMAT", help=", ".join(READERS))
    output.add_argument("--output", metavar="FILE", help="the dictionary to write, lines 'cui||name'")
    data.add_argument(
        "--on_error", choices=("fail", "skip"), default="fail", help="skip: count malformed lines (default: fail)"
    )
    data.add_argument("--branch", metavar="ID", help="take this concept and what is below it (default: all)")
    _add_options(parser)
    compare = parser.add_argument_group("comparison")
    compare.add_argument("--diff", nargs=2, metavar=("A", "B"), help="say what B has changed; nothing is written")
    compare.add_argument(
        "--limit", type=whole_number, default=100, metavar="N", help="list that many changes of a kind (default: 100)"
    )
    add_quiet(output)
    parser.set_defaults(function=_dictionary)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of single formats; one that is not given is absent, and the reader's own default holds."""
    group = parser.add_argument_group("options of single formats", argument_default=argparse.SUPPRESS)
    group.add_argument("--sources", type=_list, help="umls: source abbreviations, MSH,SNOMEDCT_US (default: all)")
    group.add_argument("--languages", type=_list, help="umls: languages (default: ENG); owl, snomed: (default: en)")
    text = "umls: ids such as T047,T191; snomed: tags such as disorder,finding (default: all)"
    group.add_argument("--semantic_types", type=_list, help=text)
    group.add_argument(
        "--keep_suppressed", action="store_true", help="umls: suppressible atoms too; meddra: LLTs not current too"
    )
    group.add_argument("--scopes", type=_scopes, help=f"obo, obograph, owl: of synonyms (default: {','.join(SCOPES)})")
    group.add_argument("--taxon", help="gene-info: a taxonomy id, 9606 for human (default: all)")
    group.add_argument("--id_column", help="csv, tsv (default: id)")
    group.add_argument("--name_column", help="csv, tsv: the preferred name in a concept's first row (default: name)")
    group.add_argument("--synonyms_column", help="csv, tsv: further names (default: none)")
    group.add_argument("--parents_column", help="csv, tsv: ids of the concepts above (default: none)")
    group.add_argument("--separator", help="csv, tsv: what is between synonyms (default: |)")


def _list(text: str) -> tuple[str, ...]:
    return parts_of(text, ",")


def _scopes(text: str) -> tuple[str, ...]:
    scopes = _list(text.lower())
    if not set(scopes) <= set(SCOPES):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(SCOPES)}, found '{text}'")
    return scopes


def _dictionary(args: argparse.Namespace) -> dict[str, Any]:
    options = {name: value for name, value in vars(args).items() if name in OPTIONS}
    if args.diff:
        if args.path or args.format or args.output or args.branch or options:
            raise InputError("--diff allows no other flag but --limit")
        return dictionary_diff(*args.diff, limit=max(args.limit, 0))
    if not (args.path and args.format and args.output):
        raise InputError("give --from FORMAT PATH --output FILE, or --diff A B")
    inputs = Inputs(file for path in map(Path, args.path) for file in _files_of(path))
    output = Path(args.output)
    inputs.require_apart([output, *map(output.with_name, (CONCEPTS_FILE, VOCABULARIES_FILE))], option="--output")
    read_counts = ReadCounts(skip=args.on_error == "skip")
    concepts = read_ontology(args.format, args.path, options=options, counts=read_counts, progress=show_progress(args))
    if args.branch is not None:
        concepts = branch_of(concepts, args.branch, read_counts)
    return build_dictionary(concepts, args.output, counts=read_counts, bare_ids=BARE_IDS.get(args.format))


def _files_of(path: Path) -> list[Path]:
    """Return a file and those beside it that may be read too, or what is read of a folder."""
    folder = path if path.is_dir() else path.parent
    return [*([] if path.is_dir() else [path]), *(file for name in FOLDER_FILES for file in folder.glob(name))]
