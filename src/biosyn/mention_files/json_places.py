"""JSON read so that it can be written back to the letter: every value knows where it stands in the text.

The standard parser gives values only. To add a member to one object of a large file without touching the key order,
the blanks or the spelling of a number elsewhere, one needs places. This one also tells a text that ends too early from
one that is wrong, so that a file can be read piece by piece.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

MAX_DEPTH = 100
MAX_DIGITS = 300
_BLANKS = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*')  # all of it but the closing quote
_LITERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_WORD = re.compile(r"[-+.0-9A-Za-z]*")
_WORDS = {"true": True, "false": False, "null": None}


class Node(NamedTuple):
    """A value and where it stands: ``text[start:end]``.

    ``value`` is a dict of nodes, a list of nodes, or a plain string, number, bool or None.
    """

    start: int
    end: int
    value: Any


class TruncatedError(ValueError):
    """The text ends inside a value."""


def parse_value(text: str, start: int = 0, *, depth: int = 0) -> Node:
    """Parse the one value that begins at ``start``, blanks before it allowed.

    Raises
    ------
    TruncatedError
        If the text ends before the value does; a number or word that touches the end may go on, so it counts too.
    ValueError
        If it is no JSON, an object holds a key twice, or it is nested more than ``MAX_DEPTH`` deep.

    Examples
    --------
    >>> node = parse_value('{"a": [1.50]} ')
    >>> node.end, node.value["a"].value[0]
    (13, Node(start=7, end=11, value=1.5))
    """
    start = skip_blanks(text, start)
    if start == len(text):
        raise TruncatedError("the text ends where a value is expected")
    if text[start] == '"':
        return _string(text, start)
    if text[start] not in "{[":
        return _literal(text, start)
    if depth == MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    return _object(text, start, depth + 1) if text[start] == "{" else _array(text, start, depth + 1)


def skip_blanks(text: str, start: int) -> int:
    """Return the place of the first character from ``start`` on that is no JSON blank."""
    found = _BLANKS.match(text, start)
    assert found is not None  # it matches nothing too
    return found.end()


def insert(text: str, additions: Sequence[tuple[int, str]]) -> str:
    """Return the text with each addition put in at its place; places are counted in the text as it was.

    Examples
    --------
    >>> insert("ad", [(1, "b"), (1, "c")])
    'abcd'
    """
    pieces, done = [], 0
    for place, added in sorted(additions, key=lambda addition: addition[0]):
        pieces += [text[done:place], added]
        done = place
    return "".join([*pieces, text[done:]])


def new_members(text: str, node: Node, members: dict[str, Any]) -> tuple[int, str]:
    """Return where and what to `insert`, so that the object gets these members after its own.

    Examples
    --------
    >>> text = '{"a": 1 }'
    >>> insert(text, [new_members(text, parse_value(text), {"b": "é"})])
    '{"a": 1, "b": "é" }'
    """
    written = json.dumps(members, ensure_ascii=False)[1:-1]
    last = max((member.end for member in node.value.values()), default=node.start + 1)
    return last, f", {written}" if node.value else written


def _string(text: str, start: int) -> Node:
    found = _STRING.match(text, start)
    assert found is not None  # the caller saw the quote
    end = found.end()
    if text[end : end + 1] == '"':
        return Node(start, end + 1, json.loads(text[start : end + 1]))
    if len(text) - end <= 1:  # nothing, or the backslash of an escape
        raise TruncatedError("the text ends inside a string")
    raise ValueError("a control character stands inside a string")


def _literal(text: str, start: int) -> Node:
    word = _WORD.match(text, start)
    if word is not None and word.end() == len(text):
        raise TruncatedError("the text ends inside a number or word")
    found = _LITERAL.match(text, start)
    if found is None or word is None or found.end() != word.end():
        raise ValueError(f"a value is expected, found {text[start : start + 20]!r}")
    return Node(start, found.end(), _plain(found[0]))


def _plain(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    # one of thousands of digits would cost quadratic time as an int
    return int(word) if len(word) <= MAX_DIGITS and word.lstrip("-").isdecimal() else float(word)


def _array(text: str, start: int, depth: int) -> Node:
    values: list[Node] = []
    at = start
    while True:
        at = skip_blanks(text, at + 1)
        if text[at : at + 1] == "]" and not values:
            return Node(start, at + 1, values)
        values.append(parse_value(text, at, depth=depth))
        at, closed = parse_separator(text, values[-1].end, "]")
        if closed:
            return Node(start, at + 1, values)


def _object(text: str, start: int, depth: int) -> Node:
    members: dict[str, Node] = {}
    at = start
    while True:
        at = skip_blanks(text, at + 1)
        if text[at : at + 1] == "}" and not members:
            return Node(start, at + 1, members)
        key = parse_key(text, at)
        if key.value in members:
            raise ValueError(f"the key {key.value[:40]!r} stands twice in one object")
        members[key.value] = parse_value(text, key.end, depth=depth)
        at, closed = parse_separator(text, members[key.value].end, "}")
        if closed:
            return Node(start, at + 1, members)


def parse_key(text: str, start: int) -> Node:
    """Parse a key and the colon after it, at which the node ends; errors as `parse_value`."""
    if start == len(text):
        raise TruncatedError("the text ends where a key is expected")
    if text[start] != '"':
        raise ValueError(f"a key in quotes is expected, found {text[start : start + 20]!r}")
    key = _string(text, start)
    colon = skip_blanks(text, key.end)
    if colon == len(text):
        raise TruncatedError("the text ends where a colon is expected")
    if text[colon] != ":":
        raise ValueError(f"a colon is expected after the key {key.value[:40]!r}")
    return Node(start, colon + 1, key.value)


def parse_separator(text: str, start: int, closing: str) -> tuple[int, bool]:
    """Return the place of the comma or closing bracket that must come next, and whether it closes.

    Errors as `parse_value`.
    """
    at = skip_blanks(text, start)
    if at == len(text):
        raise TruncatedError(f"the text ends where a comma or '{closing}' is expected")
    if text[at] not in f",{closing}":
        raise ValueError(f"a comma or '{closing}' is expected, found {text[at : at + 20]!r}")
    return at, text[at] == closing
