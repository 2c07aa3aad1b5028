"""The columns, members and infons that linking adds to a record, the same in every format.

A new one is a field of `Link`, filled in by `best_links` in `biosyn.linking.file`, and an entry here.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

ID, NAME, SCORE, PROBABILITY = "biosyn_id", "biosyn_name", "biosyn_score", "biosyn_probability"
DECIMALS = 4  # of a written score


class Link(NamedTuple):
    """The name and concept that a mention is linked to.

    A composite mention has the ids and names of its parts joined by ``|``, and the lowest score and probability. Below
    a threshold the id is ``-1`` and the name is empty. A model that is not calibrated has no probability.
    """

    cui: str
    name: str
    score: float
    probability: float | None = None


def added_fields(link: Link, keys: Sequence[str]) -> dict[str, str | float]:
    """Return the fields that are added to a record, in the order of the keys.

    Examples
    --------
    >>> added_fields(Link("D013684", "telangiectasia", 12.345678), (ID, SCORE))
    {'biosyn_id': 'D013684', 'biosyn_score': 12.3457}
    """
    values: dict[str, str | float] = {ID: link.cui, NAME: link.name, SCORE: round(link.score, DECIMALS)}
    if link.probability is not None:
        values[PROBABILITY] = round(link.probability, DECIMALS)
    return {key: values[key] for key in keys}


def added_texts(link: Link, keys: Sequence[str]) -> dict[str, str]:
    """Return the fields that are added in formats in which everything is text: columns and infons.

    Examples
    --------
    >>> added_texts(Link("D013684", "telangiectasia", 12.5), (ID, SCORE))
    {'biosyn_id': 'D013684', 'biosyn_score': '12.5000'}
    """
    fields = added_fields(link, keys)
    return {key: value if isinstance(value, str) else f"{value:.{DECIMALS}f}" for key, value in fields.items()}


def already_linked(present: Collection[str]) -> str:
    """Say that one of our keys is present, or return an empty text."""
    found = [key for key in (ID, NAME, SCORE, PROBABILITY) if key in present]
    return f"already holds {found[0]}: link the original file" if found else ""
