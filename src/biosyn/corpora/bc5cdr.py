"""BC5CDR, the chemicals and diseases of BioCreative V (Li et al. 2016), in PubTator form."""

from pathlib import Path

from biosyn.corpora.pubtator import PubTatorForm, read_splits
from biosyn.corpora.raw import raw_files
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.documents import Document

FILES = {
    "train": "CDR_TrainingSet.PubTator.txt",
    "dev": "CDR_DevelopmentSet.PubTator.txt",
    "test": "CDR_TestSet.PubTator.txt",
}
TYPES = ("disease", "chemical")


def read_bc5cdr(raw_dir: str | Path, kind: str, *, counts: ReadCounts) -> dict[str, list[Document]]:
    """Read the mentions of one type; ids are from MeSH, and a mention of several concepts may list its parts."""
    form = PubTatorForm(parts=True, relations=True, types=frozenset({kind}))
    return read_splits(raw_files(raw_dir, FILES), form=form, counts=counts)
