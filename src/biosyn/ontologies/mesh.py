"""MeSH descriptors (``desc2026.xml``) and supplementary concept records (``supp2026.xml``), read record by record."""

from collections.abc import Iterator
from typing import Any

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.data.xml import entity_in, lxml_etree, syntax_problem
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
            records = etree.iterparse(file, tag=tuple(_RECORDS), **options)
            for _, record in records:
                concept = _concept(record, source)
                if concept is None:
                    entity, line = entity_in(record) or ("", record.sourceline)
                    plain = f": &{entity}; is not expanded" if entity else ""
                    message = f"expected a {record.tag} with its id and name, of plain text{plain}"
                    source.malformed("no id or no name", message, line=line)
                else:
                    yield concept
                _forget(record)
        except etree.XMLSyntaxError as error:
            problem, line = syntax_problem(error, records.error_log)
            raise InputError(problem, path=source.path, line=line) from error


def _concept(record: Any, source: Source) -> Concept | None:
    ui_path, name_path = _RECORDS[record.tag]
    uis, names = _texts(record, ui_path), _texts(record, name_path)
    if not uis or not names:
        return None
    name = names[0]
    for term in record.findall(_TERMS):
        if (found := entity_in(term)) is not None:
            message = f"expected a term of plain text: &{found[0]}; is not expanded"
            source.malformed("terms with an entity", message, line=found[1])
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
