"""The spans of a text that are names of a dictionary: an Aho-Corasick search between words, and no trained recognizer.

The search is over cleaned words, each of which keeps the place of the characters that it was made of.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from biosyn.errors import missing_extra
from biosyn.text.characters import plain
from biosyn.text.preprocess import TextPreprocess

# Chosen on the train and dev sets of the NCBI disease corpus; docs/text.md has the figures.
SHORT = 4  # characters of a name that counts in capitals only: "was", "all" and "can" are names of MEDIC
COMMON = 0.01  # of all names have a word, and so do COMMON_NAMES at least: "syndrome" alone is left out
COMMON_NAMES = 100
_BREAKS = re.compile(r"[()\[\]{};:]")  # a name does not go on after one
_CLEANED = TextPreprocess().run
_NONE: Mapping[str, str] = MappingProxyType({})


class Span(NamedTuple):
    """A part of a text, ``text[start:end]``, in characters."""

    start: int
    end: int


class NameFinder:
    """Finds names in texts: the longest that begins first, from the beginning of a word to the end of one.

    A short form that the document defines is searched as its long form, where that is a name. A name of one character
    is never found, one of up to `SHORT` in capitals only, unless the document defines it. A name that is one word is
    left out if a hundredth of all names have it.

    Parameters
    ----------
    names
        The names of the dictionary; they are cleaned.

    Examples
    --------
    >>> finder = NameFinder(["ataxia", "ataxia telangiectasia", "all"])
    >>> finder.spans("All with Ataxia-Telangiectasia (A-T), A-T.", {"A-T": "ataxia telangiectasia"})
    [Span(start=9, end=30), Span(start=32, end=35), Span(start=38, end=41)]
    """

    def __init__(self, names: Iterable[str]):
        try:
            from ahocorasick_rs import AhoCorasick
        except ImportError as error:
            raise missing_extra("ahocorasick-rs", "text") from error
        cleaned = list(map(_CLEANED, names))
        counts = Counter(word for name in cleaned for word in set(name.split()))
        most = max(COMMON * len(cleaned), COMMON_NAMES)
        self._search = AhoCorasick(f" {name} " for name in cleaned if len(name) > 1 and counts[name] < most)

    def spans(self, text: str, abbreviations: Mapping[str, str] = _NONE) -> list[Span]:
        """Return the spans in order, none of which overlaps another.

        Parameters
        ----------
        abbreviations
            Short form -> long form in the document.
        """
        known = {short: long for short, long in abbreviations.items() if self._is_name(_CLEANED(long))}
        searched, starts, ends = _searched(text, known)
        spans: list[Span] = []
        for first, last in sorted(self._found(searched), key=lambda one: (one[0], -one[1])):
            if first in starts and last in ends:
                span = Span(starts[first], ends[last])
                written = text[span.start : span.end]
                readable = last - first - 2 > SHORT or written.isupper() or written in abbreviations
                if readable and (not spans or span.start >= spans[-1].end):
                    spans.append(span)
        return spans

    def _found(self, searched: str) -> Iterator[tuple[int, int]]:
        """Yield where each name begins and ends, its blanks included."""
        return ((first, last) for _, first, last in self._search.find_matches_as_indexes(searched, overlapping=True))

    def _is_name(self, cleaned: str) -> bool:
        return (0, len(cleaned) + 2) in self._found(f" {cleaned} ")


def _searched(text: str, short_forms: Mapping[str, str]) -> tuple[str, dict[int, int], dict[int, int]]:
    """Return the cleaned words, a blank around each, and where in the text a word begins and ends.

    The first table has the place of the blank before a word, the second the place after the blank behind it. What
    becomes several words, such as a short form, has places at both its ends alone.
    """
    pieces, starts, ends = [" "], {}, {}
    length, done = 1, 0
    for start, end in _pieces(text, short_forms):
        word = _CLEANED(short_forms.get(text[start:end], text[start:end]))
        if not word:
            continue
        if _BREAKS.search(text, done, start):
            pieces.append("\n ")
            length += 2
        starts[length - 1] = start
        pieces.append(f"{word} ")
        length += len(word) + 1
        ends[length] = done = end
    return "".join(pieces), starts, ends


def _pieces(text: str, short_forms: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each word and each short form."""
    from ahocorasick_rs import AhoCorasick, MatchKind  # here, as it is an extra; a regular expression of many is slow

    done = 0
    found = AhoCorasick(list(short_forms), matchkind=MatchKind.LeftmostLongest).find_matches_as_indexes(text)
    for _, start, end in found:
        if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
            yield from _words(text, done, start)
            yield start, end
            done = end
    yield from _words(text, done, len(text))


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for place in range(start, end):
        if _separates(text[place]):
            if begin < place:
                yield begin, place
            begin = place + 1
    if begin < end:
        yield begin, end


@lru_cache(maxsize=4096)
def _separates(character: str) -> bool:
    """Return whether a blank is left of a character; nothing at all is left of a soft hyphen, which is inside words."""
    return bool(plain(character)) and not _CLEANED(character)
