"""One mention a line; the links become tab-separated columns after it."""

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from biosyn.data.raw_lines import raw_lines
from biosyn.mention_files.units import (
    NOT_UTF8,
    Link,
    Mention,
    Unit,
    added_texts,
    bad_unit,
    decoded,
    plain_unit,
    split_line,
)


def line_units(stream: BufferedReader, path: str | Path, *, keys: Sequence[str]) -> Iterator[Unit]:
    """Yield a unit a line; a line of blanks is no record and stays as it is."""
    for number, raw in raw_lines(stream, path):
        body, end = split_line(raw)
        text = decoded(body, number)
        if text is None:
            yield bad_unit(raw, f"{path}:{number}", NOT_UTF8)
        elif text.strip():
            yield _unit(Mention(text, f"{path}:{number}"), body, end, keys)
        else:
            yield plain_unit(raw)


def _unit(mention: Mention, body: bytes, end: bytes, keys: Sequence[str]) -> Unit:
    def render(links: Sequence[Link | None]) -> bytes:
        added = added_texts(links[0], keys) if links[0] else {}
        return body + "".join(f"\t{value}" for value in added.values()).encode() + end

    return Unit((mention,), render)
