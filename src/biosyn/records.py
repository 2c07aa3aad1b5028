"""The records that the parts of the project exchange, with named fields."""

from typing import NamedTuple


class Query(NamedTuple):
    """One annotated mention, a line of a ``.concept`` file; start and end are character offsets, as text."""

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
    """A dictionary name found for a mention, with the two parts of its score.

    ``score = dense_score + sparse_score``, except for rounding; ``sparse_score`` includes the weight w. If only one
    part is searched (``--score_mode``), it is the score and the other part is 0. With ``--rerank`` the score has a
    third part: what the other names of the concept add, compared with the concept that was the best before.
    """

    name: str
    cui: str
    score: float
    dense_score: float
    sparse_score: float
    rerank_score: float | None = None


class MentionPrediction(NamedTuple):
    """A mention as given, and its candidates, best first.

    Attributes
    ----------
    probability
        That of the first concept being right, if the model is calibrated (docs/calibration.md).
    resolved
        The concepts of the best name, the one that it most likely stands for first; empty where nobody asked for them,
        as in training.
    unsure
        Why the candidates are worth nothing: most letters are of a script that the tokenizer does not know. There is
        no probability then. Usually empty.
    """

    mention: str
    candidates: tuple[Candidate, ...]
    probability: float | None = None
    resolved: "tuple[ResolvedConcept, ...]" = ()
    unsure: str = ""


class ResolvedConcept(NamedTuple):
    """A concept that a name may stand for.

    Attributes
    ----------
    id
        Its primary id as it is in the dictionary.
    curie
        The same with the prefix of its vocabulary: ``MESH:D001260``; without one if the vocabulary is not known.
    preferred_name
        None if only the id is known.
    alternative_ids
        Its other ids, as CURIEs, in the order of preference.
    reason
        Why it has its place among the concepts of the name: ``annotated 57 times``, ``preferred name``, ``MeSH before
        OMIM``.
    ids
        All its ids as they are in the dictionary, the primary one first.
    """

    id: str
    curie: str
    preferred_name: str | None
    alternative_ids: tuple[str, ...]
    reason: str
    ids: tuple[str, ...]


class ConceptCandidate(NamedTuple):
    """A concept found for a mention: all its ids, and its best name, a ``homonym`` if that has other concepts too.

    ``preferred_name`` is None if only the id is known; ``resolved`` says by which id it is given, and why it has its
    place among the concepts of that name.
    """

    ids: tuple[str, ...]
    preferred_name: str | None
    best: Candidate
    homonym: bool
    resolved: ResolvedConcept


class ConceptPrediction(NamedTuple):
    """A mention as given, and its concepts, best first.

    ``probability``, ``resolved`` and ``unsure`` as in `MentionPrediction`.
    """

    mention: str
    concepts: tuple[ConceptCandidate, ...]
    probability: float | None = None
    resolved: tuple[ResolvedConcept, ...] = ()
    unsure: str = ""


class QueryPrediction(NamedTuple):
    """A query and the predictions of its mentions: one, or one per part if the query is composite."""

    query: Query
    mentions: tuple[MentionPrediction, ...]


def split_mention(query: Query) -> list[str]:
    """Return the parts of a composite mention, split at ``|`` and ``+``, or the mention alone.

    Examples
    --------
    >>> split_mention(Query("breast cancer|ovarian cancer", "D001943|D010051"))
    ['breast cancer', 'ovarian cancer']
    """
    return query.mention.replace("+", "|").split("|")
