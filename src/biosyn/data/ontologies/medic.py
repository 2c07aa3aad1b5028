"""MEDIC as the published figures use it: a line ``ids||name|name...`` each."""

from collections.abc import Iterator
from pathlib import Path

from biosyn.data.ontologies.reading import Reading
from biosyn.data.ontologies.rows import parts_of
from biosyn.data.ontology import Concept, distinct_ids
from biosyn.errors import InputError


def medic_concepts(path: Path, reading: Reading) -> Iterator[Concept]:
    """Yield the concept of each line; lines of blanks are skipped."""
    for number, line in reading.lines(path):
        if not line.strip():
            continue
        fields = line.split("||")
        ids, names = distinct_ids(fields[0]), parts_of(fields[-1])
        if len(fields) == 2 and ids and names:
            yield Concept(ids, names, path.name)
        else:
            message = f"expected 'ids||name|name...', found {line[:60]!r}"
            reading.malformed("no 'ids||name|name...'", message, path=path, line=number)


def read_medic(path: str | Path) -> list[Concept]:
    """Read the whole file.

    Raises
    ------
    InputError
        If a line has not the two fields, or one of them is empty (the line is named), or there is no line.
    """
    concepts = list(medic_concepts(Path(path), Reading()))
    if not concepts:
        raise InputError("holds no concept: expected 'ids||name|name...' lines", path=path)
    return concepts
