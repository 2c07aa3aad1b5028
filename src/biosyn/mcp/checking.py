"""Whether an id exists, is obsolete, and agrees with its label."""

from collections.abc import Iterable
from typing import NamedTuple

from biosyn.model.catalogue import Catalogue
from biosyn.model.linker import Linker
from biosyn.records import ResolvedConcept

OK, UNKNOWN, OBSOLETE, DISAGREES = "ok", "unknown id", "obsolete id", "label disagrees"


class LabelRow(NamedTuple):
    """A label, cleaned, and its id; the place of the row for messages."""

    label: str
    id: str
    place: str


class Verdict(NamedTuple):
    """What is found about an id and its label.

    Attributes
    ----------
    status
        ``ok``, ``unknown id``, ``obsolete id`` or ``label disagrees``.
    reason
        What the status is founded on.
    primary_id
        The preferred id of the concept, where the id is an alternative one.
    replaced_by, consider
        The ids that mean the same as an obsolete one, and those that may be meant.
    label_ids
        Where the status is not ok: the ids that the label would have, the likeliest first.
    probability
        That the model's concept is right, where a calibrated one was asked.
    """

    id: str
    label: str
    status: str
    reason: str
    preferred_name: str = ""
    primary_id: str = ""
    replaced_by: tuple[str, ...] = ()
    consider: tuple[str, ...] = ()
    label_ids: tuple[str, ...] = ()
    probability: float | None = None


class Answer(NamedTuple):
    """The concepts that a label may stand for, the likeliest first, and the model's probability of the first."""

    concepts: tuple[ResolvedConcept, ...]
    probability: float | None = None


class Checker:
    """Checks ids and labels against a dictionary and the concepts beside it."""

    def __init__(self, linker: Linker, catalogue: Catalogue):
        self._linker, self._catalogue = linker, catalogue

    def named(self, label: str) -> tuple[ResolvedConcept, ...]:
        """Return the concepts that have a cleaned label as one of their names; none if it is no name."""
        names = map(self._linker.dictionary.__getitem__, self._linker.dictionary.rows_of(label) if label else ())
        found = (concept for name in names for concept in self._linker.resolver.resolve(name))
        return tuple({concept.curie: concept for concept in found}.values())

    def verdict(self, row: LabelRow, linked: Answer | None = None) -> Verdict:
        """Return the verdict on a row.

        Parameters
        ----------
        linked
            What a model says about the label; None where none was asked, or it is not sure enough.
        """
        cui, entry, named = self._catalogue.curie(row.id.strip()), self._catalogue.find(row.id), self.named(row.label)
        answer = Answer(named) if named or linked is None else linked
        found = Verdict(cui, row.label, OK, "the id exists", probability=answer.probability)
        if entry is not None and not entry.obsolete:
            first = entry.primary_id if entry.primary_id != cui else ""
            found = found._replace(preferred_name=entry.preferred_name or "", primary_id=first)
            if not row.label:
                return found
            if _holds(named, cui):
                return found._replace(reason="the label is a name of the id")
            if linked is not None and _holds(linked.concepts[:1], cui):
                return found._replace(reason="the model links the label to the id")
        found = found._replace(label_ids=tuple(one.curie for one in answer.concepts))
        if entry is None:
            return found._replace(status=UNKNOWN, reason="no concept has this id")
        if entry.obsolete:
            links = entry.replaced_by or entry.consider
            reason = "it was withdrawn" + ("" if links else "; the ontology names no replacement")
            found = found._replace(replaced_by=entry.replaced_by, consider=entry.consider)
            return found._replace(status=OBSOLETE, reason=reason)
        reason = "the label is a name of other concepts" if named else "the label is no name of the id"
        return found._replace(status=DISAGREES, reason=reason)


def _holds(concepts: Iterable[ResolvedConcept], cui: str) -> bool:
    return any(cui in (concept.curie, *concept.alternative_ids) for concept in concepts)
