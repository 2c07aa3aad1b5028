"""Rows of a file with a label and, where asked for, an id, which biosyn map and biosyn check read; what is mapped."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from biosyn.data.concepts import CONCEPTS_FILE, PARENTS, read_concepts
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.vocabularies import curie, vocabularies_beside
from biosyn.errors import InputError
from biosyn.files import is_there
from biosyn.mention_files.formats import MentionFile, Wanted, format_of
from biosyn.mention_files.units import Mention
from biosyn.settings.verbs import DELIMITERS, Labels
from biosyn.text.mentions import MentionCleaner

UNKNOWN_PREFIX = (
    "name the vocabulary of ids without a prefix in vocabularies.json beside the dictionary: "
    '{"vocabularies": ["PREFIX"]}'
)
_CLEANER = MentionCleaner()


class LabelRow(NamedTuple):
    """A label, its id, empty without one, and the place of the row for messages: file and line."""

    label: str
    id: str
    place: str


def read_labels(path: str | Path, settings: Labels) -> list[LabelRow]:
    """Return the rows of a file in the formats of `biosyn.mention_files`: lines, CSV, TSV, JSON lines.

    Blanks around labels and ids are left out, and so are rows without any of both.

    Raises
    ------
    InputError
        If a row is malformed, or the file has none.
    """
    file_format = settings.format or format_of(path, column=settings.column, field=settings.field)
    if settings.id_column is not None and file_format == "lines":
        raise InputError("holds one label a line, without ids: give a table or JSON lines", path=path)
    labels = _texts(Path(path), file_format, settings, settings.column, settings.field)
    ids = _texts(Path(path), file_format, settings, settings.id_column, settings.id_column)
    rows = [
        LabelRow(" ".join(label.text.split()), " ".join(cui.text.split()) if cui else "", label.place)
        for label, cui in zip_longest(labels, ids)
    ]
    rows = [row for row in rows if row.label or row.id]
    if not rows:
        raise InputError("holds no label", path=path)
    return rows


def _texts(path: Path, file_format: str, settings: Labels, column: str | None, field: str | None) -> Iterator[Mention]:
    """Yield the cell of each row that is in a column or member; nothing without one."""
    if column is None or field is None:
        return
    delimiter = DELIMITERS.get(settings.delimiter or "", settings.delimiter)
    source = MentionFile(path, file_format, Wanted(column, field, None, (), delimiter))
    try:
        with source.units() as units:
            for mention in (mention for unit in units for mention in unit.mentions):
                if mention.problem:
                    raise InputError(f"{mention.place}: {mention.problem}")
                yield mention
    except InputError as error:
        if column == settings.id_column:  # the message names the flag of the label
            raise InputError(re.sub("--(column|field)", "--id_column", str(error))) from error
        raise


class Subject(NamedTuple):
    """What is mapped: a concept, or a label without an id.

    Attributes
    ----------
    id
        Its CURIE; empty without one.
    texts
        Its names, cleaned and distinct, that of the label first.
    parents
        The CURIEs of the concepts above it.
    source
        The release that it is of; empty for a label.
    """

    id: str
    label: str
    texts: tuple[str, ...]
    parents: tuple[str, ...] = ()
    source: str = ""


def subjects_of_file(path: str | Path, settings: Labels) -> list[Subject]:
    """Return the labels of a file, with the ids of its id column if there is one; an InputError for a bad row."""
    subjects = []
    for row in read_labels(path, settings):
        problem = _CLEANER.problem(row.label)
        if not problem and settings.id_column is not None and ":" not in curie(row.id):
            problem = f"the id '{row.id}' is no CURIE: give it a prefix"
        if problem:
            raise InputError(f"{row.place}: {problem}")
        subjects.append(Subject(curie(row.id), row.label, (_CLEANER.clean(row.label),)))
    return subjects


def subjects_of_dictionary(dictionary: str | Path, left_out: Counter[str]) -> list[Subject]:
    """Return the concepts of the ``concepts.jsonl`` beside a dictionary; those without a CURIE are counted."""
    path = Path(dictionary).with_name(CONCEPTS_FILE)
    if not is_there(path):
        raise InputError("is not there: preprocess.py dictionary writes it; or map a file of labels", path=path)
    vocabularies = vocabularies_beside(DictionaryDataset(dictionary))
    subjects = []
    for concept in read_concepts(path):
        own, *parents = (curie(cui, vocabularies) for cui in (concept.ids[0], *concept.links.get(PARENTS, ())))
        texts = clean_texts(concept.names)
        if ":" not in own:
            left_out["subject whose id is no CURIE"] += 1
        elif texts:
            subjects.append(Subject(own, concept.names[0], texts, tuple(parents), concept.source))
    if not subjects:
        raise InputError(f"has no concept to map: {UNKNOWN_PREFIX}", path=path)
    return subjects


def clean_texts(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as they are linked: cleaned, distinct, without those that cannot be mentions."""
    return tuple(dict.fromkeys(_CLEANER.clean(name) for name in names if not _CLEANER.problem(name)))
