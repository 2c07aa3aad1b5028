"""TAC 2017 adverse drug reactions (Roberts et al. 2017): a folder of XML drug labels for each split; MedDRA ids."""

from pathlib import Path
from typing import Any

from biosyn.concept_ids import NO_CONCEPT
from biosyn.corpora.raw import find_span
from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.data.documents import Document, file_order, id_problem, query_problem
from biosyn.data.xml import read_xml
from biosyn.errors import InputError
from biosyn.files import require_folder
from biosyn.records import Query

FOLDERS = {"train": "train_xml", "test": "gold_xml"}
TYPE = "AdverseReaction"


def read_tac2017adr(raw_dir: str | Path, *, counts: ReadCounts) -> dict[str, list[Document]]:
    """Read the labels of both splits; the corpus has no dev set."""
    return {split: _read_folder(Path(raw_dir) / name, counts) for split, name in FOLDERS.items()}


def _read_folder(folder: Path, counts: ReadCounts) -> list[Document]:
    paths = sorted(require_folder(folder).glob("*.xml"))
    documents = []
    for path in paths:
        with counts.entry():
            documents.append(read_label(path, counts=counts))
    if not documents:
        raise InputError("holds no .xml file of a drug label", path=folder)
    return file_order(documents)


def read_label(path: Path, *, counts: ReadCounts) -> Document:
    """Read a label: one query for each distinct reaction, in lower case, with all its MedDRA PT ids.

    The text is that of all sections, one after the other, in lower case. The corpus lists reactions for the whole
    label: start and end are those of the reaction's first occurrence in the text, or -1 if there is none.
    """
    root = read_xml(path)
    problem = id_problem(path.stem)
    if root.tag != "Label" or problem:
        message = problem or f"expected the XML of a drug label, <Label>, found <{str(root.tag)[:40]}>"
        raise BadEntryError("files that are no drug label", message, path=path)
    text = "".join("".join(section.itertext()) for section in root.iterfind("Text/Section")).lower()
    queries = []
    for mention, ids in _reactions(root, path, counts).items():
        start, end = find_span(mention, text, counts=counts)
        cui = "|".join(ids) or NO_CONCEPT
        queries.append(Query(mention, cui, pmid=path.stem, start=start, end=end, type=TYPE))
    return Document(path.stem, text, tuple(queries))


def _reactions(root: Any, path: Path, counts: ReadCounts) -> dict[str, dict[str, None]]:
    """Return reaction -> ids; a repeated reaction adds its ids to the first."""
    reactions: dict[str, dict[str, None]] = {}
    for element in root.iterfind("Reactions/Reaction"):
        with counts.entry():
            mention = " ".join(element.get("str", "").lower().split())
            ids = [code.strip() for part in element.iterfind("Normalization") if (code := part.get("meddra_pt_id", ""))]
            problem = query_problem(Query(mention, "|".join(ids) or NO_CONCEPT))
            if problem:
                raise BadEntryError("reactions without a name", problem, path=path, line=element.sourceline)
            if mention in reactions:
                counts.note("repeated reactions, joined")
            reactions.setdefault(mention, {}).update(dict.fromkeys(ids))
    return reactions
