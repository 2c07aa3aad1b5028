"""The corpora that ``preprocess.py`` reads: their flags, and the way from documents to BioSyn's files."""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from biosyn.cli.parsing import add_quiet, section_of, seed_number, show_progress
from biosyn.corpora import bc2gn, bc5cdr, medmentions, ncbi_disease, tac2017adr
from biosyn.corpora.bioc import ID_KEYS, read_bioc_corpus
from biosyn.corpora.expected_counts import EXPECTED_COUNTS, count_differences
from biosyn.corpora.folder import SPLITS, require_replaceable
from biosyn.corpora.preprocess import Cleaning, preprocess_corpus, with_dev
from biosyn.corpora.pubtator import PubTatorForm, read_splits
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.documents import Document
from biosyn.errors import InputError
from biosyn.ontologies.medic import read_medic
from biosyn.settings.groups import ABBREVIATION_METHODS
from biosyn.text.abbreviations import abbreviation_finder
from biosyn.text.preprocess import read_typos

logger = logging.getLogger(__name__)
Corpus = Mapping[str, Sequence[Document]]


class _Verb(NamedTuple):
    """A corpus: its help, its own flags in addition to the common ones, and its reader.

    ``published`` gives the key of its `EXPECTED_COUNTS`, ``composites`` the default of the flag, ``bare_ids`` the
    vocabularies of ids without prefix, the preferred one first; None guesses them by the ids.
    """

    help: str
    add_flags: Callable[[Any], None]
    read: Callable[[argparse.Namespace, ReadCounts], Corpus]
    published: Callable[[argparse.Namespace], str] = lambda args: str(args.corpus)
    composites: str = "split"
    bare_ids: tuple[str, ...] | None = None


def add_common_flags(parser: argparse.ArgumentParser, *, composites: str) -> None:
    """Add the dictionary, the output, and what is done to mentions; ``composites`` is the default of that flag."""
    data, mentions, output = (section_of(parser, title) for title in ("data", "mentions", "output"))
    data.add_argument(
        "--dictionary", required=True, metavar="FILE", help="the ontology: a file of 'ids||name|name...' lines"
    )
    mentions.add_argument(
        "--abbreviations",
        choices=ABBREVIATION_METHODS,
        default="ab3p",
        help="program that finds abbreviations (default: ab3p, as published)",
    )
    cuiless = mentions.add_mutually_exclusive_group()
    cuiless.add_argument(
        "--remove_cuiless",
        action="store_true",
        default=True,
        help="leave out a mention with an id that the dictionary does not know (default)",
    )
    cuiless.add_argument(
        "--keep_cuiless", dest="remove_cuiless", action="store_false", help="keep it, with -1 as its id"
    )
    mentions.add_argument(
        "--composites",
        choices=("split", "keep"),
        default=composites,
        help=f"a mention of several ids: split it where it has a part for each, or keep it (default: {composites})",
    )
    data.add_argument(
        "--on_error",
        choices=("fail", "skip"),
        default="fail",
        help="a bad line or document of the corpus: end there, or leave it out and count it (default: fail)",
    )
    output.add_argument("--output_dir", required=True, metavar="FOLDER", help="where the files of BioSyn go")
    add_quiet(output)


def ncbi_disease_flags(parser: Any) -> None:
    """Add the folder and the spelling file."""
    _add_raw_dir(parser, ", ".join(ncbi_disease.FILES.values()))
    _add_typo_path(parser)


def bc5cdr_flags(parser: Any) -> None:
    """Add the type of mentions and the folder."""
    parser.add_argument("--type", required=True, choices=bc5cdr.TYPES)
    _add_raw_dir(parser, ", ".join(bc5cdr.FILES.values()))


def medmentions_flags(parser: Any) -> None:
    """Add the version, the folder and the semantic types."""
    parser.add_argument("--version", choices=medmentions.VERSIONS, default="st21pv", help="(default: st21pv)")
    _add_raw_dir(parser, "the corpus's repository, or of corpus_pubtator.txt and its three lists of ids")
    _add_types(parser, "semantic types, T047")


def tac2017adr_flags(parser: Any) -> None:
    """Add the folder and how to make a dev set."""
    _add_raw_dir(parser, f"the folders {' and '.join(tac2017adr.FOLDERS.values())}")
    _add_dev_share(parser)


def bc2gn_flags(parser: Any) -> None:
    """Add the folder and how to make a dev set."""
    _add_raw_dir(parser, f"{' and '.join(bc2gn.GENE_LISTS.values())} and the abstracts")
    _add_dev_share(parser)


def file_flags(parser: Any) -> None:
    """Add a file for each split, and what can differ between corpora of one format."""
    for split in SPLITS:
        parser.add_argument(f"--{split}", metavar="FILE", help=f"the {split} set; one split at least is needed")
    _add_types(parser, "types of mentions")
    parser.add_argument("--id_prefix", default="", help="prefix to remove from every id, for example UMLS:")
    _add_typo_path(parser)
    _add_dev_share(parser)


def bioc_flags(parser: Any) -> None:
    """Add the flags of all files, and the keys under which the ids are."""
    file_flags(parser)
    parser.add_argument(
        "--id_keys",
        nargs="+",
        default=ID_KEYS,
        metavar="KEY",
        help=f"infons; the first that an annotation has holds its ids (default: {', '.join(ID_KEYS)})",
    )


def _add_raw_dir(parser: Any, holds: str) -> None:
    parser.add_argument("--raw_dir", required=True, metavar="FOLDER", help=f"folder of {holds}")


