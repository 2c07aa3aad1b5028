"""One JSON object a line; the links become members after the object's own, which stay to the letter."""

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from biosyn.mention_files.json_places import ParsedJson, parse_json, skip_blanks, with_members
from biosyn.mention_files.units import (
    NOT_UTF8,
    Link,
    Mention,
    Unit,
    added_fields,
    already_linked,
    bad_unit,
    decoded,
    plain_unit,
    raw_lines,
)


def jsonl_units(stream: BufferedReader, path: str | Path, *, field: str, keys: Sequence[str]) -> Iterator[Unit]:
    """Yield a unit a line; the mention is the object's member ``field``."""
    for number, raw in raw_lines(stream, path):
        place = f"{path}:{number}"
        text = decoded(raw, number)
        if text is None:
            yield bad_unit(raw, place, NOT_UTF8)
        elif not text.strip():
            yield plain_unit(raw)
        else:
            try:
                parsed = _object(text, field)
            except ValueError as error:
                yield bad_unit(raw, place, str(error))
            else:
                mark = raw[: len(raw) - len(text.encode())]
                yield _unit(Mention(parsed.value[field], place), text, parsed.end, mark, keys)


def _object(text: str, field: str) -> ParsedJson:
    """Return the line's object; a ValueError where it is none or has not the mention."""
    try:
        parsed = parse_json(text)
        if skip_blanks(text, parsed.end) < len(text):
            raise ValueError("something follows the object")
    except ValueError as error:
        raise ValueError(f"is no JSON object a line: {error}") from error
    if not isinstance(parsed.value, dict):
        raise ValueError("is no JSON object a line")
    if not isinstance(parsed.value.get(field), str):
        raise ValueError(f"has no text '{field}': name the member that holds the mention with --field")
    if problem := already_linked(parsed.value):
        raise ValueError(problem)
    return parsed


def _unit(mention: Mention, text: str, end: int, mark: bytes, keys: Sequence[str]) -> Unit:
    def render(links: Sequence[Link | None]) -> bytes:
        return mark + (with_members(text, end, added_fields(links[0], keys)) if links[0] else text).encode()

    return Unit((mention,), render)
