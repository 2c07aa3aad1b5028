"""The corpora that ``preprocess.py`` reads: their flags, and the one way from documents to BioSyn's files."""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from biosyn.cli import corpus_flags
from biosyn.cli.common import show_progress
from biosyn.corpora import bc2gn, bc5cdr, medmentions, ncbi_disease, tac2017adr
from biosyn.corpora.bioc import read_bioc_corpus
from biosyn.corpora.folder import SPLITS, require_replaceable
from biosyn.corpora.preprocess import Cleaning, preprocess_corpus
from biosyn.corpora.pubtator import read_splits
from biosyn.data.bad_entries import ReadingReport
from biosyn.data.corpora.published import PUBLISHED, differences
from biosyn.data.dev_split import with_dev
from biosyn.data.documents import Document
from biosyn.data.pubtator_mentions import PubTatorForm
from biosyn.data.typos import read_typos
from biosyn.errors import InputError
from biosyn.ontologies.medic import read_medic
from biosyn.text.abbreviations import abbreviation_finder

logger = logging.getLogger(__name__)

Corpus = Mapping[str, Sequence[Document]]


class _Verb(NamedTuple):
    """A corpus: its help, the flags that it has beside those of all, and how it is read.

    ``published`` gives the key of its counts in PUBLISHED, ``composites`` what is done with mentions of several ids.
    """

    help: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    read: Callable[[argparse.Namespace, ReadingReport], Corpus]
    published: Callable[[argparse.Namespace], str] = lambda args: str(args.corpus)
    composites: str = "split"


def add_corpora(subparsers: Any) -> None:
    """Add a subcommand for each corpus."""
    for name, verb in _VERBS.items():
        parser = subparsers.add_parser(name, help=verb.help)
        verb.add_flags(parser)
        corpus_flags.add_common_flags(parser, composites=verb.composites)
        parser.set_defaults(function=lambda args, verb=verb: _preprocess(args, verb))


def _preprocess(args: argparse.Namespace, verb: _Verb) -> dict[str, Any]:
    typo_path = getattr(args, "typo_path", None)
    inputs = [args.dictionary, typo_path, *(getattr(args, split, None) for split in SPLITS)]
    require_replaceable(args.output_dir, inputs=filter(None, inputs))
    cleaning = Cleaning(
        typos=read_typos(typo_path) if typo_path else {},
        find_abbreviations=abbreviation_finder(args.abbreviations),
        remove_cuiless=args.remove_cuiless,
        split_composites=args.composites == "split",
    )
    concepts = read_medic(args.dictionary)
    report = ReadingReport(skip=args.on_error == "skip")
    corpus = verb.read(args, report)
    if getattr(args, "dev_share", None) is not None:
        corpus = with_dev(corpus, share=args.dev_share, seed=args.seed)
    counts = preprocess_corpus(corpus, concepts, args.output_dir, cleaning=cleaning, progress=show_progress(args))
    counts["mentions"] = {split: sum(len(document.queries) for document in corpus[split]) for split in corpus}
    found = {"skipped": dict(report.skipped), "noted": dict(report.noted)}
    return {**counts, **found, **_compared(counts, verb.published(args))}


def _compared(counts: dict[str, dict[str, int]], name: str) -> dict[str, Any]:
    """Compare with what is published, log it in a line, and return it; nothing where nothing is published."""
    if name not in PUBLISHED:
        return {}
    found = list(differences(counts, PUBLISHED[name]))
    logger.info("%s: %s", name, "differs from the published: " + "; ".join(found) if found else "as published")
    return {"published": {"agrees": not found, "differences": found}}


def _types(args: argparse.Namespace) -> frozenset[str]:
    return frozenset(kind.lower() for kind in args.types)


def _files(args: argparse.Namespace) -> dict[str, str]:
    files = {split: path for split in SPLITS if (path := getattr(args, split))}
    if not files:
        raise InputError("no split: give --train, --dev or --test")
    return files


def _form(args: argparse.Namespace) -> PubTatorForm:
    return PubTatorForm(parts=True, relations=True, types=_types(args), id_prefix=args.id_prefix, loose_ids=True)


def _read_bioc(args: argparse.Namespace, report: ReadingReport) -> Corpus:
    return {
        split: read_bioc_corpus(path, form=_form(args), id_keys=args.id_keys, report=report)
        for split, path in _files(args).items()
    }


_VERBS = {
    "ncbi-disease": _Verb(
        "the NCBI disease corpus with the MEDIC dictionary",
        corpus_flags.ncbi_disease_flags,
        lambda args, report: ncbi_disease.read_ncbi_disease(args.raw_dir, report=report),
    ),
    "bc5cdr": _Verb(
        "the diseases or the chemicals of BC5CDR",
        corpus_flags.bc5cdr_flags,
        lambda args, report: bc5cdr.read_bc5cdr(args.raw_dir, args.type, report=report),
        published=lambda args: f"bc5cdr-{args.type}",
    ),
    "tac2017adr": _Verb(
        "the adverse drug reactions of TAC 2017, with MedDRA ids",
        corpus_flags.tac2017adr_flags,
        lambda args, report: tac2017adr.read_tac2017adr(args.raw_dir, report=report),
        composites="keep",
    ),
    "medmentions": _Verb(
        "MedMentions, with UMLS ids",
        corpus_flags.medmentions_flags,
        lambda args, report: medmentions.read_medmentions(
            args.raw_dir, args.version, types=_types(args), report=report
        ),
        published=lambda args: "" if args.types else f"medmentions-{args.version}",
    ),
    "bc2gn": _Verb(
        "the gene normalization of BioCreative II, with Entrez Gene ids",
        corpus_flags.bc2gn_flags,
        lambda args, report: bc2gn.read_bc2gn(args.raw_dir, report=report),
    ),
    "pubtator": _Verb(
        "any corpus in PubTator form",
        corpus_flags.file_flags,
        lambda args, report: read_splits(_files(args), form=_form(args), report=report),
    ),
    "bioc": _Verb("any corpus in BioC form, XML or JSON", corpus_flags.bioc_flags, _read_bioc),
}
