"""The verb biosyn check: whether ids exist, are obsolete, and agree with their labels.

Names alone decide without a model, and torch is not imported then. An id and a label agree if the label, cleaned as a
mention, is a name of the id's concept, or if a model links it to that concept.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.data.concepts import CONCEPTS_FILE, CONSIDER, REPLACED_BY, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.resolver import Resolver
from biosyn.data.vocabularies import vocabularies_beside
from biosyn.errors import InputError
from biosyn.files import is_there, json_text
from biosyn.linking.labels import LabelRow, read_labels
from biosyn.model.catalogue import Catalogue
from biosyn.places import Inputs
from biosyn.records import ResolvedConcept
from biosyn.retrieval.confidence import is_unsure
from biosyn.settings.verbs import CheckConfig
from biosyn.text.mentions import MentionCleaner
from biosyn.writing import require_writable, write_lines

logger = logging.getLogger(__name__)
OK, UNKNOWN, OBSOLETE, DISAGREES = "ok", "unknown id", "obsolete id", "label disagrees"
SHOWN = 100  # rows that do not agree, in what is printed
_CLEANER = MentionCleaner()


class Verdict(NamedTuple):
    """What is found about one row.

    Attributes
    ----------
    id
        As a CURIE where its vocabulary is known.
    status
        ``ok``, ``unknown id``, ``obsolete id`` or ``label disagrees``.
    reason
        What the status is founded on.
    preferred_name
        That of the id's concept; empty if it is not known.
    primary_id
        The preferred id of the concept, where the id is an alternative one.
    replaced_by, consider
        The ids that mean the same as an obsolete one, and those that may be meant.
    label_ids
        Where the row is not ok: the ids of the concepts that have the label as a name, the likeliest first, or the one
        that the model links it to.
    probability
        That the model's concept is right, where a calibrated one was asked.
    """

    place: str
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
    """Checks ids and labels by a catalogue; without ``concepts.jsonl`` it knows the ids of the names alone."""

    def __init__(self, catalogue: Catalogue):
        self._catalogue = catalogue

    def named(self, label: str) -> tuple[ResolvedConcept, ...]:
        """Return the concepts that have a label as one of their names; none if it is no name."""
        text = "" if _CLEANER.problem(label) else _CLEANER.clean(label)
        dictionary = self._catalogue.dictionary
        rows = dictionary.rows_of(text) if text else []
        found = (concept for row in rows for concept in self._catalogue.resolver.resolve(dictionary[row]))
        return tuple({concept.curie: concept for concept in found}.values())

    def verdict(self, row: LabelRow, linked: Answer | None = None) -> Verdict:
        """Return the verdict on a row.

        Parameters
        ----------
        linked
            What a model says about the label; None where none was asked, or it is not sure enough.
        """
        curie = self._catalogue.curie
        cui, concept = curie(row.id), self._catalogue.concept(row.id)
        named = self.named(row.label)
        answer = Answer(named) if named or linked is None else linked
        found = Verdict(row.place, cui, row.label, OK, "", probability=answer.probability)
        if concept is not None and not concept.obsolete:
            first = curie(self._catalogue.resolver.by_preference(concept.ids)[0])
            found = found._replace(
                preferred_name=concept.preferred_name or "", primary_id=first if first != cui else ""
            )
            if not row.label:
                return found._replace(reason="the id exists")
            if _holds(named, cui):
                return found._replace(reason="the label is a name of the id")
            if linked is not None and _holds(linked.concepts[:1], cui):
                return found._replace(reason="the model links the label to the id")
        found = found._replace(label_ids=tuple(one.curie for one in answer.concepts))
        if concept is None:
            return found._replace(status=UNKNOWN, reason=self._why_unknown(row.id, cui))
        if concept.obsolete:
            same, near = (tuple(map(curie, concept.links.get(key, ()))) for key in (REPLACED_BY, CONSIDER))
            reason = "it was withdrawn" + ("" if same or near else "; the ontology names no replacement")
            return found._replace(status=OBSOLETE, reason=reason, replaced_by=same, consider=near)
        reason = "the label is a name of other concepts" if named else "the label is no name of the id"
        return found._replace(status=DISAGREES, reason=_CLEANER.problem(row.label) or reason)

    def _why_unknown(self, given: str, cui: str) -> str:
        if not given:
            return "there is no id"
        prefixes = sorted(self._catalogue.vocabularies)
        shown = ", ".join(prefixes[:8]) or "none"
        if ":" not in cui:
            return f"its vocabulary is not known: give it a prefix (those of the dictionary: {shown})"
        if cui.partition(":")[0] not in prefixes:
            return f"the dictionary has no ids of this prefix (those that it has: {shown})"
        return "no concept has this id" + (
            "" if self._catalogue.concepts.has_obsolete else ", and the dictionary lists no obsolete ones"
        )


def _holds(concepts: Iterable[ResolvedConcept], cui: str) -> bool:
    return any(cui in (concept.curie, *concept.alternative_ids) for concept in concepts)


def check(config: CheckConfig) -> dict[str, Any]:
    """Run biosyn check: return its JSON result, in which ``agrees`` says whether every row is ok."""
    inputs = Inputs.of(config)
    pair = len(config.rows) == 2
    if not pair and not is_there(config.rows[0]):
        raise InputError("no such file: give a file of ids and labels, or one id and its label", path=config.rows[0])
    if config.output is not None:
        inputs.require_apart([config.output], option="--output")
        require_writable(Path(config.output).parent)
    rows = [LabelRow(config.rows[1], config.rows[0], "")] if pair else read_labels(config.rows[0], config)
    dictionary, concepts = (
        DictionaryDataset(config.dictionary_path),
        ConceptTable.beside(config.dictionary_path, whole=True),
    )
    checker = Checker(Catalogue(dictionary, concepts, Resolver(concepts, vocabularies_beside(dictionary))))
    if not concepts.has_obsolete:
        logger.warning(
            "%s lists no obsolete ids: an id that was withdrawn counts as unknown",
            dictionary.path.with_name(CONCEPTS_FILE),
        )
    linked = _linked(config, checker, rows) if config.model_name_or_path else {}
    verdicts = [checker.verdict(row, linked.get(row.label)) for row in rows]
    if config.output is not None:
        write_lines(config.output, _lines(verdicts, table=config.output.removesuffix(".gz").endswith(".tsv")))
    inputs.warn_of_changes()
    return _pair_json(verdicts[0]) if pair else _summary(verdicts, config.output)


def _linked(config: CheckConfig, checker: Checker, rows: Sequence[LabelRow]) -> dict[str, Answer]:
    """Return what the model says about the labels that are no names; nothing where it is not sure enough."""
    labels = [row.label for row in rows if not checker.named(row.label) and not _CLEANER.problem(row.label)]
    from biosyn.linking.loading import load_linker  # here, so that names alone do not wait for torch

    linker = load_linker(
        str(config.model_name_or_path),
        config.dictionary_path,
        config,
        config,
        revision=config.revision,
        exact_first=config.exact_first,
        rerank=config.rerank,
        calibrated=config.threshold is not None,
    )
    if not linker.is_calibrated:
        logger.warning("the model's word has no probability, as %s", linker.why_uncalibrated)
    found = linker.normalize(dict.fromkeys(labels), topk=1)
    return {
        one.mention: Answer(one.resolved[:1], one.probability and round(one.probability, 4))
        for one in found
        if not one.unsure and not is_unsure(one.probability, config.threshold)
    }


def _pair_json(verdict: Verdict) -> dict[str, Any]:
    return {"agrees": verdict.status == OK, **_json(verdict)}


def _json(verdict: Verdict) -> dict[str, Any]:
    return {key: value for key, value in verdict._asdict().items() if value not in ("", None, ())}


def _summary(verdicts: Sequence[Verdict], output: str | None) -> dict[str, Any]:
    counts = Counter(verdict.status for verdict in verdicts)
    wrong = [verdict for verdict in verdicts if verdict.status != OK]
    return {
        "agrees": not wrong,
        "rows": len(verdicts),
        **{status: counts[status] for status in (OK, UNKNOWN, OBSOLETE, DISAGREES)},
        "output": output,
        "problems": list(map(_json, wrong[:SHOWN])),
        "problems_not_shown": max(len(wrong) - SHOWN, 0),
    }


def _lines(verdicts: Iterable[Verdict], *, table: bool) -> Iterator[str]:
    if not table:
        yield from (json_text(_json(verdict)) for verdict in verdicts)
        return
    yield "\t".join(Verdict._fields)
    for verdict in verdicts:
        yield "\t".join(map(_cell, verdict))


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return "|".join(value)
    return "" if value is None else " ".join(str(value).split())
