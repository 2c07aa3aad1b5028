"""brat's standoff annotations: ``.ann``, with the text in the ``.txt`` beside it; links become normalizations.

Source of the format: https://brat.nlplab.org/standoff.html. A mention ``T1<tab>Disease 0 6<tab>ataxia`` is followed by
``N1<tab>Reference T1 BioSyn:MESH:D001259<tab>ataxia``, and where more than the id is wanted by a note on that line. All
other lines stay as they are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.files import open_binary
from biosyn.mention_files.added_columns import ID, NAME, Link, added_texts
from biosyn.mention_files.units import NOT_UTF8, Mention, Unit, decoded, is_of_types, raw_lines, split_line

MENTION = re.compile(r"(T\d+)\t(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)\t(.*)")
DATABASE = "BioSyn"
_ID = re.compile(r"[N#](\d{1,15})\S*\t")
_LINKED = re.compile(rf"N\d+\tReference (T\d+) {DATABASE}:.*")


class _Line(NamedTuple):
    """A line: its bytes, the id of the annotation that it is a mention of, and the mention, if any."""

    raw: bytes
    name: str = ""
    mention: Mention | None = None


def text_file(path: str | Path) -> Path | None:
    """Return the file with the document's text, beside that of the annotations; None if there is none."""
    path = Path(path)
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    places = [plain.with_suffix(".txt"), plain.with_suffix(".txt.gz")] if plain.suffix else []
    return next((place for place in places if place != path and place.is_file()), None)


def brat_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield the document as one unit; ``types`` None means all.

    Without the text spans are not checked, and no abbreviation is expanded.
    """
    place = text_file(path)
    text = _text(place) if place else None
    raw = list(raw_lines(stream, path))
    texts = [decoded(split_line(line)[0], number) for number, line in raw]
    linked = {found[1] for one in texts if one and (found := _LINKED.fullmatch(one))}
    highest = {kind: max(_numbers(texts, kind), default=0) for kind in "N#"}
    lines: list[_Line] = []
    other_types: list[str] = []
    for (number, line), one in zip(raw, texts, strict=True):
        where = f"{path}:{number}"
        found = MENTION.fullmatch(one or "")
        if found and not is_of_types(found[2], types):
            other_types.append(found[2])
            lines.append(_Line(line))
        elif found:
            problem = _problem(found[3], found[4], text)
            problem = problem or ("is already linked: link the original file" if found[1] in linked else "")
            lines.append(_Line(line, found[1], Mention(found[4], where, problem)))
        elif one is None or re.match(r"T\d", one):
            problem = NOT_UTF8 if one is None else "expected 'T1<tab>type start end<tab>mention'"
            lines.append(_Line(line, "", Mention(line[:400].decode("utf-8", "replace"), where, problem)))
        else:
            lines.append(_Line(line))

    def render(links: Sequence[Link | None]) -> bytes:
        found = iter(links)
        free = {kind: count(number + 1) for kind, number in highest.items()}
        return b"".join(_written(line, next(found) if line.mention else None, keys, free) for line in lines)

    mentions = tuple(line.mention for line in lines if line.mention)
    note = "" if place else f"{path}: no text is beside it (.txt): spans are not checked, abbreviations not expanded"
    yield Unit(mentions, render, text, tuple(other_types), note if mentions else "")


def _text(path: Path) -> str:
    with open_binary(path) as stream:
        text = decoded(stream.read())  # as it is: each character of a line end counts
    if text is None:
        raise InputError(NOT_UTF8, path=path)
    return text


def _numbers(texts: Sequence[str | None], kind: str) -> Iterator[int]:
    """Yield the numbers that annotations of a kind have."""
    for text in texts:
        if text and text.startswith(kind) and (found := _ID.match(text)):
            yield int(found[1])


def _problem(spans: str, mention: str, text: str | None) -> str:
    """Say why the text does not have the mention in its spans, or return an empty text."""
    if text is None:
        return ""
    places = [tuple(map(int, span.split())) for span in spans.split(";")]
    for start, end in places:
        if not start < end <= len(text):
            return f"its span {start}-{end} lies outside the text"
    found = " ".join(text[start:end] for start, end in places)
    if found.split() != mention.split():  # a line end in the text is a blank in the mention
        return f"its span {spans} holds {found[:60]!r}, not {mention[:60]!r}"
    return ""


def _written(line: _Line, link: Link | None, keys: Sequence[str], free: Mapping[str, Iterator[int]]) -> bytes:
    """Return the line, and after it a normalization for each id of the link, and a note with what else is wanted."""
    if link is None:
        return line.raw
    body, end = split_line(line.raw)
    ids, names = link.id.split("|"), link.name.split("|")
    names = names if len(names) == len(ids) else [link.name] * len(ids)
    added, first = [], 0
    for cui, name in zip(ids, names, strict=True):
        number = next(free["N"])
        first = first or number
        added.append(f"N{number}\tReference {line.name} {DATABASE}:{'_'.join(cui.split())}\t{name}")
    others = [f"{key}={value}" for key, value in added_texts(link, keys).items() if key not in (ID, NAME) and value]
    if others:
        added.append(f"#{next(free['#'])}\tAnnotatorNotes N{first}\t{'; '.join(others)}")
    return (end or b"\n").join([body, *(one.encode() for one in added)]) + end
