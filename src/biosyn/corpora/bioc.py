"""A corpus in BioC form, XML or JSON: its annotations as queries."""

from collections.abc import Iterable
from pathlib import Path

from biosyn.corpora.pubtator import PubTatorForm, clean_ids, is_of_types
from biosyn.corpora.raw import NOWHERE
from biosyn.data.bad_entries import BadEntryError, ReadingReport
from biosyn.data.documents import Document, file_order, id_problem, query_problem
from biosyn.errors import InputError
from biosyn.mention_files.bioc import read_bioc
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, annotation_problem
from biosyn.records import Query

# Under which of an annotation's infons its ids stand: PubTator's exports and BioRED, BC5CDR, GNormPlus
ID_KEYS = ("identifier", "Identifier", "MESH", "NCBI Gene")


def read_bioc_corpus(
    path: str | Path, *, form: PubTatorForm, id_keys: Iterable[str] = ID_KEYS, report: ReadingReport
) -> list[Document]:
    """Read the documents; a document whose id was seen before is passed over.

    The text is that of the passages with an empty line between, so offsets are those of the BioC file, not of this
    text. A mention of several places gets the first start and the last end.

    Parameters
    ----------
    form
        Its ``types``, ``id_prefix`` and ``loose_ids`` hold here as in PubTator files.
    id_keys
        The first of these infons that an annotation has holds its ids.

    Raises
    ------
    InputError
        If the file is no BioC, or an annotation has no text, or no id where ``form`` does not allow it.
    """
    keys = tuple(id_keys)
    documents: dict[str, Document] = {}
    for source in read_bioc(path):
        with report.entry():
            problem = id_problem(source.id)
            if problem:
                raise BadEntryError("document ids that are no file name", problem, path=path)
            if source.id in documents:
                report.note("repeated documents, passed over")
                continue
            queries = _queries(source, path, form=form, keys=keys, report=report)
            documents[source.id] = Document(source.id, source.text, tuple(queries))
    if not documents:
        raise InputError("holds no document", path=path)
    return file_order(documents.values())


def _queries(
    document: BiocDocument, path: str | Path, *, form: PubTatorForm, keys: tuple[str, ...], report: ReadingReport
) -> list[Query]:
    queries = []
    for passage in document.passages:
        for annotation in passage.annotations:
            with report.entry():
                query = _query(annotation, form=form, keys=keys)._replace(pmid=document.id)
                problem = query_problem(query)
                if problem:
                    message = f"document '{document.id}', annotation '{annotation.id}': {problem}"
                    raise BadEntryError("mentions with an empty field or a separator in one", message, path=path)
                if not is_of_types(query.type, form.types):
                    report.note("mentions of other types, passed over")
                    continue
                _note_place(annotation, passage, report)
                queries.append(query)
    return queries


def _query(annotation: BiocAnnotation, *, form: PubTatorForm, keys: tuple[str, ...]) -> Query:
    ids = next((annotation.infons[key] for key in keys if key in annotation.infons), "")
    ends = [(offset, offset + length) for offset, length in annotation.locations if min(offset, length) >= 0]
    return Query(
        mention=" ".join((annotation.text or "").split()),
        cui=clean_ids(ids, form),
        start=str(min(start for start, _ in ends)) if ends else NOWHERE,
        end=str(max(end for _, end in ends)) if ends else NOWHERE,
        type=" ".join(annotation.infons.get("type", "").split()),
    )


def _note_place(annotation: BiocAnnotation, passage: BiocPassage, report: ReadingReport) -> None:
    if annotation_problem(annotation, passage):
        report.note("mentions that their offsets do not give")
