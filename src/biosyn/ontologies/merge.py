"""Several files of one command: a concept that is in more than one of them is one concept."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept


def merged_concepts(files: Iterable[Iterable[Concept]], counts: ReadCounts) -> Iterator[Concept]:
    """Yield the concepts of several files, in order of appearance; all are held in memory.

    Two concepts are the same if their own ids are equal. They are also the same if one file has as an alternative id
    what is an own id in others, but not in itself: an older release, in which the two were still apart. An id that is
    an alternative one of several concepts is no such sign. The merged concept has the ids and names of all; an id that
    one file calls obsolete is obsolete.

    Examples
    --------
    >>> old = [Concept(("X:1",), ("ataxia",), "old.obo"), Concept(("X:2",), ("at",), "old.obo")]
    >>> new = [Concept(("X:2", "X:1"), ("ataxia",), "new.obo")]
    >>> [(concept.ids, concept.names) for concept in merged_concepts([old, new], ReadCounts())]
    [(('X:2', 'X:1'), ('at', 'ataxia'))]
    """
    held = [(number, concept) for number, file in enumerate(files) for concept in file]
    leading = _leading_ids(held)
    groups: dict[str, list[Concept]] = {}
    for _, concept in held:
        groups.setdefault(leading.get(concept.ids[0], concept.ids[0]), []).append(concept)
    counts.note("concept in several files: merged", len(held) - len(groups))
    for own, group in groups.items():
        yield _merged(own, group) if len(group) > 1 else group[0]


def _leading_ids(held: Sequence[tuple[int, Concept]]) -> dict[str, str]:
    """Return own id -> the own id under which its concept is merged."""
    live = {(number, concept.ids[0]) for number, concept in held if not concept.obsolete}
    leading = {own: own for _, own in live}
    owners: defaultdict[str, set[str]] = defaultdict(set)  # alternative id -> the own ids that it is listed with
    for number, concept in held:
        if not concept.obsolete:
            for other in concept.ids[1:]:
                if other in leading and (number, other) not in live:
                    owners[other].add(concept.ids[0])

    def leader(own: str) -> str:
        while leading[own] != own:
            own = leading[own]
        return own

    for other, found in owners.items():
        if len(found) == 1:
            leading[leader(other)] = leader(*found)
    return {own: leader(own) for own in leading}


def _merged(own: str, group: Sequence[Concept]) -> Concept:
    """Return one concept, whose own id and preferred name are those of the concepts that have the leading id."""
    leaders = [concept for concept in group if concept.ids[0] == own]
    others = [concept for concept in group if concept.ids[0] != own and not concept.obsolete]
    obsolete = any(concept.obsolete for concept in leaders)
    group = leaders + others
    links: dict[str, dict[str, None]] = {}
    for concept in group:
        for key, values in concept.links.items():
            links.setdefault(key, {}).update(dict.fromkeys(values))
    ids = dict.fromkeys(cui for concept in group for cui in concept.ids)
    names = dict.fromkeys(name for concept in group for name in concept.names)
    return Concept(
        tuple(ids),
        () if obsolete else tuple(names),
        group[0].source,
        {key: tuple(values) for key, values in links.items()},
        obsolete=obsolete,
    )
