"""The rows that pass between the parts of the project, each field under its own name."""

from typing import NamedTuple


class Query(NamedTuple):
    """One annotated mention: a line of a ``.concept`` file. Offsets are characters of the document, as text."""

    mention: str
    cui: str
    pmid: str = ""
    start: str = ""
    end: str = ""
    type: str = ""


class Name(NamedTuple):
    """One line of a dictionary; ``cui`` may hold several ids joined by ``|``."""

    name: str
    cui: str


class Candidate(NamedTuple):
    """A dictionary name found for a mention, and the two summands of its score.

    ``score = dense_score + sparse_score``, but for rounding: the weight w is in ``sparse_score`` already. Where only
    one half is searched (``--score_mode``), that half is the score and the other is 0.
    """

    name: str
    cui: str
    score: float
    dense_score: float
    sparse_score: float


class MentionPrediction(NamedTuple):
    """A mention as it was given and its candidates, best first.

    ``probability`` that the best concept is right, where the model is calibrated (docs/calibration.md).
    """

    mention: str
    candidates: tuple[Candidate, ...]
    probability: float | None = None


class ConceptCandidate(NamedTuple):
    """A concept found for a mention: all its ids, and the best of its names; ``homonym`` where that has other concepts.

    ``preferred_name`` is None where only the id is known.
    """

    ids: tuple[str, ...]
    preferred_name: str | None
    best: Candidate
    homonym: bool


class ConceptPrediction(NamedTuple):
    """A mention as it was given and its concepts, best first; ``probability`` as a `MentionPrediction`'s."""

    mention: str
    concepts: tuple[ConceptCandidate, ...]
    probability: float | None = None


class QueryPrediction(NamedTuple):
    """A query and the predictions of its mentions: one, or one a part where the query is composite."""

    query: Query
    mentions: tuple[MentionPrediction, ...]


def split_mention(query: Query) -> list[str]:
    """Return the parts of a composite mention, cut at ``|`` and ``+``, or the mention alone.

    Examples
    --------
    >>> split_mention(Query("breast cancer|ovarian cancer", "D001943|D010051"))
    ['breast cancer', 'ovarian cancer']
    """
    return query.mention.replace("+", "|").split("|")