def _add_typo_path(parser: Any) -> None:
    parser.add_argument(
        "--typo_path", metavar="FILE", help="spelling corrections: a file of 'wrong||right' lines (default: none)"
    )


def _add_dev_share(parser: Any) -> None:
    parser.add_argument(
        "--dev_share", type=float, metavar="X", help="fraction of the train documents that becomes dev (default: none)"
    )
    parser.add_argument("--seed", type=seed_number, default=0, metavar="N", help="chooses these documents (default: 0)")


def _add_types(parser: Any, what: str) -> None:
    parser.add_argument("--types", nargs="+", default=[], metavar="TYPE", help=f"keep these {what} (default: all)")


def _read_bioc(args: argparse.Namespace, counts: ReadCounts) -> Corpus:
    return {
        split: read_bioc_corpus(path, form=_form(args), id_keys=args.id_keys, counts=counts)
        for split, path in _files(args).items()
    }


def _files(args: argparse.Namespace) -> dict[str, str]:
    files = {split: path for split in SPLITS if (path := getattr(args, split))}
    if not files:
        raise InputError("no split: give --train, --dev or --test")
    return files


def _form(args: argparse.Namespace) -> PubTatorForm:
    return PubTatorForm(parts=True, relations=True, types=_types(args), id_prefix=args.id_prefix, loose_ids=True)


def _types(args: argparse.Namespace) -> frozenset[str]:
    return frozenset(kind.lower() for kind in args.types)


_VERBS = {
    "ncbi-disease": _Verb(
        "the NCBI disease corpus with the MEDIC dictionary",
        ncbi_disease_flags,
        lambda args, counts: ncbi_disease.read_ncbi_disease(args.raw_dir, counts=counts),
        bare_ids=("MESH", "OMIM"),
    ),
    "bc5cdr": _Verb(
        "the diseases or the chemicals of BC5CDR",
        bc5cdr_flags,
        lambda args, counts: bc5cdr.read_bc5cdr(args.raw_dir, args.type, counts=counts),
        published=lambda args: f"bc5cdr-{args.type}",
        bare_ids=("MESH", "OMIM"),
    ),
    "tac2017adr": _Verb(
        "the adverse drug reactions of TAC 2017, with MedDRA ids",
        tac2017adr_flags,
        lambda args, counts: tac2017adr.read_tac2017adr(args.raw_dir, counts=counts),
        composites="keep",
        bare_ids=("MEDDRA",),
    ),
    "medmentions": _Verb(
        "MedMentions, with UMLS ids",
        medmentions_flags,
        lambda args, counts: medmentions.read_medmentions(
            args.raw_dir, args.version, types=_types(args), counts=counts
        ),
        published=lambda args: "" if args.types else f"medmentions-{args.version}",
        bare_ids=("UMLS",),
    ),
    "bc2gn": _Verb(
        "the gene normalization of BioCreative II, with Entrez Gene ids",
        bc2gn_flags,
        lambda args, counts: bc2gn.read_bc2gn(args.raw_dir, counts=counts),
        bare_ids=("NCBIGene",),
    ),
    "pubtator": _Verb(
        "any corpus in PubTator form",
        file_flags,
        lambda args, counts: read_splits(_files(args), form=_form(args), counts=counts),
    ),
    "bioc": _Verb("any corpus in BioC form, XML or JSON", bioc_flags, _read_bioc),
}


def add_corpora(subparsers: Any) -> None:
    """Add a subcommand for each corpus."""
    for name, verb in _VERBS.items():
        parser = subparsers.add_parser(name, help=verb.help, description=f"{verb.help[0].upper()}{verb.help[1:]}.")
        verb.add_flags(section_of(parser, "data"))
        add_common_flags(parser, composites=verb.composites)
        parser.set_defaults(function=lambda args, verb=verb: _preprocess(args, verb))


def _preprocess(args: argparse.Namespace, verb: _Verb) -> dict[str, Any]:
    typo_path = getattr(args, "typo_path", None)
    paths = [args.dictionary, typo_path, *(getattr(args, name, None) for name in ("raw_dir", *SPLITS))]
    inputs = require_replaceable(args.output_dir, inputs=filter(None, paths))
    cleaning = Cleaning(
        typos=read_typos(typo_path) if typo_path else {},
        find_abbreviations=abbreviation_finder(args.abbreviations),
        remove_cuiless=args.remove_cuiless,
        split_composites=args.composites == "split",
    )
    concepts = read_medic(args.dictionary)
    read_counts = ReadCounts(skip=args.on_error == "skip")
    corpus = verb.read(args, read_counts)
    inputs.require_unchanged()
    if getattr(args, "dev_share", None) is not None:
        corpus = with_dev(corpus, fraction=args.dev_share, seed=args.seed)
    counts = preprocess_corpus(
        corpus,
        concepts,
        args.output_dir,
        cleaning=cleaning,
        bare_ids=verb.bare_ids,
        progress=show_progress(args),
    )
    counts["mentions"] = {split: sum(len(document.queries) for document in corpus[split]) for split in corpus}
    found = {"skipped": dict(read_counts.skipped), "noted": dict(read_counts.noted)}
    return {**counts, **found, **_compared(counts, verb.published(args))}


def _compared(counts: dict[str, dict[str, int]], name: str) -> dict[str, Any]:
    """Compare with what is published, log it in a line, and return it; nothing where nothing is published."""
    if name not in EXPECTED_COUNTS:
        return {}
    found = list(count_differences(counts, EXPECTED_COUNTS[name]))
    logger.info("%s: %s", name, "differs from the published: " + "; ".join(found) if found else "as published")
    return {"published": {"agrees": not found, "differences": found}}
