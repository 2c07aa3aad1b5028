"""MeSH descriptors (``desc2026.xml``) and supplementary concept records (``supp2026.xml``), a record at a time."""

from collections.abc import Iterator
from typing import Any

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.data.xml import lxml_etree
from biosyn.errors import InputError
from biosyn.ontologies.source import Source

# record -> what its id and its name are called; names within MeSH's own concepts are called alike in both
_RECORDS = {
    "DescriptorRecord": ("DescriptorUI", "DescriptorName/String"),
    "SupplementalRecord": ("SupplementalRecordUI", "SupplementalRecordName/String"),
}
_LINKS = {
    "tree_numbers": "TreeNumberList/TreeNumber",
    "mapped_to": "HeadingMappedToList/HeadingMappedTo/DescriptorReferredTo/DescriptorUI",
    "xrefs": "ConceptList/Concept//RegistryNumber",  # of late in a RegistryNumberList
}
_TERMS = "ConceptList/Concept/TermList/Term/String"


def mesh_concepts(source: Source) -> Iterator[Concept]:
    """Yield a concept for each record: its name, then every term of every one of MeSH's concepts in it.

    The line that names the DTD is passed over; entities and the network are off.

    Raises
    ------
    InputError
        If the file is not well-formed (the line is named), or lxml is not installed.
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
    others = (term for term in _texts(record, _TERMS) if term != name)  # the name is always a term, too
    links = {key: _texts(record, where) for key, where in _LINKS.items()}
    links["mapped_to"] = tuple(ui.removeprefix("*") for ui in links["mapped_to"])  # a star: it is the main heading
    links["xrefs"] = tuple(number for number in links["xrefs"] if number != "0")
    return Concept(distinct_ids(uis[0]), source.distinct((name, *others)), source.path.name, links)


def _texts(record: Any, where: str) -> tuple[str, ...]:
    """Return the filled texts of the elements at a path; one with an entity in it, which is not loaded, is none."""
    elements = [element for element in record.findall(where) if not len(element)]
    return tuple(text for element in elements if (text := (element.text or "").strip()))


def _forget(record: Any) -> None:
    """Free a record and those before it, so that memory does not grow with the file."""
    record.clear()
    while record.getprevious() is not None:
        del record.getparent()[0]
