"""Texts that an approximate search is measured with: names of the dictionary, changed as mentions differ from names."""

import random
from collections.abc import Callable, Sequence


def held_queries(names: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Return ``count`` names drawn at random, each changed in one way: a typing error, a word less, or another order.

    Examples
    --------
    >>> held_queries(["ataxia telangiectasia", "breast cancer"], 2, seed=1)
    ['ataxia', 'breast canecr']
    """
    drawn = random.Random(seed)
    rows = drawn.sample(range(len(names)), min(count, len(names)))
    return [changed(names[row], drawn) for row in rows]


def changed(name: str, drawn: random.Random) -> str:
    """Return the name changed in one of the ways that have an effect on it; never empty."""
    found = [text for change in CHANGES if (text := change(name, drawn)).strip() and text != name]
    return drawn.choice(found) if found else name


def _two_letters_swapped(name: str, drawn: random.Random) -> str:
    at = drawn.randrange(max(1, len(name) - 1))
    return name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]


def _a_letter_less(name: str, drawn: random.Random) -> str:
    at = drawn.randrange(max(1, len(name)))
    return name[:at] + name[at + 1 :]


def _a_letter_twice(name: str, drawn: random.Random) -> str:
    at = drawn.randrange(max(1, len(name)))
    return name[: at + 1] + name[at:]


def _a_word_less(name: str, drawn: random.Random) -> str:
    words = name.split()
    if len(words) > 1:
        del words[drawn.randrange(len(words))]
    return " ".join(words)


def _last_word_first(name: str, drawn: random.Random) -> str:
    words = name.split()
    return " ".join(words[-1:] + words[:-1])


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    _two_letters_swapped,
    _a_letter_less,
    _a_letter_twice,
    _a_word_less,
    _last_word_first,
)
