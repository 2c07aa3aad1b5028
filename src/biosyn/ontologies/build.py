"""The verb of preprocess.py dictionary: from the concepts of any ontology to a dictionary and ``concepts.jsonl``."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import CONCEPTS_FILE, Concept, concept_json
from biosyn.data.dictionary import NameTable
from biosyn.data.vocabularies import VOCABULARIES_FILE, guessed_prefixes, write_vocabularies
from biosyn.errors import InputError
from biosyn.ontologies.source import distinct_names
from biosyn.pipes import require_replaceable_file
from biosyn.text.preprocess import TextPreprocess
from biosyn.writing import move_into_place, staged_folder, write_lines


def build_dictionary(
    concepts: Iterable[Concept], output: str | Path, *, counts: ReadCounts, bare_ids: Sequence[str] | None = None
) -> dict[str, Any]:
    """Write a dictionary of cleaned names and, next to it, ``concepts.jsonl`` and ``vocabularies.json``: all, or none.

    Concepts are processed one at a time; only the table of distinct names grows with the ontology.

    Parameters
    ----------
    output
        Path of the dictionary. An existing one is replaced together with its concepts.
    counts
        The readers' counts of what they left out; names that are empty after cleaning are added.
    bare_ids
        The prefixes of the vocabularies of ids without prefix, the preferred one first; None guesses them by the ids.

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
        prefixes = guessed_prefixes(table.ids()) if bare_ids is None else bare_ids
        write_vocabularies(stage / VOCABULARIES_FILE, prefixes)
        move_into_place(stage, output.parent, names=(output.name, CONCEPTS_FILE, VOCABULARIES_FILE))
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
    concepts, vocabularies = output.with_name(CONCEPTS_FILE), output.with_name(VOCABULARIES_FILE)
    for path in (output, concepts, vocabularies):
        require_replaceable_file(path, option="--output")
    if output in (concepts, vocabularies):
        raise InputError("is the name of the file next to the dictionary: choose another --output", path=output)
    if output.suffix == ".gz":
        raise InputError("would not be compressed: choose another --output", path=output)
    if concepts.exists() and not output.exists():
        raise InputError("belongs to another dictionary in this folder: choose another folder", path=concepts)
