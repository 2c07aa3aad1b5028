"""A corpus in BioC form, XML or JSON: annotations become queries."""

from collections.abc import Iterable
from pathlib import Path

from biosyn.corpora.pubtator import PubTatorForm, clean_ids
from biosyn.corpora.raw import NO_OFFSET
from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.data.documents import Document, file_order, id_problem, query_problem
from biosyn.errors import InputError
from biosyn.mention_files.bioc import read_bioc
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, annotation_problem
from biosyn.mention_files.units import is_of_types
from biosyn.records import Query

# The infons of an annotation that may hold its ids: in PubTator's exports and BioRED, BC5CDR, GNormPlus, PubTator 3, in
# which the first has the vocabulary's prefix and the last two have not; BigBio's ids are under "normalized"
ID_KEYS = ("identifier", "Identifier", "MESH", "NCBI Gene", "normalized", "normalized_id")


def read_bioc_corpus(
    path: str | Path, *, form: PubTatorForm, id_keys: Iterable[str] = ID_KEYS, counts: ReadCounts
) -> list[Document]:
    """Read the documents; one whose id was seen before is skipped.

    A document's text is that of its passages with an empty line between them, so the offsets are those of the BioC
    file, not of this text. A mention of several spans gets the first start and the last end.

    Parameters
    ----------
    form
        Its ``types``, ``id_prefix`` and ``loose_ids`` apply here as in PubTator files.
    id_keys
        Names of infons: the first one that an annotation has holds its ids. In JSON it may be a string, a number, a
        list of them, an object with ``identifier``, or null, which is none; any other value is a bad entry.
    """
    keys = tuple(id_keys)
    documents: dict[str, Document] = {}
    for source in read_bioc(path):
        with counts.entry():
            problem = id_problem(source.id)
            if problem:
                raise BadEntryError("document ids that are no file name", problem, path=path)
            if source.id in documents:
                counts.note("repeated documents, passed over")
                continue
            queries = _queries(source, path, form=form, keys=keys, counts=counts)
            documents[source.id] = Document(source.id, source.text, tuple(queries))
    if not documents:
        raise InputError("holds no document", path=path)
    return file_order(documents.values())


def _queries(
    document: BiocDocument, path: str | Path, *, form: PubTatorForm, keys: tuple[str, ...], counts: ReadCounts
) -> list[Query]:
    queries = []
    for passage in document.passages:
        for annotation in passage.annotations:
            with counts.entry():
                if not is_of_types(_type(annotation), form.types):
                    counts.note("mentions of other types, passed over")
                    continue
                place = f"document '{document.id}', annotation '{annotation.id}'"
                if unread := next((key for key in keys if key in annotation.unread), ""):
                    expected = "expected a text, a number, a list of them, or an object with 'identifier'"
                    message = f"{place}: the infon '{unread}' holds {annotation.unread[unread][:60]}: {expected}"
                    raise BadEntryError("ids that are no text", message, path=path)
                query = _query(annotation, form=form, keys=keys)._replace(pmid=document.id)
                problem = query_problem(query)
                if problem:
                    message = f"{place}: {problem}"
                    raise BadEntryError("mentions with an empty field or a separator in one", message, path=path)
                if annotation_problem(annotation, passage):
                    counts.note("mentions that their offsets do not give")
                queries.append(query)
    return queries


def _query(annotation: BiocAnnotation, *, form: PubTatorForm, keys: tuple[str, ...]) -> Query:
    ids = next((annotation.infons[key] for key in keys if key in annotation.infons), "")
    ends = [(offset, offset + length) for offset, length in annotation.locations if min(offset, length) >= 0]
    return Query(
        mention=" ".join((annotation.text or "").split()),
        cui=clean_ids(ids, form),
        start=str(min(start for start, _ in ends)) if ends else NO_OFFSET,
        end=str(max(end for _, end in ends)) if ends else NO_OFFSET,
        type=_type(annotation),
    )


def _type(annotation: BiocAnnotation) -> str:
    return " ".join(annotation.infons.get("type", "").split())
