"""The rows of the table of errors: what was asked, what was answered, and a class."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from biosyn.concept_ids import is_composite, ontology_link, shares_any, split_ids
from biosyn.data.concepts import PARENTS, Concept, ConceptTable
from biosyn.evaluation.outcomes import Outcomes
from biosyn.records import Candidate, MentionPrediction, Name, Query, QueryPrediction

CANDIDATES = 5  # shown of a mention
# In the order in which they are tried: first what no ranking can mend, last what only says how far it went wrong.
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
    """A single id, the page of its concept or an empty text, the ontology, and the concept's name where known."""

    cui: str
    url: str
    ontology: str
    name: str


class Answer(NamedTuple):
    """A candidate as it is shown."""

    name: str
    ids: tuple[LinkedId, ...]
    score: float
    right: bool


class Part(NamedTuple):
    """A mention, or a part of a composite one, and its best candidates."""

    mention: str
    answers: tuple[Answer, ...]
    probability: float | None


def relation(found: Sequence[Concept], gold: Sequence[Concept]) -> str:
    """Say what the concepts found are to the gold ones: ``parent``, ``child``, or an empty text.

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


class Facts(NamedTuple):
    """What is known of a query that is not right at 1."""

    in_dictionary: bool  # one of its gold ids at least
    composite: bool
    relation: str  # of the best concept to the gold one: "parent", "child" or ""
    homonym: bool  # the best name of a part belongs to two or more concepts
    abbreviation: bool  # a short form stands in the mention that the model was given
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


class ErrorRow(NamedTuple):
    """A query that is not right at 1; ``rank`` is where it would have been, 0 for nowhere in the top K."""

    query: Query
    gold: tuple[LinkedId, ...]
    parts: tuple[Part, ...]
    rank: int
    error_class: str


def error_rows(
    predictions: Sequence[QueryPrediction], outcomes: Outcomes, concepts: ConceptTable, *, genes: bool = False
) -> list[ErrorRow]:
    """Return the queries that Acc@1 does not count, in their order.

    Parameters
    ----------
    concepts
        Those of the dictionary's names, for homonyms, relations and the names of gold ids.
    genes
        Whether bare numbers are ids of genes, as `ontology_link` takes it.
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
            relation=_relation(found, concepts),
            homonym=any(len(_concepts_of_best(mention, concepts)) > 1 for mention in found.mentions),
            abbreviation=short[number] == "kept",
            in_topk=bool(outcomes.ranks[number]),
        )
        gold = _linked(split_ids(query.cui), concepts, genes=genes)
        parts = tuple(_part(mention, query, concepts, genes=genes) for mention in found.mentions)
        rows.append(ErrorRow(query, gold, parts, int(outcomes.ranks[number]), error_class(facts)))
    return rows


def _relation(found: QueryPrediction, concepts: ConceptTable) -> str:
    gold = [concept for cui in split_ids(found.query.cui) for concept in concepts.with_id(cui)]
    return relation([one for mention in found.mentions for one in _concepts_of_best(mention, concepts)], gold)


def _concepts_of_best(mention: MentionPrediction, concepts: ConceptTable) -> Sequence[Concept]:
    best = mention.candidates[0]
    return concepts.concepts_of(Name(best.name, best.cui))


def _part(mention: MentionPrediction, query: Query, concepts: ConceptTable, *, genes: bool) -> Part:
    shown = mention.candidates[:CANDIDATES]
    answers = tuple(_answer(candidate, query, concepts, genes=genes) for candidate in shown)
    return Part(mention.mention, answers, mention.probability)


def _answer(candidate: Candidate, query: Query, concepts: ConceptTable, *, genes: bool) -> Answer:
    ids = _linked(split_ids(candidate.cui), concepts, genes=genes)
    return Answer(candidate.name, ids, candidate.score, shares_any(query.cui, candidate.cui))


def _linked(ids: Sequence[str], concepts: ConceptTable, *, genes: bool) -> tuple[LinkedId, ...]:
    return tuple(_linked_id(cui, concepts, genes=genes) for cui in ids)


def _linked_id(cui: str, concepts: ConceptTable, *, genes: bool) -> LinkedId:
    link = ontology_link(cui, genes=genes)
    name = concepts.with_id(cui)[0].preferred_name or ""
    return LinkedId(cui, link.url if link else "", link.ontology if link else "", name)


def _ids(concepts: Iterable[Concept]) -> AbstractSet[str]:
    return {cui for concept in concepts for cui in concept.ids}


def _parents(concepts: Iterable[Concept]) -> AbstractSet[str]:
    return {cui for concept in concepts for cui in concept.links.get(PARENTS, ())}
