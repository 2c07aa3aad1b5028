"""MedMentions (Mohan and Li 2019): one PubTator file, and for each split a file of its document ids."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from biosyn.corpora.pubtator import PubTatorForm, read_pubtator
from biosyn.corpora.raw import raw_file
from biosyn.data.bad_entries import BadEntryError, ReadingReport
from biosyn.data.documents import Document
from biosyn.errors import InputError
from biosyn.files import read_lines

VERSIONS = ("st21pv", "full")
SPLIT_NAMES = {"train": "trng", "dev": "dev", "test": "test"}


def read_medmentions(
    raw_dir: str | Path, version: str, *, types: frozenset[str] = frozenset(), report: ReadingReport
) -> dict[str, list[Document]]:
    """Read a version out of a copy of the corpus's repository, or out of a folder that holds its files alone.

    The ids are UMLS's; the prefix ``UMLS:`` that st21pv has is taken off.

    Parameters
    ----------
    types
        Keep the mentions of these semantic types (``t047``), in lower case; none keeps all.

    Raises
    ------
    InputError
        If a file is missing or has a bad line, or names a document that is not in the corpus.
    """
    corpus = raw_file(raw_dir, [f"{version}/data/corpus_pubtator.txt", "corpus_pubtator.txt"])
    documents = read_pubtator(corpus, form=PubTatorForm(id_prefix="UMLS:", types=types), report=report)
    by_id = {document.pmid: document for document in documents}
    files = {split: f"corpus_pubtator_pmids_{name}.txt" for split, name in SPLIT_NAMES.items()}
    paths = {split: raw_file(raw_dir, [f"full/data/{name}", name]) for split, name in files.items()}
    splits = {split: _documents(path, by_id, report) for split, path in paths.items()}
    report.note("documents of no split", len(by_id.keys() - _ids(splits)))
    return splits


def _documents(path: Path, by_id: Mapping[str, Document], report: ReadingReport) -> list[Document]:
    """Return the documents that a file lists, in the order of the corpus."""
    wanted = set()
    for number, line in read_lines(path):
        with report.entry():
            pmid = line.strip()
            if pmid and pmid not in by_id:
                message = f"document '{pmid[:40]}' is not in the corpus"
                raise BadEntryError("listed documents that are not in the corpus", message, path=path, line=number)
            wanted.add(pmid)
    found = [document for pmid, document in by_id.items() if pmid in wanted]
    if not found:
        raise InputError("lists no document: expected one id a line", path=path)
    return found


def _ids(splits: Mapping[str, Sequence[Document]]) -> set[str]:
    return {document.pmid for documents in splits.values() for document in documents}
