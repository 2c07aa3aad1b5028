"""MEDIC in the form that the published figures use: lines ``ids||name|name...``."""

from collections.abc import Iterator
from pathlib import Path

from biosyn.concept_ids import distinct_ids
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Source, parts_of


def medic_concepts(source: Source) -> Iterator[Concept]:
    """Yield the concept of each line, repeated names included; blank lines are skipped."""
    for number, line in source.lines():
        if not line.strip():
            continue
        fields = line.split("||")
        ids, names = distinct_ids(fields[0]), parts_of(fields[-1])
        if len(fields) == 2 and ids and names:
            yield Concept(ids, names, source.path.name)
        else:
            message = f"expected 'ids||name|name...', found {line[:60]!r}"
            source.malformed("no 'ids||name|name...'", message, line=number)


def read_medic(path: str | Path) -> list[Concept]:
    """Read the whole file."""
    concepts = list(medic_concepts(Source(path, counts=ReadCounts())))
    if not concepts:
        raise InputError("holds no concept: expected 'ids||name|name...' lines", path=path)
    return concepts
