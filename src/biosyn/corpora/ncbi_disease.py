"""The NCBI disease corpus (Dogan et al. 2014), in PubTator form."""

from pathlib import Path

from biosyn.corpora.pubtator import read_splits
from biosyn.corpora.raw import raw_files
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.documents import Document

FILES = {
    "train": "NCBItrainset_corpus.txt",
    "dev": "NCBIdevelopset_corpus.txt",
    "test": "NCBItestset_corpus.txt",
}


def read_ncbi_disease(raw_dir: str | Path, *, counts: ReadCounts) -> dict[str, list[Document]]:
    """Read the three splits."""
    return read_splits(raw_files(raw_dir, FILES), counts=counts)
