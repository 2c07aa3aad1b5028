"""MeSH descriptors (``desc2026.xml``) and supplementary concept records (``supp2026.xml``), read record by record."""

from collections.abc import Iterator
from typing import Any

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.data.xml import lxml_etree
from biosyn.errors import InputError
from biosyn.ontologies.source import Source

# record -> the elements of its id and its name; the elements below are the same in both kinds of record
_RECORDS = {
    "DescriptorRecord": ("DescriptorUI", "DescriptorName/String"),
    "SupplementalRecord": ("SupplementalRecordUI", "SupplementalRecordName/String"),
}
_LINKS = {
    "tree_numbers": "TreeNumberList/TreeNumber",
    "mapped_to": "HeadingMappedToList/HeadingMappedTo/DescriptorReferredTo/DescriptorUI",
    "xrefs": "ConceptList/Concept//RegistryNumber",  # in recent releases inside a RegistryNumberList
}
_TERMS = "ConceptList/Concept/TermList/Term/String"


def mesh_concepts(source: Source) -> Iterator[Concept]:
    """Yield a concept for each record: its name, then the terms of all of MeSH's concepts in it.

    The DTD is not loaded, entities are not expanded, and the network is not used.
    """
    etree = lxml_etree()
    with source.open() as file:
        options = {"resolve_entities": False, "no_network": True, "load_dtd": False}
        try:
            for _, record in etree.iterparse(file, tag=tuple(_RECORDS), **options):
                concept = _concept(record, source)
                if concept is None:
                    message = f"expected a {record.tag} with its id and name, of plain text"
                    source.malformed("no id or no name", message, line=record.sourceline)
                else:
                    yield concept
                _forget(record)
        except etree.XMLSyntaxError as error:
            raise InputError(f"is not well-formed XML ({error.msg})", path=source.path, line=error.lineno) from error


def _concept(record: Any, source: Source) -> Concept | None:
    ui_path, name_path = _RECORDS[record.tag]
    uis, names = _texts(record, ui_path), _texts(record, name_path)
    if not uis or not names:
        return None
    name = names[0]
    others = (term for term in _texts(record, _TERMS) if term != name)  # the name is always one of the terms
    links = {key: _texts(record, where) for key, where in _LINKS.items()}
    links["mapped_to"] = tuple(ui.removeprefix("*") for ui in links["mapped_to"])  # a star marks the main heading
    links["xrefs"] = tuple(number for number in links["xrefs"] if number != "0")
    return Concept(distinct_ids(uis[0]), source.distinct((name, *others)), source.path.name, links)


def _texts(record: Any, where: str) -> tuple[str, ...]:
    """Return the non-empty texts of the elements at a path, except those with an entity, which is not expanded."""
    elements = [element for element in record.findall(where) if not len(element)]
    return tuple(text for element in elements if (text := (element.text or "").strip()))


def _forget(record: Any) -> None:
    """Free a record and those before it, so that memory does not grow with the file."""
    record.clear()
    while record.getprevious() is not None:
        del record.getparent()[0]
