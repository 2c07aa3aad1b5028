"""One JSON object per line; links become members after the object's own, which do not change."""

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from biosyn.mention_files.added_columns import Link, added_fields, already_linked
from biosyn.mention_files.json_places import parse_json, skip_blanks, with_members
from biosyn.mention_files.units import Mention, Unit, bad_unit, record_unit, units_of_lines


def jsonl_units(stream: BufferedReader, path: str | Path, *, field: str, keys: Sequence[str]) -> Iterator[Unit]:
    """Yield one unit per line; the mention is the object's member ``field``."""

    def unit_of(text: str, raw: bytes, place: str) -> Unit:
        def linked(link: Link) -> bytes:
            whole = raw.decode()  # with the file's byte order mark, which the text does not have
            return with_members(whole, whole.rindex("}") + 1, added_fields(link, keys)).encode()

        try:
            return record_unit(Mention(_object(text, field)[field], place), raw, linked)
        except ValueError as error:
            return bad_unit(raw, place, str(error))

    return units_of_lines(stream, path, unit_of)


def _object(text: str, field: str) -> dict[str, Any]:
    """Return the line's object, or raise a ValueError if the line is not an object with the mention."""
    try:
        value, end, _ = parse_json(text)
        if skip_blanks(text, end) < len(text):
            raise ValueError("something follows the object")
    except ValueError as error:
        raise ValueError(f"is not one JSON object: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("is not one JSON object")
    if not isinstance(value.get(field), str):
        raise ValueError(f"has no text '{field}': name the member that holds the mention with --field")
    if problem := already_linked(value):
        raise ValueError(problem)
    return value
