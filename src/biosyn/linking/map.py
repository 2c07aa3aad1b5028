"""The verb biosyn map: labels, or the concepts of another dictionary, to concepts, as an SSSOM mapping set.

All names of a concept are linked, and the best is taken: a name of its own that equals one of the dictionary before all
others, then the one with the highest probability (score, where the model is not calibrated).
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from biosyn import __version__
from biosyn.data.concepts import ConceptTable
from biosyn.data.vocabularies import curie
from biosyn.errors import InputError
from biosyn.linking import sssom
from biosyn.linking.labels import (
    UNKNOWN_PREFIX,
    Subject,
    clean_texts,
    subjects_of_dictionary,
    subjects_of_file,
)
from biosyn.linking.loading import open_linker
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.model.linker import Linker
from biosyn.places import Inputs
from biosyn.records import MentionPrediction, ResolvedConcept
from biosyn.retrieval.confidence import is_unsure
from biosyn.settings.verbs import MapConfig
from biosyn.text.preprocess import lookup_text
from biosyn.writing import require_writable

logger = logging.getLogger(__name__)
BATCH = 4096  # texts that are linked together: some megabytes of vectors
OBJECT_ID = "object whose id is no CURIE"  # composite, or without a known prefix


class Match(NamedTuple):
    """A subject, the one of its texts that was linked best, and to what."""

    subject: Subject
    text: str
    found: MentionPrediction

    @property
    def concept(self) -> ResolvedConcept:
        """The concept that the best name stands for."""
        return self.found.resolved[0]

    @property
    def is_equal(self) -> bool:
        """Whether text and name are equal, letter for letter."""
        return lookup_text(self.found.candidates[0].name) == self.text

    @property
    def is_preferred(self) -> bool:
        """Whether the name is the preferred one of its concept, if that is known."""
        name = lookup_text(self.found.candidates[0].name)
        return clean_texts(filter(None, [self.concept.preferred_name])) == (name,)  # it may be no mention: too long

    @property
    def quality(self) -> tuple[bool, bool, float]:
        """What the matches of one subject are ordered by."""
        probability = self.found.probability
        own = self.is_equal and self.text == self.subject.texts[0]
        return own, self.is_equal, self.found.candidates[0].score if probability is None else probability


def map_terms(config: MapConfig) -> dict[str, Any]:
    """Run biosyn map: write the mapping set; return its JSON result, the counts."""
    inputs = Inputs.of(config)
    inputs.require_apart([config.output], option="--output")
    require_writable(Path(config.output).parent)  # before minutes of linking
    left_out: Counter[str] = Counter()
    if config.subject_dictionary is not None:
        subjects = subjects_of_dictionary(config.subject_dictionary, left_out)
    else:
        subjects = subjects_of_file(str(config.terms), config)
    linker = open_linker(config, calibrated=config.threshold is not None or config.least_sure_first)
    if not linker.is_calibrated:
        logger.warning("no mapping has a confidence, as %s", linker.why_uncalibrated)
    matches = list(_usable(best_matches(linker, subjects, progress=config.show_progress), config.threshold, left_out))
    mutual = _mutual(linker, config, matches) if config.subject_dictionary else None
    mappings = mappings_of(matches, mutual, subjects=subjects)
    if config.least_sure_first:
        mappings.sort(key=lambda each: float(each.confidence))
    sssom.write_mappings(config.output, mappings, _header(config, linker, matches))
    inputs.warn_of_changes()
    return {
        "output": config.output,
        "subjects": len(subjects),
        "mappings": len(mappings),
        "predicates": dict(sorted(Counter(each.predicate_id for each in mappings).items())),
        **({} if mutual is None else {"reciprocal_best": sum(bool(each.other) for each in mappings)}),
        "left_out": dict(left_out),
    }


def best_matches(linker: Linker, subjects: Sequence[Subject], *, progress: bool = False) -> list[Match]:
    """Return the best match of each subject; all of its texts are linked, equal texts of several subjects once."""
    texts = list(dict.fromkeys(text for subject in subjects for text in subject.texts))
    found: dict[str, MentionPrediction] = {}
    with tqdm(total=len(texts), desc="linking", unit="name", disable=not progress) as bar:
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found.update(zip(batch, linker.link(batch, topk=1), strict=True))
            bar.update(len(batch))
    return [
        max((Match(subject, text, found[text]) for text in subject.texts), key=lambda match: match.quality)
        for subject in subjects
    ]


def _usable(matches: Sequence[Match], threshold: float | None, left_out: Counter[str]) -> Iterator[Match]:
    """Yield the matches that can be written, and count the others by reason."""
    for match in matches:
        if match.found.unsure:
            left_out["script that the model does not know"] += 1
        elif is_unsure(match.found.probability, threshold):
            left_out["below --threshold"] += 1
        elif ":" not in match.concept.curie or "+" in match.concept.curie:
            left_out[OBJECT_ID] += 1
        else:
            yield match
    if left_out[OBJECT_ID] == len(matches):
        raise InputError(f"no id of the dictionary that was found is a CURIE: {UNKNOWN_PREFIX}")


def _mutual(linker: Linker, config: MapConfig, matches: Sequence[Match]) -> dict[str, str]:
    """Return the best subject of each object that was found: its CURIE by that of the object."""
    back = Linker(
        linker.biosyn,
        open_dictionary(str(config.subject_dictionary), cache_dir=config.cache_dir),
        concepts=ConceptTable.beside(str(config.subject_dictionary)),
        cache_dir=config.cache_dir,
        index_precision=config.index_precision,
        exact_first=config.exact_first,
        rerank=config.rerank,
        show_progress=config.show_progress,
    )
    names: dict[str, list[str]] = {}
    for match in matches:
        known = linker.concepts.with_id(match.concept.id)[0].names
        names.setdefault(match.concept.curie, list(known)).append(match.found.candidates[0].name)
    objects = [Subject(cui, own[0], clean_texts(own)) for cui, own in names.items()]
    found = best_matches(back, objects, progress=config.show_progress)
    return {match.subject.id: _own_id(match.concept, back) for match in found}


def _own_id(concept: ResolvedConcept, linker: Linker) -> str:
    """Return the CURIE of a concept's own id, which is that of a subject; the dictionary may prefer another."""
    same = (one for one in linker.concepts.with_id(concept.id) if set(one.ids) == set(concept.ids))
    own = next((one.ids[0] for one in same), concept.id)
    return curie(own, linker.resolver.vocabularies)


