"""Any table with a header: comma-separated values with double quotes, or tab-separated ones without."""

from collections.abc import Iterator
from pathlib import Path

from biosyn.data.ontologies.reading import Reading
from biosyn.data.ontologies.rows import Row, delimited_rows, named_rows, parts_of, rows_by_concept
from biosyn.data.ontology import Concept, distinct_ids
from biosyn.errors import InputError


def table_concepts(
    path: Path,
    reading: Reading,
    *,
    delimiter: str = ",",
    id_column: str = "id",
    name_column: str = "name",
    synonyms_column: str | None = None,
    separator: str = "|",
) -> Iterator[Concept]:
    """Yield the concept of each row, or of all rows with one id, which must stand together.

    Parameters
    ----------
    delimiter
        A comma or a tab.
    id_column
        A concept's id; of several joined by ``|`` the first is its own, the others are alternatives.
    name_column
        A name; in the first row of a concept its preferred one.
    synonyms_column
        More names, joined by ``separator``; the column may be empty.

    Raises
    ------
    InputError
        If the header lacks a column, or has it twice.
    """
    rows = delimited_rows(reading.lines(path), path, reading, delimiter=delimiter)
    columns = [column.strip() for column in next(rows, Row(1, [""])).content]
    for column in filter(None, (id_column, name_column, synonyms_column)):
        if columns.count(column) != 1:
            raise InputError(f"expected one column '{column}', found: {', '.join(columns)}", path=path, line=1)
    filled = _filled(named_rows(rows, columns, path, reading), id_column, name_column, path, reading)
    for cui, together in rows_by_concept(filled, lambda row: row[id_column], path, reading):
        names: list[str] = []
        for _, row in together:
            synonyms = parts_of(row[synonyms_column], separator) if synonyms_column else ()
            names += (row[name_column], *synonyms)
        yield Concept(distinct_ids(cui), reading.distinct(names), path.name)


def _filled(
    rows: Iterator[Row[dict[str, str]]], id_column: str, name_column: str, path: Path, reading: Reading
) -> Iterator[Row[dict[str, str]]]:
    for row in rows:
        if distinct_ids(row.content[id_column]) and row.content[name_column]:
            yield row
        else:
            message = f"expected an id in '{id_column}' and a name in '{name_column}'"
            reading.malformed("no id or no name", message, path=path, line=row.line)
