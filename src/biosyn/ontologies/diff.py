"""What changed between two versions of a dictionary: concepts, their preferred names, and names."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.concept_ids import split_ids
from biosyn.data.concepts import CONCEPTS_FILE, read_concepts
from biosyn.data.dictionary import DictionaryDataset

logger = logging.getLogger(__name__)


class _Version(NamedTuple):
    """One of the two dictionaries.

    Attributes
    ----------
    names
        Name -> its id field.
    preferred
        A concept's own id -> its preferred name; None without a concepts file.
    owner
        Any id, including alternative ones -> the concept's own id.
    """

    names: dict[str, str]
    preferred: dict[str, str | None]
    owner: dict[str, str]


def dictionary_diff(before: str | Path, after: str | Path, *, limit: int = 100) -> dict[str, Any]:
    """Compare two dictionaries, and their concepts if both have a ``concepts.jsonl``.

    Parameters
    ----------
    limit
        How many changes of each kind to list; the counts include all of them.

    Returns
    -------
    dict
        For concepts: their number, and those that were added, retired (none of their ids is left), merged into another
        one (their id became an alternative there), split off (the reverse) or renamed. For names: those that were
        added, removed, or moved to other ids.
    """
    paths = Path(before), Path(after)
    with_concepts = all(path.with_name(CONCEPTS_FILE).is_file() for path in paths)
    if not with_concepts:
        logger.warning(
            "not both have a %s: every id counts as a concept, and preferred names are unknown", CONCEPTS_FILE
        )
    old, new = (_read(path, with_concepts) for path in paths)
    concepts = {"before": len(old.preferred), "after": len(new.preferred)} | _listed(_concept_changes(old, new), limit)
    names = {"before": len(old.names), "after": len(new.names)} | _listed(_name_changes(old, new), limit)
    return {"concepts": concepts, "names": names}


def _concept_changes(old: _Version, new: _Version) -> dict[str, Iterable[Any]]:
    both = [cui for cui in old.preferred if cui in new.preferred]
    merged = [cui for cui in old.preferred if cui in new.owner and cui not in new.preferred]
    split = [cui for cui in new.preferred if cui in old.owner and cui not in old.preferred]
    return {
        "added": (_concept(new, cui) for cui in new.preferred if cui not in old.owner),
        "retired": (_concept(old, cui) for cui in old.preferred if cui not in new.owner),
        "merged": (_concept(old, cui) | {"into": new.owner[cui]} for cui in merged),
        "split": (_concept(new, cui) | {"from": old.owner[cui]} for cui in split),
        "renamed": (
            {"id": cui, "before": old.preferred[cui], "after": new.preferred[cui]}
            for cui in both
            if old.preferred[cui] != new.preferred[cui]
        ),
    }


def _name_changes(old: _Version, new: _Version) -> dict[str, Iterable[Any]]:
    both = (name for name in old.names if name in new.names)
    return {
        "added": ({"name": name, "ids": ids} for name, ids in new.names.items() if name not in old.names),
        "removed": ({"name": name, "ids": ids} for name, ids in old.names.items() if name not in new.names),
        "moved": (
            {"name": name, "before": old.names[name], "after": new.names[name]}
            for name in both
            if set(split_ids(old.names[name])) != set(split_ids(new.names[name]))
        ),
    }


def _concept(version: _Version, cui: str) -> dict[str, Any]:
    return {"id": cui, "preferred_name": version.preferred[cui]}


def _listed(changes: dict[str, Iterable[Any]], limit: int) -> dict[str, Any]:
    """Return the count and the first changes of each kind."""
    found = {kind: list(each) for kind, each in changes.items()}
    return {kind: {"count": len(each), "first": each[:limit]} for kind, each in found.items()}


def _read(path: Path, with_concepts: bool) -> _Version:
    fields: dict[str, dict[str, None]] = {}
    for row in DictionaryDataset(path):  # a homonym may have a line for each of its concepts
        fields.setdefault(row.name, {})[row.cui] = None
    names = {name: "|".join(cuis) for name, cuis in fields.items()}
    rows: Iterable[tuple[Sequence[str], str | None]]
    if with_concepts:
        rows = ((concept.ids, concept.preferred_name) for concept in read_concepts(path.with_name(CONCEPTS_FILE)))
    else:
        rows = (([cui], None) for field in names.values() for cui in split_ids(field))
    preferred: dict[str, str | None] = {}
    owner: dict[str, str] = {}
    for ids, name in rows:
        preferred.setdefault(ids[0], name)
        for cui in ids:
            owner.setdefault(cui, ids[0])
    return _Version(names, preferred, owner)
