"""Splitting a composite mention ("breast and ovarian cancer") into one part for each of its concepts.

In a corpus the number of gold ids decides whether a split is kept, as in the published set-up. A mention to link has no
gold ids: there the names of the dictionary decide.

Everything works on blank-separated tokens in single passes, without regular expressions, so that a mention of any
length takes linear time.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from biosyn.concept_ids import split_ids, split_name_ids


class Composite(NamedTuple):
    """A mention, whose parts are joined by ``|`` if it is split, and its ids, joined by ``|`` or ``+`` as before."""

    mention: str
    cui: str


def split_composite(mention: str, cui: str) -> Composite:
    """Split the mention into as many parts as it has ids, if one of the four known patterns allows it.

    A mention that already contains ``|`` is kept. If there are ids of two vocabularies, the ``OMIM`` ones are dropped,
    whether the mention is split or not. The first pattern that fits decides, even if its number of parts is wrong.

    Parameters
    ----------
    mention
        The mention in its original case, words separated by one blank.
    cui
        The gold ids with their prefixes.

    Examples
    --------
    >>> split_composite("sporadic breast and ovarian cancers", "D001943|D010051").mention
    'sporadic breast cancers|ovarian cancers'
    >>> split_composite("Duchenne/Becker muscular dystrophy", "D020388+OMIM:300376")
    Composite(mention='Duchenne/Becker muscular dystrophy', cui='D020388')
    """
    if "|" in mention:
        return Composite(mention, cui)
    separator = "|" if "|" in cui else "+"
    ids = _one_vocabulary(split_name_ids(cui) if separator == "|" else split_ids(cui))
    if len(ids) > 1:
        parts = _parts(mention, len(ids))
        if len(parts) == len(ids) and all(parts):
            mention = "|".join(parts)
    return Composite(mention, separator.join(ids))


def split_by_names(mention: str, is_name: Callable[[str], bool]) -> tuple[str, ...]:
    """Split a mention without gold ids, but only if it is not a name itself and each part is one.

    The patterns are those of `split_composite` without the one that makes every word a part, as "syndrome" is a name
    too, and with one more: what follows a slash may belong to both halves ("breast/ovarian cancer").

    Examples
    --------
    >>> split_by_names("breast and ovarian cancer", {"breast cancer", "ovarian cancer"}.__contains__)
    ('breast cancer', 'ovarian cancer')
    >>> split_by_names("head and neck cancer", {"head and neck cancer", "neck cancer"}.__contains__)
    ('head and neck cancer',)
    """
    tokens = mention.split()
    if not is_name(mention):
        for parts in (
            _of_pattern(tokens),
            _list_pattern(tokens),
            _slash_pattern(tokens),
            _slash_pattern(tokens, rest_to_both=True),
        ):
            if len(parts) > 1 and all(map(is_name, parts)):
                return tuple(parts)
    return (mention,)


def _one_vocabulary(ids: Sequence[str]) -> Sequence[str]:
    others = [part for part in ids if "OMIM" not in part.upper()]
    return others or ids


def _parts(mention: str, count: int) -> list[str]:
    tokens = mention.split()
    return _of_pattern(tokens) or _list_pattern(tokens) or _slash_pattern(tokens) or _words_pattern(tokens, count)


def _of_pattern(tokens: list[str]) -> list[str]:
    """Split ``W of [both] [the] A and|or [the] B`` into "W of A" and "W of B"; text after B is dropped.

    Examples
    --------
    >>> _of_pattern("cancer of the breast and the ovary, or so".split())
    ['cancer of breast', 'cancer of ovary']
    """
    if len(tokens) < 5 or not _is_word(tokens[0]) or tokens[1] != "of":
        return []
    for start in _starts(tokens, 2, "both", "the"):
        end = _run_end(tokens, start)
        for at in range(min(end, len(tokens) - 1) - 1, start, -1):  # the last conjunction first, for the longest A
            if tokens[at] in ("and", "or"):
                second = _leading_words(tokens, at + 1)
                if second:
                    return [" ".join([tokens[0], "of", *words]) for words in (tokens[start:at], second)]
    return []


def _list_pattern(tokens: list[str]) -> list[str]:
    """Append the stem of a list to each of its items, and to the last one after ``and``, ``or`` or ``and/or``.

    Examples
    --------
    >>> _list_pattern("breast, colon and ovarian cancer".split())
    ['breast cancer', 'colon cancer', 'ovarian cancer']
    >>> _list_pattern("small and/or breast and ovarian cancer".split())
    ['small cancer', 'breast and ovarian cancer']
    """
    items = 0
    while items < len(tokens) and _is_word(tokens[items].removesuffix(",")):
        items += 1
    for at in range(min(items, len(tokens) - 1), 0, -1):  # the last conjunction that fits
        if tokens[at] in ("and", "or", "and/or"):
            head, stem = _head_and_stem(tokens, at + 1)
            if stem:
                listed = " ".join(tokens[:at]).split(",")
                return [f"{part.strip()} {stem}" for part in [*listed, head] if part.strip()]
    return []


def _head_and_stem(tokens: list[str], start: int) -> tuple[str, str]:
    """Return ``word and word`` or ``[the] word`` (with its article) and the stem, or two empty texts if none fits."""
    ahead = tokens[start : start + 4]
    if len(ahead) == 4 and ahead[1] == "and" and _is_word(ahead[0]) and _is_word(ahead[2]):
        return " ".join(ahead[:3]), " ".join(tokens[start + 3 :])
    for first in _starts(tokens, start, "the"):
        if len(tokens) > first + 1 and _is_word(tokens[first]):
            return " ".join(tokens[start : first + 1]), " ".join(tokens[first + 1 :])
    return "", ""


def _slash_pattern(tokens: list[str], *, rest_to_both: bool = False) -> list[str]:
    """Split at the last ``/``; tokens before it go to both halves, tokens after it only to the second.

    With ``rest_to_both`` the tokens after it go to both halves.

    Examples
    --------
    >>> _slash_pattern("X-linked Duchenne/Becker muscular dystrophy".split())
    ['X-linked Duchenne', 'X-linked Becker muscular dystrophy']
    """
    at = max((number for number, token in enumerate(tokens) if "/" in token), default=None)
    if at is None or any("and/or" in token for token in tokens):
        return []
    first, _, second = tokens[at].rpartition("/")
    rest = tokens[at + 1 :]
    halves = [*tokens[:at], first, *(rest if rest_to_both else [])], [*tokens[:at], second, *rest]
    return [" ".join(half).strip() for half in halves]


def _words_pattern(tokens: list[str], count: int) -> list[str]:
    """Make each token a part if there are as many as ids; here a token may contain digits ("C4 deficiency").

    Examples
    --------
    >>> _words_pattern(["C4", "deficiency"], 2), _words_pattern(["lung", "disease"], 3)
    (['C4', 'deficiency'], [])
    """
    return tokens if len(tokens) == count else []


def _starts(tokens: list[str], start: int, *optional: str) -> list[int]:
    """Return the possible starts of the next word, first the one after as many optional words as possible."""
    starts = [start]
    for word in optional:
        if start < len(tokens) and tokens[start] == word:
            start += 1
            starts.insert(0, start)
    return starts


def _run_end(tokens: list[str], start: int) -> int:
    """Return the position after the consecutive words from ``start``."""
    while start < len(tokens) and _is_word(tokens[start]):
        start += 1
    return start


def _leading_words(tokens: list[str], start: int) -> list[str]:
    """Return the words from ``start`` on without a leading ``the``; the last may be part of a token like ``ovary,``."""
    for first in _starts(tokens, start, "the"):
        end = _run_end(tokens, first)
        cut = _word_prefix(tokens[end]) if end < len(tokens) else ""
        words = [*tokens[first:end], *([cut] if cut else [])]
        if words:
            return words
    return []


def _is_word(text: str) -> bool:
    """Return whether the text is letters and hyphens only, at least one."""
    return text.replace("-", "a").isalpha()


def _word_prefix(token: str) -> str:
    end = 0
    while end < len(token) and _is_word(token[end]):
        end += 1
    return token[:end]
