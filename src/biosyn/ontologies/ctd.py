"""The vocabularies of the Comparative Toxicogenomics Database: diseases, chemicals and genes, as CSV or TSV.

Comments come first; the one after ``# Fields:`` names the columns. Columns are found by name, because those of
chemicals have changed over the years. The first column tells which vocabulary it is.
"""

from collections.abc import Iterator
from itertools import dropwhile
from typing import NamedTuple

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Source, delimited_rows, named_rows, parts_of


class _Vocabulary(NamedTuple):
    """The columns to read, own id and preferred name first; a file may lack some of the others."""

    ids: tuple[str, ...]
    names: tuple[str, ...]


_SYNONYMS = ("Synonyms", "MESHSynonyms", "CTDCuratedSynonyms")
_VOCABULARIES = {
    "DiseaseName": _Vocabulary(("DiseaseID", "AltDiseaseIDs"), ("DiseaseName", *_SYNONYMS)),
    "ChemicalName": _Vocabulary(("ChemicalID",), ("ChemicalName", *_SYNONYMS)),
    "GeneSymbol": _Vocabulary(("GeneID", "AltGeneIDs"), ("GeneSymbol", "GeneName", *_SYNONYMS)),
}
_XREFS = {
    "CasRN": "CAS",
    "DTXSID": "DTXSID",
    "InChIKey": "InChIKey",
    "PubChemCID": "PubChem",
    "DrugBankIDs": "DrugBank",
    "BioGRIDIDs": "BioGRID",
    "PharmGKBIDs": "PharmGKB",
    "UniProtIDs": "UniProtKB",
}


def ctd_concepts(source: Source) -> Iterator[Concept]:
    """Yield the concept of each row."""
    lines = source.lines()
    header = _header(lines)
    if header is None:
        message = "has no comment '# Fields:' with the columns after it: give the file as CTD ships it"
        raise InputError(message, path=source.path)
    columns, delimiter = header
    vocabulary = _VOCABULARIES.get(columns[0])
    if vocabulary is None or vocabulary.ids[0] not in columns or set(_SYNONYMS).isdisjoint(columns):
        raise InputError(f"no vocabulary of CTD has the columns {', '.join(columns)}", path=source.path)
    content = dropwhile(lambda numbered: numbered[1].startswith("#"), lines)
    rows = delimited_rows(content, source, delimiter=delimiter)
    for number, row in named_rows(rows, source, columns=columns):
        if not distinct_ids(row[vocabulary.ids[0]]) or not row[columns[0]]:
            source.malformed("no id or no name", f"expected a {columns[0]} and an id", line=number)
            continue
        ids = distinct_ids(*(row.get(column, "") for column in vocabulary.ids))
        names = source.distinct(name for column in vocabulary.names for name in _names(row, column))
        yield Concept(ids, names, source.path.name, _links(row))


def _header(lines: Iterator[tuple[int, str]]) -> tuple[list[str], str] | None:
    """Read up to the comment that names the columns; return these and their delimiter, or None without it."""
    is_next = False
    for _, line in lines:
        if not line.startswith("#"):
            break
        comment = line[1:].strip()
        if is_next:
            delimiter = "\t" if "\t" in comment else ","
            return comment.split(delimiter), delimiter
        is_next = comment == "Fields:"
    return None


def _names(row: dict[str, str], column: str) -> tuple[str, ...]:
    field = row.get(column, "")
    return parts_of(field) if column in _SYNONYMS else tuple(filter(None, [field]))


def _links(row: dict[str, str]) -> dict[str, tuple[str, ...]]:
    xrefs = (f"{prefix}:{part}" for column, prefix in _XREFS.items() for part in parts_of(row.get(column, "")))
    return {
        "parents": distinct_ids(row.get("ParentIDs", "")),
        "tree_numbers": parts_of(row.get("TreeNumbers", "")),
        "xrefs": tuple(xrefs),
    }
