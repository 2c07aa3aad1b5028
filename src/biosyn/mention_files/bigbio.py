"""BigBio's KB schema: a document's entities are beside its passages, and their concepts in ``normalized``.

Source of the format: https://github.com/bigscience-workshop/biomedical/blob/main/task_schemas.md. Files are those that
``datasets`` writes: JSON with a document a line, or an array of them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from biosyn.concept_ids import NO_CONCEPT
from biosyn.files import json_text
from biosyn.mention_files.added_columns import ID, NAME
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken
from biosyn.mention_files.bioc_json import items_of, texts_of
from biosyn.mention_files.json_places import JsonObject


def is_bigbio(value: Any) -> bool:
    """Return whether a document is BigBio's: BioC has its annotations in the passages."""
    return isinstance(value, dict) and "entities" in value


def bigbio_document(value: JsonObject, path: str | Path) -> BiocDocument:
    """Return the document; each annotation's ``source`` is its entity, and the infon ``normalized`` has its ids.

    An entity belongs to the passage in which it begins, or to the last one before it.
    """
    name = str(value.get("document_id") or value.get("id") or "")
    try:
        return BiocDocument(name, tuple(_passages(value)))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise broken(path, name, f"a part of BigBio's KB schema is missing or has the wrong type ({error})") from error


def _passages(value: JsonObject) -> Iterator[BiocPassage]:
    passages = [(_locations(one["offsets"])[0][0], one) for one in items_of(value, "passages", required=True)]
    starts = [start for start, _ in passages]
    annotations: list[list[BiocAnnotation]] = [[] for _ in passages]
    for entity in items_of(value, "entities"):
        locations = _locations(entity["offsets"])
        place = max(bisect_right(starts, locations[0][0]) - 1, 0)
        annotations[place].append(_annotation(entity, locations))
    for (start, one), found in zip(passages, annotations, strict=True):
        yield BiocPassage(start, " ".join(texts_of(one["text"])), tuple(found), {})


def bigbio_with(value: JsonObject, added: Sequence[tuple[JsonObject, Mapping[str, str]]]) -> bytes:
    """Return the document as JSON, each of some entities with its link.

    The link's concept replaces ``normalized``, all else becomes members of the entity. ``normalized`` is empty where
    there is no concept; an id without a prefix has an empty ``db_name``.
    """
    members = {id(entity): _members(texts) for entity, texts in added}
    entities = [{**entity, **members.get(id(entity), {})} for entity in value["entities"]]
    return json_text({**value, "entities": entities}).encode()


def _members(texts: Mapping[str, str]) -> JsonObject:
    ids = [cui.rpartition(":") for cui in texts[ID].split("|") if cui != NO_CONCEPT]
    normalized = [{"db_name": prefix, "db_id": cui} for prefix, _, cui in ids]
    return {"normalized": normalized, **{key: text for key, text in texts.items() if key != ID}}


def _annotation(entity: JsonObject, locations: tuple[tuple[int, int], ...]) -> BiocAnnotation:
    ids = items_of(entity, "normalized") if entity.get("normalized") else []
    infons = {"type": ",".join(texts_of(entity.get("type"))), "normalized": "|".join(map(_id, ids))}
    ours = {key: "" for key in entity if key in (ID, NAME)}  # linked before
    return BiocAnnotation(
        str(entity.get("id", "")), " ".join(texts_of(entity["text"])), infons, locations, entity, ours
    )


def _id(normalized: JsonObject) -> str:
    """Return an id with the name of its database before it, unless it has a prefix of its own."""
    name, cui = ("".join(texts_of(normalized.get(key))) for key in ("db_name", "db_id"))
    return cui if not name or ":" in cui else f"{name}:{cui}"


def _locations(offsets: Any) -> tuple[tuple[int, int], ...]:
    """Return (offset, length) of each span; one that is no two whole numbers is a TypeError or ValueError."""
    places = [(start, end) for start, end in offsets]
    if not all(type(number) is int for place in places for number in place):
        raise TypeError("offsets are no whole numbers")
    return tuple((start, end - start) for start, end in places)
