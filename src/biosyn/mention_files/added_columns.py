"""The columns, members and infons that linking adds to a record, the same in every format.

A new one is a field of `Link`, filled in by `best_links` in `biosyn.linking.file`, and an entry here.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

ID, NAME, SCORE, PROBABILITY = "biosyn_id", "biosyn_name", "biosyn_score", "biosyn_probability"
PREFERRED_NAME, ALTERNATIVE_IDS = "biosyn_preferred_name", "biosyn_alternative_ids"
OTHER_CONCEPTS, REASON = "biosyn_other_concepts", "biosyn_reason"
CONCEPT = (PREFERRED_NAME, ALTERNATIVE_IDS, OTHER_CONCEPTS, REASON)
DECIMALS = 4  # of a written score


class Link(NamedTuple):
    """The name and concept that a mention is linked to.

    A composite mention has the ids and names of its parts joined by ``|``, and the lowest score and probability. Below
    a threshold the id is ``-1`` and the name is empty. A model that is not calibrated has no probability.

    Attributes
    ----------
    id
        The CURIE of the concept that the name stands for, or all ids of the name, as the run is told.
    alternative_ids, other_concepts
        The other ids of that concept, and the other concepts of the name, best first; as CURIEs.
    reason
        Why the concept comes before the others of the name.
    unsure
        Why the link is worth nothing (`MentionPrediction.unsure`), written in place of the reason; usually empty.
    """

    id: str
    name: str
    score: float
    probability: float | None = None
    preferred_name: str = ""
    alternative_ids: tuple[str, ...] = ()
    other_concepts: tuple[str, ...] = ()
    reason: str = ""
    unsure: str = ""


def added_fields(link: Link, keys: Sequence[str]) -> dict[str, str | float | list[str] | None]:
    """Return the fields that are added to a record, in the order of the keys.

    Examples
    --------
    >>> added_fields(Link("D013684", "telangiectasia", 12.345678), (ID, SCORE))
    {'biosyn_id': 'D013684', 'biosyn_score': 12.3457}
    """
    values: dict[str, str | float | list[str] | None] = {
        ID: link.id,
        NAME: link.name,
        SCORE: round(link.score, DECIMALS),
        PREFERRED_NAME: link.preferred_name,
        ALTERNATIVE_IDS: list(link.alternative_ids),
        OTHER_CONCEPTS: list(link.other_concepts),
        REASON: f"unsure: {link.unsure}" if link.unsure else link.reason,
        PROBABILITY: None if link.probability is None else round(link.probability, DECIMALS),
    }
    return {key: values[key] for key in keys}


def added_texts(link: Link, keys: Sequence[str]) -> dict[str, str]:
    """Return the fields that are added in formats in which everything is text, columns and infons; ``|`` joins ids.

    Examples
    --------
    >>> added_texts(Link("D013684", "telangiectasia", 12.5), (ID, SCORE))
    {'biosyn_id': 'D013684', 'biosyn_score': '12.5000'}
    """
    return {key: _text(value) for key, value in added_fields(link, keys).items()}


def _text(value: str | float | list[str] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(value)
    return value if isinstance(value, str) else f"{value:.{DECIMALS}f}"


def already_linked(present: Collection[str]) -> str:
    """Say that one of our keys is present, or return an empty text."""
    found = [key for key in (ID, NAME, SCORE, PROBABILITY, *CONCEPT) if key in present]
    return f"already holds {found[0]}: link the original file" if found else ""
