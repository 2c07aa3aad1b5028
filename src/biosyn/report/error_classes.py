"""Why a query may have gone wrong: one class, by what its gold ids and its best names are. Rules, not causes."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from biosyn.data.ontology import PARENTS, Concept


class Facts(NamedTuple):
    """What is known of a query that is not right at 1."""

    in_dictionary: bool  # one of its gold ids at least
    composite: bool
    relation: str  # of the best concept to the gold one: "parent", "child" or ""
    homonym: bool  # the best name of a part belongs to two or more concepts
    abbreviation: bool  # a short form stands in the mention that the model was given
    in_topk: bool


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


def _ids(concepts: Iterable[Concept]) -> AbstractSet[str]:
    return {cui for concept in concepts for cui in concept.ids}


def _parents(concepts: Iterable[Concept]) -> AbstractSet[str]:
    return {cui for concept in concepts for cui in concept.links.get(PARENTS, ())}
