"""Any table with a header: comma-separated values with double quotes, or tab-separated values without quotes."""

from collections.abc import Iterable, Iterator

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import PARENTS, Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Row, Source, delimited_rows, named_rows, parts_of, rows_by_concept


def table_concepts(
    source: Source,
    *,
    delimiter: str = ",",
    id_column: str = "id",
    name_column: str = "name",
    synonyms_column: str | None = None,
    parents_column: str | None = None,
    separator: str = "|",
) -> Iterator[Concept]:
    """Yield the concept of each row, or of all rows with the same id, which must be consecutive.

    Parameters
    ----------
    delimiter
        A comma or a tab.
    id_column
        Column of a concept's id; of several ids joined by ``|`` the first is its own, the others are alternatives.
    name_column
        Column of a name; the first row of a concept has the preferred one.
    synonyms_column
        Column of more names, joined by ``separator``; it may be empty.
    parents_column
        Column of the ids of a concept's parents, joined by ``|``; it may be empty.
    """
    if not separator:
        raise InputError("--separator is empty: give the characters between synonyms")
    rows = delimited_rows(source.lines(), source, delimiter=delimiter)
    columns = [column.strip() for column in next(rows, Row(1, [""])).content]
    for column in filter(None, (id_column, name_column, synonyms_column, parents_column)):
        if columns.count(column) != 1:
            raise InputError(f"expected one column '{column}', found: {', '.join(columns)}", path=source.path, line=1)
    filled = _filled(named_rows(rows, source, columns=columns), source, columns=(id_column, name_column))
    for cui, together in rows_by_concept(filled, source, key=lambda row: row[id_column]):
        names: list[str] = []
        for _, row in together:
            synonyms = parts_of(row[synonyms_column], separator) if synonyms_column else ()
            names += (row[name_column], *synonyms)
        parents = distinct_ids(*(row[parents_column] for _, row in together)) if parents_column else ()
        yield Concept(distinct_ids(cui), source.distinct(names), source.path.name, {PARENTS: parents})


def _filled(
    rows: Iterable[Row[dict[str, str]]], source: Source, *, columns: tuple[str, str]
) -> Iterator[Row[dict[str, str]]]:
    """Yield the rows in which both columns, that of the id and that of the name, are filled."""
    id_column, name_column = columns
    for row in rows:
        if distinct_ids(row.content[id_column]) and row.content[name_column]:
            yield row
        else:
            message = f"expected an id in '{id_column}' and a name in '{name_column}'"
            source.malformed("no id or no name", message, line=row.line)