def mappings_of(
    matches: Sequence[Match], mutual: Mapping[str, str] | None = None, *, subjects: Sequence[Subject] | None = None
) -> list[sssom.Mapping]:
    """Return the rows of the mapping set.

    A match is exact where the label itself equals a name that belongs to one concept alone, and is no other subject's;
    of several concepts with names of one object, only that with the preferred one is. Of the others, an object that is
    the exact match of a concept above the subject is broader, one that is the exact match of a concept below it is
    narrower, and the rest are close.

    Parameters
    ----------
    mutual
        The best subject of each object, by its CURIE; None where the other direction was not searched.
    subjects
        All subjects, those without a match too, whose names and parents count; None: those of the matches.
    """
    subjects = [match.subject for match in matches] if subjects is None else subjects
    parents = {subject.id: subject.parents for subject in subjects if subject.id}
    exact = _are_exact(matches, subjects)
    same: defaultdict[str, set[str]] = defaultdict(set)  # object -> the subjects that are exact matches
    for match, is_exact in zip(matches, exact, strict=True):
        if is_exact:
            same[match.concept.curie].add(match.subject.id)
    rows = []
    for match, is_exact in zip(matches, exact, strict=True):
        subject, name, concept = match.subject, match.found.candidates[0].name, match.concept
        predicate, others = sssom.CLOSE, same[concept.curie]
        if is_exact:
            predicate = sssom.EXACT
        elif not others.isdisjoint(_above(subject.id, parents)):
            predicate = sssom.BROAD
        elif any(subject.id in _above(each, parents) for each in others):
            predicate = sssom.NARROW
        mutually = mutual is not None and mutual[concept.curie] == subject.id
        probability = match.found.probability
        rows.append(
            sssom.Mapping(
                subject_id=subject.id,
                subject_label=subject.label,
                predicate_id=predicate,
                object_id=concept.curie,
                object_label=concept.preferred_name or name,
                mapping_justification=sssom.LEXICAL if match.is_equal else sssom.SEMANTIC,
                confidence="" if probability is None else f"{probability:.4f}",
                subject_match_field=_field(subject.texts[0] == match.text) if subject.id else "",
                object_match_field=_field(match.is_preferred) if concept.preferred_name else "",
                match_string=match.text if match.is_equal else "",
                other="reciprocal_best=true" if mutually else "",
                comment="" if match.is_equal else f"'{match.text}' was linked to '{name}'",
            )
        )
    return rows


def _are_exact(matches: Sequence[Match], subjects: Sequence[Subject]) -> list[bool]:
    named = {
        (subject.id, text) for subject in subjects if subject.id for text in subject.texts
    }  # a file may repeat rows
    owners = Counter(text for _, text in named)
    equal = []
    rivals: defaultdict[str, set[str]] = defaultdict(set)  # object -> the subjects whose label is one of its names
    for match in matches:
        text = match.subject.texts[0]
        own = match.is_equal and match.text == text and len(match.found.resolved) == 1 and owners[text] <= 1
        equal.append(own)
        if own:
            rivals[match.concept.curie].add(match.subject.id)
    return [
        own and (len(rivals[match.concept.curie]) == 1 or match.is_preferred)
        for match, own in zip(matches, equal, strict=True)
    ]


def _above(cui: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the ids of all concepts above one."""
    found: set[str] = set()
    waiting = list(parents.get(cui, ()))
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found.add(parent)
            waiting += parents.get(parent, ())
    return found


def _field(preferred: bool) -> str:
    return sssom.PREFERRED if preferred else sssom.OTHER_NAME


def _header(config: MapConfig, linker: Linker, matches: Sequence[Match]) -> dict[str, str]:
    """Return what holds for the whole set; a version is what ``concepts.jsonl`` says about the concepts' source."""
    subjects = {match.subject.source for match in matches}
    objects = {linker.concepts.with_id(match.concept.id)[0].source for match in matches}
    model, dictionary = Path(config.model_name_or_path).name, Path(config.dictionary_path).name
    return {
        "sssom_version": "1.1",
        "mapping_set_id": config.mapping_set_id or "",
        "mapping_set_description": f"Made with the model {model} and the dictionary {dictionary}; "
        f"encoder {linker.index_key.encoder[:12]}, dictionary {(linker.dictionary.sha256 or '')[:12]} (sha256)",
        "license": config.license,
        "mapping_tool": "BioSyn",
        "mapping_tool_version": __version__,
        "subject_source_version": ", ".join(sorted(filter(None, subjects))),
        "object_source_version": ", ".join(sorted(filter(None, objects))),
    }
