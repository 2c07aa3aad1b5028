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
    """A dictionary name found for a mention; ``score = dense_score + w * sparse_score`` in hybrid mode."""

    name: str
    cui: str
    score: float


class MentionPrediction(NamedTuple):
    """A mention as it was given and its candidates, best first."""

    mention: str
    candidates: tuple[Candidate, ...]


class QueryPrediction(NamedTuple):
    """A query and the predictions of its mentions: one, or one a part where the query is composite."""

    query: Query
    mentions: tuple[MentionPrediction, ...]
