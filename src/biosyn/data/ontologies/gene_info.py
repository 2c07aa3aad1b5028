"""NCBI Gene's ``gene_info``: tabs between columns that the first line names, ``-`` for what is not there."""

from collections.abc import Iterator
from pathlib import Path

from biosyn.data.ontologies.reading import Reading
from biosyn.data.ontologies.rows import delimited_rows, named_rows, parts_of
from biosyn.data.ontology import Concept, distinct_ids
from biosyn.errors import InputError

_NAMES = (
    "Symbol",
    "Symbol_from_nomenclature_authority",
    "Full_name_from_nomenclature_authority",
    "description",
)
_LISTS = ("Synonyms", "Other_designations")
_NEEDED = ("tax_id", "GeneID", *_NAMES, *_LISTS, "dbXrefs")
_PLACEHOLDER = "NEWENTRY"  # the symbol of a row that only holds publications which await their gene


def gene_info_concepts(path: Path, reading: Reading, *, taxon: str | None = None) -> Iterator[Concept]:
    """Yield the gene of each row: symbol first, then the official names, the description, synonyms, designations.

    Parameters
    ----------
    taxon
        NCBI Taxonomy id, ``9606`` for human; None takes all.

    Raises
    ------
    InputError
        If the first line does not name the columns.
    """
    lines = reading.lines(path)
    _, header = next(lines, (1, ""))
    columns = header.removeprefix("#").split("\t")
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise InputError(f"the first line names no column {missing[0]}: give NCBI's gene_info", path=path, line=1)
    for number, row in named_rows(delimited_rows(lines, path, reading, delimiter="\t"), columns, path, reading):
        filled = {column: "" if field == "-" else field for column, field in row.items()}
        if taxon is not None and filled["tax_id"] != taxon:
            reading.drop("taxon")
        elif filled["Symbol"] == _PLACEHOLDER:
            reading.drop("placeholder")
        elif not filled["GeneID"] or not filled["Symbol"]:
            reading.malformed("no id or no name", "expected a GeneID and a symbol", path=path, line=number)
        else:
            names = reading.distinct(_names(filled))
            links = {"xrefs": parts_of(filled["dbXrefs"])}
            yield Concept(distinct_ids(filled["GeneID"]), names, path.name, links)


def _names(row: dict[str, str]) -> Iterator[str]:
    yield from (row[column] for column in _NAMES if row[column])
    yield from (part for column in _LISTS for part in parts_of(row[column]))
