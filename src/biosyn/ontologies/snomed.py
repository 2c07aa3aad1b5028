"""SNOMED CT in Release Format 2: the description file, and the files of concepts and relationships beside it.

Source of the layout: the "SNOMED CT Release File Specifications". All files are tab-separated, without quotes, and
their rows are versions of components: a Full file has every version, a Snapshot only the newest one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from biosyn.data.concepts import PARENTS, Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Row, Source, delimited_rows, named_rows

_DESCRIPTION = "sct2_Description_"
_FSN, _SYNONYM, _IS_A = "900000000000003001", "900000000000013009", "116680003"
_NEEDED = {
    "Description": ("id", "effectiveTime", "active", "conceptId", "languageCode", "typeId", "term"),
    "Concept": ("id", "effectiveTime", "active"),
    "Relationship": ("id", "effectiveTime", "active", "sourceId", "destinationId", "typeId"),
}


def snomed_concepts(
    source: Source, *, languages: Sequence[str] = ("en",), semantic_types: Sequence[str] = ()
) -> Iterator[Concept]:
    """Yield the concepts in order of their ids: the fully specified name without its tag, then the synonyms.

    Which synonym is preferred is said by language reference sets, which are not read. Inactive concepts, which only the
    file of concepts tells, become obsolete ones, and parents come from the file of relationships.

    Parameters
    ----------
    source
        A description file, or a folder with one anywhere in it; of several a Snapshot.
    languages
        Codes of the languages to take (languageCode); the first one that a concept has gives its name.
    semantic_types
        Tags such as ``disorder``: take the concepts whose fully specified name ends in one of them; an empty sequence
        takes all.
    """
    source = source.at(_description_file(source.path))
    concepts, relationships = (_beside(source.path, kind) for kind in ("Concept", "Relationship"))
    live = {row["id"]: row["active"] == "1" for row in _newest(source.at(concepts), "Concept")} if concepts else {}
    parents: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in _newest(source.at(relationships), "Relationship") if relationships else ():
        if row["active"] == "1" and row["typeId"] == _IS_A:
            parents[row["sourceId"]][row["destinationId"]] = None
    found = _descriptions(source, languages)
    inactive = {cui for cui, active in live.items() if not active}
    for cui in sorted(found.keys() | inactive, key=lambda cui: (len(cui), cui)):
        rows = sorted(found.get(cui, ()), key=lambda row: (row["typeId"] != _FSN, languages.index(row["languageCode"])))
        terms = [_without_tag(row["term"]) if row["typeId"] == _FSN else (row["term"], "") for row in rows]
        if semantic_types and not (terms and terms[0][1] in semantic_types):
            source.counts.note("semantic type")
        elif cui in inactive:
            source.counts.note("obsolete")
            yield Concept((cui,), (), source.path.name, obsolete=True)
        else:
            names = source.distinct(name for name, _ in terms)
            yield Concept((cui,), names, source.path.name, {PARENTS: tuple(parents.get(cui, ()))})


def _descriptions(source: Source, languages: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Return the id of each concept with its wanted descriptions, in the file's order."""
    found: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in _newest(source, "Description"):
        if row["active"] != "1":
            source.counts.note("inactive description")
        elif row["languageCode"] not in languages:
            source.counts.note("language")
        elif row["typeId"] not in (_FSN, _SYNONYM):
            source.counts.note("definition")
        else:
            found[row["conceptId"]].append(row)
    return found


def _newest(source: Source, kind: str) -> Iterator[dict[str, str]]:
    """Yield the newest version of each component of a file."""
    newest: dict[str, dict[str, str]] = {}
    for row in _rows(source, _NEEDED[kind]):
        if row["id"] not in newest or newest[row["id"]]["effectiveTime"] <= row["effectiveTime"]:
            newest[row["id"]] = row
    yield from newest.values()


def _rows(source: Source, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the needed fields of each row; an empty one is malformed."""
    rows = delimited_rows(source.lines(), source, delimiter="\t")
    columns = next(rows, Row(1, [""])).content
    missing = [column for column in needed if column not in columns]
    if missing:
        raise InputError(f"the first line has no column {missing[0]}: give a file of RF2", path=source.path, line=1)
    shared: dict[str, str] = {}  # the same few texts in most columns of a million rows
    for number, row in named_rows(rows, source, columns=columns):
        if all(row[column] for column in needed):
            yield {column: shared.setdefault(row[column], row[column]) for column in needed}
        else:
            empty = next(column for column in needed if not row[column])
            source.malformed("empty field", f"the field {empty} is empty", line=number)


def _without_tag(name: str) -> tuple[str, str]:
    """Return a fully specified name and its semantic tag.

    Examples
    --------
    >>> _without_tag("Ataxia (finding)"), _without_tag("Ataxia"), _without_tag("Fever (of unknown origin) (finding)")
    (('Ataxia', 'finding'), ('Ataxia', ''), ('Fever (of unknown origin)', 'finding'))
    """
    head, separator, tag = name.rpartition(" (")
    return (head, tag.removesuffix(")")) if separator and tag.endswith(")") else (name, "")


def _description_file(path: Path) -> Path:
    """Return a file's own path; for a folder, that of the description file somewhere in it."""
    if not path.is_dir():
        return path
    found = sorted(path.rglob(f"{_DESCRIPTION}*.txt*"), key=lambda file: ("Snapshot" not in file.name, file))
    if not found:
        raise InputError(f"holds no {_DESCRIPTION}*.txt: give SNOMED CT's folder of RF2 files", path=path)
    return found[0]


def _beside(path: Path, kind: str) -> Path | None:
    """Return the path of the release's file of another kind, which has no language in its name, or None."""
    if not path.name.startswith(_DESCRIPTION):
        return None
    release, separator, rest = path.name.removeprefix(_DESCRIPTION).partition("_")
    name = f"sct2_{kind}_{release.partition('-')[0]}{separator}{rest}".removesuffix(".gz")
    return next((file for file in (path.with_name(name), path.with_name(f"{name}.gz")) if file.is_file()), None)
