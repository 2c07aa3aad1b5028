"""NCBI Gene's ``gene_info``: tab-separated columns, named in the first line; ``-`` is an empty field."""

from collections.abc import Iterator

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Source, delimited_rows, named_rows, parts_of

_NAMES = (
    "Symbol",
    "Symbol_from_nomenclature_authority",
    "Full_name_from_nomenclature_authority",
    "description",
)
_LISTS = ("Synonyms", "Other_designations")
_NEEDED = ("tax_id", "GeneID", *_NAMES, *_LISTS, "dbXrefs")
_PLACEHOLDER = "NEWENTRY"  # the symbol of rows for publications whose gene is not known yet


def gene_info_concepts(source: Source, *, taxon: str | None = None) -> Iterator[Concept]:
    """Yield the gene of each row: symbol first, then the official names, the description, synonyms, designations.

    Parameters
    ----------
    taxon
        An NCBI Taxonomy id, ``9606`` for human; None takes all.
    """
    lines = source.lines()
    _, header = next(lines, (1, ""))
    columns = header.removeprefix("#").split("\t")
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise InputError(f"the first line has no column {missing[0]}: give NCBI's gene_info", path=source.path, line=1)
    rows = delimited_rows(lines, source, delimiter="\t")
    for number, row in named_rows(rows, source, columns=columns):
        filled = {column: "" if field == "-" else field for column, field in row.items()}
        if taxon is not None and filled["tax_id"] != taxon:
            source.counts.note("taxon")
        elif filled["Symbol"] == _PLACEHOLDER:
            source.counts.note("placeholder")
        elif not filled["GeneID"] or not filled["Symbol"]:
            source.malformed("no id or no name", "expected a GeneID and a symbol", line=number)
        else:
            names = source.distinct(_names(filled))
            links = {"xrefs": parts_of(filled["dbXrefs"])}
            yield Concept(distinct_ids(filled["GeneID"]), names, source.path.name, links)


def _names(row: dict[str, str]) -> Iterator[str]:
    yield from (row[column] for column in _NAMES if row[column])
    yield from (part for column in _LISTS for part in parts_of(row[column]))
