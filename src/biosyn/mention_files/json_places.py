"""Parse JSON with the standard parser, and insert members into some of its objects without any other change.

The parser gives values without their positions, but it creates objects in the order in which they end. That is the
order of the braces ``}`` in the text, outside strings: the n-th object ends at the n-th brace.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from biosyn.files import json_text

MAX_DIGITS = 300
BLANKS = " \t\n\r"
_BLANKS = re.compile(f"[{BLANKS}]*")
_STRING_OR_BRACE = re.compile(r'"(?:[^"\\]++|\\.)*+"|}', re.DOTALL)
_TAIL = 16  # characters, more than the longest token that is an error if cut short: -Infinity or \ud83d\ude00

JsonObject = dict[str, Any]


class ParsedJson(NamedTuple):
    """A value and its end in the text; ``objects`` are the objects in it, in the order in which they end."""

    value: Any
    end: int
    objects: list[JsonObject]


class NoJsonError(ValueError):
    """The text is not JSON from ``place`` on; if it is ``cut_short``, it may be with more text after it."""

    def __init__(self, message: str, place: int, *, cut_short: bool = False):
        super().__init__(message)
        self.place = place
        self.cut_short = cut_short


def parse_json(text: str, start: int = 0) -> ParsedJson:
    """Parse the value that begins at ``start``, after blanks; the text after it is ignored.

    Whole numbers of more than ``MAX_DIGITS`` digits become floats, since parsing an int takes quadratic time.

    Raises
    ------
    NoJsonError
        If the text is not JSON (NaN and Infinity are not), an object holds a key twice, or it is nested too deep.

    Examples
    --------
    >>> parse_json('{"a": [{}, 1.50]} ')
    ParsedJson(value={'a': [{}, 1.5]}, end=17, objects=[{}, {'a': [{}, 1.5]}])
    """
    start = skip_blanks(text, start)
    objects: list[JsonObject] = []

    def kept(members: list[tuple[str, Any]]) -> JsonObject:
        objects.append(_without_repeats(members))
        return objects[-1]

    decoder = json.JSONDecoder(object_pairs_hook=kept, parse_int=_whole, parse_constant=_refused)
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        cut_short = error.pos > len(text) - _TAIL or error.msg.startswith("Unterminated string")
        found = text[error.pos : error.pos + 20]
        message = f"{error.msg}: {found!r}" if found else "the text ends where more is expected"
        raise NoJsonError(message, error.pos, cut_short=cut_short) from error
    except RecursionError as error:
        raise NoJsonError("it is nested too deep", start) from error
    except ValueError as error:
        raise NoJsonError(str(error), start) from error
    return ParsedJson(value, end, objects)


def skip_blanks(text: str, start: int) -> int:
    """Return the position of the first character from ``start`` on that is not a JSON blank."""
    found = _BLANKS.match(text, start)
    assert found is not None  # the pattern also matches the empty text
    return found.end()


def with_members(text: str, end: int, members: JsonObject) -> str:
    """Return the text with members inserted after the last one of the object that ends at ``end``.

    Examples
    --------
    >>> with_members('{"a": 1 }', 9, {"b": "é"})
    '{"a": 1, "b": "é" }'
    """
    place, added = _addition(text, end, members)
    return text[:place] + added + text[place:]


def with_members_of(text: str, objects: Sequence[JsonObject], added: Sequence[tuple[JsonObject, JsonObject]]) -> str:
    """Return the text of one value with members inserted into some of its objects, given as (object, members).

    Examples
    --------
    >>> text = '{"a": {"}": 1}, "b": [{}]}'
    >>> found = parse_json(text)
    >>> with_members_of(text, found.objects, [(found.value["a"], {"c": 2}), (found.value["b"][0], {"d": 3})])
    '{"a": {"}": 1, "c": 2}, "b": [{"d": 3}]}'
    """
    members_of = {id(one): members for one, members in added}
    ends = (found.end() for found in _STRING_OR_BRACE.finditer(text) if found[0] == "}")
    pieces, done = [], 0
    for one, end in zip(objects, ends, strict=True):
        if id(one) in members_of:
            place, written = _addition(text, end, members_of[id(one)])
            pieces += [text[done:place], written]
            done = place
    return "".join([*pieces, text[done:]])


def _addition(text: str, end: int, members: JsonObject) -> tuple[int, str]:
    """Return the position and the text to insert into the object that ends at ``end``."""
    place = end - 1
    while text[place - 1] in BLANKS:
        place -= 1
    written = json_text(members)[1:-1]
    return place, written if text[place - 1] == "{" else f", {written}"


def _without_repeats(members: list[tuple[str, Any]]) -> JsonObject:
    found: JsonObject = {}
    for key, value in members:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} occurs twice in one object")
        found[key] = value
    return found


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON value")
