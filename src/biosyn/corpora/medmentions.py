"""MedMentions (Mohan and Li 2019): one PubTator file, and a file of document ids for each split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from biosyn.corpora.pubtator import PubTatorForm, read_pubtator
from biosyn.corpora.raw import raw_file
from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.data.documents import Document
from biosyn.errors import InputError
from biosyn.files import read_lines

VERSIONS = ("st21pv", "full")
SPLIT_NAMES = {"train": "trng", "dev": "dev", "test": "test"}


def read_medmentions(
    raw_dir: str | Path, version: str, *, types: frozenset[str] = frozenset(), counts: ReadCounts
) -> dict[str, list[Document]]:
    """Read a version from a copy of the corpus's repository, or from a folder with its files only.

    Ids are from UMLS; the prefix ``UMLS:`` in st21pv is removed.

    Parameters
    ----------
    types
        Keep only the mentions of these semantic types (``t047``), in lower case; an empty set keeps all.
    """
    corpus = raw_file(raw_dir, [f"{version}/data/corpus_pubtator.txt", "corpus_pubtator.txt"])
    documents = read_pubtator(corpus, form=PubTatorForm(id_prefix="UMLS:", types=types), counts=counts)
    by_id = {document.pmid: document for document in documents}
    files = {split: f"corpus_pubtator_pmids_{name}.txt" for split, name in SPLIT_NAMES.items()}
    paths = {split: raw_file(raw_dir, [f"full/data/{name}", name]) for split, name in files.items()}
    splits = {split: _documents(path, by_id, counts) for split, path in paths.items()}
    counts.note("documents of no split", len(by_id.keys() - _ids(splits)))
    return splits


def _documents(path: Path, by_id: Mapping[str, Document], counts: ReadCounts) -> list[Document]:
    """Return the documents that a file lists, in the order of the corpus."""
    wanted = set()
    for number, line in read_lines(path):
        with counts.entry():
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
