"""A branch of an ontology: a concept and what is below it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from biosyn.concept_ids import strip_prefixes
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import CONSIDER, PARENTS, REPLACED_BY, Concept
from biosyn.errors import InputError

_TREE_NUMBERS, _MAPPED_TO = "tree_numbers", "mapped_to"


def branch_of(concepts: Iterable[Concept], root: str, counts: ReadCounts) -> Iterator[Concept]:
    """Yield the concept with an id and all concepts below it, in their order; all concepts are held in memory.

    What is below it say its tree numbers, if it has some, and otherwise the parents. A record of MeSH that is mapped to
    a heading of the branch is below it, and an obsolete concept belongs to the branch of its replacement.

    Parameters
    ----------
    root
        An own or alternative id, with or without its prefix.
    """
    held = list(concepts)
    cui = strip_prefixes(root.strip())
    roots = [concept for concept in held if cui in concept.ids and not concept.obsolete]
    if not roots:
        raise InputError(f"--branch {root}: {_why_not(held, cui)}")
    if not any(concept.links.get(key) for concept in held for key in (PARENTS, _TREE_NUMBERS)):
        raise InputError(f"--branch {root}: no concept of these files has parents")
    ids = _below_by_number(held, roots) if any(each.links.get(_TREE_NUMBERS) for each in roots) else None
    ids = _below_by_parents(held, roots) if ids is None else ids
    for concept in held:
        keys = (REPLACED_BY, CONSIDER) if concept.obsolete else (_MAPPED_TO,)
        pointed = (each for key in keys for each in concept.links.get(key, ()))
        if (concept.ids[0] in ids and not concept.obsolete) or not ids.isdisjoint(pointed):
            yield concept
        else:
            counts.note("outside --branch")


def _why_not(held: Sequence[Concept], cui: str) -> str:
    obsolete = next((concept for concept in held if cui in concept.ids), None)
    if obsolete is None:
        return "no concept has this id"
    others = ", ".join([*obsolete.links.get(REPLACED_BY, ()), *obsolete.links.get(CONSIDER, ())])
    return f"this id is obsolete: try {others}" if others else "this id is obsolete"


def _below_by_number(held: Sequence[Concept], roots: Sequence[Concept]) -> set[str]:
    """Return the own ids of the concepts whose tree numbers begin with one of a root."""
    numbers = tuple(number for root in roots for number in root.links.get(_TREE_NUMBERS, ()))
    starts = tuple(f"{number}{separator}" for number in numbers for separator in "./")  # a slash in CTD's
    below = (
        concept
        for concept in held
        if any(number in numbers or number.startswith(starts) for number in concept.links.get(_TREE_NUMBERS, ()))
    )
    return {concept.ids[0] for concept in below}


def _below_by_parents(held: Sequence[Concept], roots: Sequence[Concept]) -> set[str]:
    """Return the own ids of the roots and of all concepts below them."""
    children: defaultdict[str, list[Concept]] = defaultdict(list)
    for concept in held:
        for parent in concept.links.get(PARENTS, ()):
            children[parent].append(concept)
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        concept = waiting.pop()
        if concept.ids[0] not in found:
            found.add(concept.ids[0])
            waiting += (child for cui in concept.ids for child in children[cui])
    return found
