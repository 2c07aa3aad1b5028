"""Slices: a label for every query, so that the denominators of a slice's labels add up to all queries."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from biosyn.concept_ids import is_composite
from biosyn.evaluation.accuracy import gold_ids
from biosyn.records import Query, split_mention
from biosyn.text.preprocess import TextPreprocess

LONGEST_SHORT_FORM = 10  # characters, as in Schwartz and Hearst, PSB 2003
MOST_TOKENS = 5
_AT_BLANKS_AND_SLASHES = re.compile(r"[\s/]+")
_EDGE = re.compile(r"^\W+|\W+$")


class Slice(NamedTuple):
    """A way to divide the queries: one label per query, in their order."""

    name: str
    labels: tuple[str, ...]


def by_mention_seen(queries: Sequence[Query], train: Sequence[Query]) -> Slice:
    """Divide by whether a training query has exactly the same mention."""
    known = {query.mention for query in train}
    return Slice("mention", tuple("seen" if query.mention in known else "unseen" for query in queries))


def by_concept_seen(queries: Sequence[Query], train: Sequence[Query]) -> Slice:
    """Divide by whether training queries have all gold ids; ``none`` for a query without concept."""
    known = {cui for query in train for cui in gold_ids(query.cui)}

    def label(ids: AbstractSet[str]) -> str:
        return "none" if not ids else "seen" if ids <= known else "unseen"

    return Slice("concept", tuple(label(gold_ids(query.cui)) for query in queries))


def by_composite(queries: Sequence[Query]) -> Slice:
    """Divide by ids and parts: one id (``no``), several ids for several parts (``cut``) or one mention (``uncut``)."""

    def label(query: Query) -> str:
        return "no" if not is_composite(query.cui) else "cut" if len(split_mention(query)) > 1 else "uncut"

    return Slice("composite", tuple(map(label, queries)))


def by_homonym(n_concepts: Sequence[Sequence[int]]) -> Slice:
    """Divide by whether the best name of a part belongs to two or more concepts.

    Parameters
    ----------
    n_concepts
        For each part of each query, the number of concepts that its best name belongs to.
    """
    return Slice("homonym", tuple("yes" if max(counts) > 1 else "no" for counts in n_concepts))


def by_tokens(queries: Sequence[Query]) -> Slice:
    """Divide by the number of tokens of the mention, separated by white space; all parts of a composite one count."""
    return Slice("tokens", tuple(_bucket(sum(len(part.split()) for part in split_mention(query))) for query in queries))


def _bucket(count: int) -> str:
    return str(count) if count < MOST_TOKENS else f"{MOST_TOKENS}+"


def by_abbreviation(queries: Sequence[Query], raw_mentions: Sequence[str]) -> Slice:
    """Divide by whether the mention, before preprocessing, has a short form, and whether that was expanded.

    ``none``: no token has the shape of one. ``expanded``: none of the short forms is left in the processed mention.
    ``kept``: at least one is left, so that the model had to know it.

    Parameters
    ----------
    raw_mentions
        The mentions before preprocessing, one per query.

    Examples
    --------
    >>> queries = [Query("ataxia telangiectasia", "D1"), Query("a t", "D1"), Query("ataxia", "D2")]
    >>> by_abbreviation(queries, ["A-T", "A-T", "Ataxia"]).labels
    ('expanded', 'kept', 'none')
    """
    clean = TextPreprocess().run

    def label(query: Query, raw: str) -> str:
        short, processed = [clean(token) for token in short_forms(raw)], f" {clean(query.mention)} "
        return "none" if not short else "kept" if any(f" {form} " in processed for form in short) else "expanded"

    return Slice("abbreviation", tuple(label(*pair) for pair in zip(queries, raw_mentions, strict=True)))


def short_forms(raw: str) -> list[str]:
    """Return the tokens with the shape of an abbreviation: two to ten characters, mostly capitals, at least two.

    Tokens are separated by white space and ``/``, without punctuation at both ends. As the rule is about shape only, it
    includes words in capitals, and misses abbreviations in lower case.

    Examples
    --------
    >>> short_forms("FAP/HNPCC (A-T) tumours of Type IA, G6PD, C5-deficient")
    ['FAP', 'HNPCC', 'A-T', 'IA', 'G6PD']
    """
    return [token for token in _tokens(raw) if _is_short_form(token)]


def _tokens(raw: str) -> Iterator[str]:
    return (_EDGE.sub("", token) for token in _AT_BLANKS_AND_SLASHES.split(raw))


def _is_short_form(token: str) -> bool:
    letters = [character for character in token if character.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    return 2 <= len(token) <= LONGEST_SHORT_FORM and capitals >= 2 and 2 * capitals > len(letters)
