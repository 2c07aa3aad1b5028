"""The verb of preprocess.py dictionary: from the concepts of any ontology to a dictionary and ``concepts.jsonl``."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import CONCEPTS_FILE, Concept, concept_json
from biosyn.data.dictionary import NameTable
from biosyn.errors import InputError
from biosyn.files import move_into_place, staged_folder, write_lines
from biosyn.ontologies.source import distinct_names
from biosyn.text.preprocess import TextPreprocess


def build_dictionary(concepts: Iterable[Concept], output: str | Path, *, counts: ReadCounts) -> dict[str, Any]:
    """Write a dictionary of cleaned names and, next to it, ``concepts.jsonl``: both completely, or neither.

    Concepts are processed one at a time; only the table of distinct names grows with the ontology.

    Parameters
    ----------
    output
        Path of the dictionary. An existing one is replaced together with its concepts.
    counts
        The readers' counts of what they left out; names that are empty after cleaning are added.

    Returns
    -------
    dict
        Counts: concepts that are not obsolete, distinct names, homonyms (names of two or more concepts), and by reason
        what was dropped and what was malformed.
    """
    output = Path(output)
    _require_replaceable(output)
    table = NameTable()
    with staged_folder(output.parent) as stage:
        written: Counter[bool] = Counter()  # obsolete or not -> concepts
        write_lines(stage / CONCEPTS_FILE, _lines(concepts, table, counts, written))
        write_lines(stage / output.name, table)
        if not len(table):
            raise InputError(
                f"no name of a concept was found (left out: {dict(counts.noted + counts.skipped)}): "
                "is the file of the format that --from says?"
            )
        move_into_place(stage, output.parent, names=(output.name, CONCEPTS_FILE))
    return {
        "dictionary": str(output),
        "concepts": written[False],
        "names": len(table),
        "homonyms": table.homonyms,
        "dropped": dict(counts.noted),
        "malformed": dict(counts.skipped),
    }


def _lines(concepts: Iterable[Concept], table: NameTable, counts: ReadCounts, written: Counter[bool]) -> Iterator[str]:
    """Add the names of each concept to the table and yield its line of ``concepts.jsonl``."""
    clean = TextPreprocess().run
    for concept in concepts:
        for name in distinct_names(map(clean, concept.names), counts):
            table.add(name, concept.ids)
        written[concept.obsolete] += 1
        yield concept_json(concept)


def _require_replaceable(output: Path) -> None:
    concepts = output.with_name(CONCEPTS_FILE)
    for path in (output, concepts):
        if path.is_dir():
            raise InputError("is a folder where a file is to be written: choose another --output", path=path)
    if output == concepts:
        raise InputError("is the name of the file next to the dictionary: choose another --output", path=output)
    if output.suffix == ".gz":
        raise InputError("would not be compressed: choose another --output", path=output)
    if concepts.exists() and not output.exists():
        raise InputError("belongs to another dictionary in this folder: choose another folder", path=concepts)
