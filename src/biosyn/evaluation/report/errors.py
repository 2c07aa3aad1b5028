"""The table of errors: for each wrong query its gold concepts, the answers, and the class of the error."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from biosyn.concept_ids import is_composite, shares_any, split_ids
from biosyn.data.concepts import PARENTS, Concept, ConceptTable
from biosyn.data.vocabularies import BARE, Vocabularies, ontology_link
from biosyn.evaluation.outcomes import Outcomes
from biosyn.records import Candidate, MentionPrediction, Name, Query, QueryPrediction

CANDIDATES = 5  # shown per mention
# The first that applies is taken: errors that no ranking can correct come first, those of the ranking last.
CLASSES = {
    "not in dictionary": "no name of the dictionary has a gold id, or there is none (-1)",
    "composite": "several ids or parts, each of which has to be right",
    "parent": "the best name's concept is a parent of the gold one: too broad",
    "child": "the best name's concept is a child of the gold one: too narrow",
    "homonym": "the best name belongs to two or more concepts",
    "abbreviation": "a short form that preprocessing did not expand",
    "below K": "the gold concept is not among the top K names",
    "ranked lower": "the gold concept is among the top K names, but not first",
}


class LinkedId(NamedTuple):
    """A single id, with the page of its concept, the ontology and the concept's name; unknown ones are empty."""

    cui: str
    url: str
    ontology: str
    name: str


class Answer(NamedTuple):
    """A candidate as shown on the page."""

    name: str
    ids: tuple[LinkedId, ...]
    score: float
    right: bool


class Part(NamedTuple):
    """A mention, or a part of a composite one, and its best candidates."""

    mention: str
    answers: tuple[Answer, ...]
    probability: float | None


class ErrorRow(NamedTuple):
    """A query that is not right at 1; ``rank`` is the k at which it is, or 0 if it is not right in the top K."""

    query: Query
    gold: tuple[LinkedId, ...]
    parts: tuple[Part, ...]
    rank: int
    error_class: str


def error_rows(
    predictions: Sequence[QueryPrediction],
    outcomes: Outcomes,
    concepts: ConceptTable,
    *,
    vocabularies: Vocabularies = BARE,
) -> list[ErrorRow]:
    """Return the queries that Acc@1 does not count, in order.

    Parameters
    ----------
    concepts
        The concepts of the dictionary's names, for homonyms, relations and the names of gold ids.
    vocabularies
        Those of bare ids, for the pages of ids.
    """
    short = next((part.labels for part in outcomes.slices if part.name == "abbreviation"), ("",) * len(outcomes))
    rows = []
    for number, found in enumerate(predictions):
        if outcomes.ranks[number] == 1:
            continue
        query = found.query
        facts = Facts(
            in_dictionary=bool(outcomes.in_dictionary[number]),
            composite=is_composite(query.cui) or len(found.mentions) > 1,
            relation=_relation_of_best(found, concepts),
            homonym=any(len(_concepts_of_best(mention, concepts)) > 1 for mention in found.mentions),
            abbreviation=short[number] == "kept",
            in_topk=bool(outcomes.ranks[number]),
        )
        gold = _linked(split_ids(query.cui), concepts, vocabularies=vocabularies)
        parts = tuple(_part(mention, query, concepts, vocabularies=vocabularies) for mention in found.mentions)
        rows.append(ErrorRow(query, gold, parts, int(outcomes.ranks[number]), error_class(facts)))
    return rows


def _part(mention: MentionPrediction, query: Query, concepts: ConceptTable, *, vocabularies: Vocabularies) -> Part:
    shown = mention.candidates[:CANDIDATES]
    answers = tuple(_answer(candidate, query, concepts, vocabularies=vocabularies) for candidate in shown)
    return Part(mention.mention, answers, mention.probability)


def _answer(candidate: Candidate, query: Query, concepts: ConceptTable, *, vocabularies: Vocabularies) -> Answer:
    ids = _linked(split_ids(candidate.cui), concepts, vocabularies=vocabularies)
    return Answer(candidate.name, ids, candidate.score, shares_any(query.cui, candidate.cui))


def _linked(ids: Sequence[str], concepts: ConceptTable, *, vocabularies: Vocabularies) -> tuple[LinkedId, ...]:
    return tuple(_linked_id(cui, concepts, vocabularies=vocabularies) for cui in ids)


def _linked_id(cui: str, concepts: ConceptTable, *, vocabularies: Vocabularies) -> LinkedId:
    link = ontology_link(cui, vocabularies)
    name = concepts.with_id(cui)[0].preferred_name or ""
    return LinkedId(cui, link.url if link else "", link.ontology if link else "", name)


# -- classes


class Facts(NamedTuple):
    """What is known about a query that is not right at 1."""

    in_dictionary: bool  # at least one of its gold ids
    composite: bool
    relation: str  # of the best concept to the gold one: "parent", "child" or ""
    homonym: bool  # the best name of a part belongs to two or more concepts
    abbreviation: bool  # the mention contains a short form that was not expanded
    in_topk: bool


def error_class(facts: Facts) -> str:
    """Return the first of `CLASSES` that applies.

    Examples
    --------
    >>> error_class(Facts(True, False, "parent", True, False, True))
    'parent'
    >>> error_class(Facts(True, False, "", False, False, False))
    'below K'
    """
    tried = {
        "not in dictionary": not facts.in_dictionary,
        "composite": facts.composite,
        "parent": facts.relation == "parent",
        "child": facts.relation == "child",
        "homonym": facts.homonym,
        "abbreviation": facts.abbreviation,
        "below K": not facts.in_topk,
    }
    return next((name for name, applies in tried.items() if applies), "ranked lower")


def _relation_of_best(found: QueryPrediction, concepts: ConceptTable) -> str:
    gold = [concept for cui in split_ids(found.query.cui) for concept in concepts.with_id(cui)]
    return relation([one for mention in found.mentions for one in _concepts_of_best(mention, concepts)], gold)


def _concepts_of_best(mention: MentionPrediction, concepts: ConceptTable) -> Sequence[Concept]:
    best = mention.candidates[0]
    return concepts.concepts_of(Name(best.name, best.cui))


def relation(found: Sequence[Concept], gold: Sequence[Concept]) -> str:
    """Return the relation of the found concepts to the gold ones: ``parent``, ``child``, or an empty text.

    Examples
    --------
    >>> ataxia = Concept(("D1",), ("Ataxia",), "")
    >>> friedreich = Concept(("D2",), ("Friedreich Ataxia",), "", {"parents": ("D1",)})
    >>> relation([ataxia], [friedreich]), relation([friedreich], [ataxia]), relation([ataxia], [ataxia])
    ('parent', 'child', '')
    """
    if _ids(found) & _parents(gold):
        return "parent"
    return "child" if _ids(gold) & _parents(found) else ""


def _ids(concepts: Iterable[Concept]) -> AbstractSet[str]:
    return {cui for concept in concepts for cui in concept.ids}


def _parents(concepts: Iterable[Concept]) -> AbstractSet[str]:
    return {cui for concept in concepts for cui in concept.links.get(PARENTS, ())}
