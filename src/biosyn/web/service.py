"""All that the server asks of the model, and loading it; the other modules here import neither the model nor torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from biosyn import __version__
from biosyn.concept_ids import NO_CONCEPT
from biosyn.data.vocabularies import ontology_link
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.index.header import ann_summary
from biosyn.linking.annotate import NOTICE, annotate
from biosyn.linking.file import best_links
from biosyn.linking.file_settings import abbreviation_method, file_cleaner, open_source
from biosyn.linking.loading import open_linker
from biosyn.linking.steps import Prepared, link_at_once
from biosyn.mention_files.added_columns import Link
from biosyn.mention_files.units import Unit
from biosyn.model.answers import (
    NO_CONCEPT_JSON,
    answer_json,
    concept_answer_json,
    concept_names_json,
    decided,
    embeddings_json,
    probability_json,
)
from biosyn.model.catalogue import Catalogue
from biosyn.model.linker import Linker
from biosyn.records import Candidate, ConceptPrediction
from biosyn.settings.verbs import DemoConfig
from biosyn.text.abbreviations import AbbreviationFinder, abbreviation_finder, no_abbreviations
from biosyn.text.mentions import MentionCleaner
from biosyn.web.limits import Limits
from biosyn.web.loading import Loading

NAMES, CONCEPTS, EMBEDDING = "names", "concepts", "embedding"


class Question(NamedTuple):
    """A clean mention and what is wanted for it: its best names, its best concepts, or its embedding."""

    mention: str
    what: str = NAMES
    topk: int = 0


def to_question(mention: str, *, what: str, topk: int, longest: int) -> Question:
    """Return the question for a mention as it was typed; an InputError if it is no mention, or longer than that."""
    return Question(MentionCleaner(longest=longest).clean(mention), what, topk)


def load_service(config: DemoConfig, loading: Loading) -> "Service":
    """Read the dictionary and the model and embed the names, unless ``loading`` is stopped meanwhile."""
    linker = open_linker(
        config,
        topk=config.topk,
        whole_concepts=True,
        on_stage=loading.step,
        on_names=loading.add,
    )
    loading.step("giving the first answer")
    service = Service(linker, model_name=shown_name(config.model_name_or_path))
    _ = service.info, service.catalogue.vocabularies  # they go through the whole dictionary: not while someone waits
    service.answer([Question("ataxia", CONCEPTS, config.topk)])  # the first answer is slow: its pages are not in memory
    return service


def shown_name(model_name_or_path: str) -> str:
    """Return the name of a model for the page: a Hub id, or the name of the folder without its path.

    Examples
    --------
    >>> shown_name("dmis-lab/biosyn-sapbert-bc2gn"), shown_name("/usr/")
    ('dmis-lab/biosyn-sapbert-bc2gn', 'usr')
    """
    return Path(model_name_or_path).name if Path(model_name_or_path).exists() else model_name_or_path


class Service:
    """Answers questions by one linker, whole batches at a time, as JSON values.

    Parameters
    ----------
    linker
        The linker; its dictionary was read from a file.
    model_name
        The name of the model on the page.
    """

    def __init__(self, linker: Linker, *, model_name: str):
        self.linker = linker
        self.model_name = model_name
        self.catalogue = Catalogue(linker.dictionary, linker.concepts, linker.resolver)
        self._vocabularies = linker.resolver.vocabularies

    def answer(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        """Return the answer to each question; the model is asked once for a repeated one."""
        found: dict[Question, dict[str, Any]] = {}
        for what, method in ((NAMES, self._names), (CONCEPTS, self._concepts), (EMBEDDING, self._embeddings)):
            wanted = list(dict.fromkeys(question for question in questions if question.what == what))
            if wanted:
                mentions = list(dict.fromkeys(question.mention for question in wanted))
                answers = method(mentions, max(question.topk for question in wanted))
                by_mention = dict(zip(mentions, answers, strict=True))
                found |= {question: _cut(by_mention[question.mention], question.topk) for question in wanted}
        return [found[question] for question in questions]

    def _names(self, mentions: Sequence[str], topk: int) -> list[dict[str, Any]]:
        return [self._with_page(answer_json(prediction)) for prediction in self.linker.link(mentions, topk=topk)]

    def _concepts(self, mentions: Sequence[str], topk: int) -> list[dict[str, Any]]:
        return [self._with_pages(prediction) for prediction in self.linker.link_to_concepts(mentions, topk=topk)]

    def _with_pages(self, prediction: ConceptPrediction) -> dict[str, Any]:
        answer = concept_answer_json(prediction)
        rows = [
            {**row, "id": concept.best.cui, "ids": self._linked_ids(self.linker.resolver.by_preference(concept.ids))}
            for row, concept in zip(answer["concepts"], prediction.concepts, strict=True)
        ]
        return self._with_page({**answer, "concepts": rows})

    def _with_page(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer whose concept has its page."""
        concept = answer["concept"]
        link = ontology_link(concept["curie"], self._vocabularies)
        return {**answer, "concept": {**concept, **(link._asdict() if link else {})}}

    def _embeddings(self, mentions: Sequence[str], topk: int) -> list[dict[str, Any]]:
        return embeddings_json(self.linker.biosyn.embed(mentions, what="mentions"))

    def decided(self, answer: dict[str, Any], threshold: float) -> dict[str, Any]:
        """Return the answer, or "no concept" if its probability is below the threshold, as inference.py --threshold."""
        if not threshold:
            return answer
        if "probability" not in answer:
            raise InputError(f"threshold is a probability, and {self.linker.why_uncalibrated}")
        no_concept = {**NO_CONCEPT_JSON, "ids": self._linked_ids([NO_CONCEPT]), "id": NO_CONCEPT}
        return decided(answer, threshold, no_concept=no_concept)

    def other_names(self, name: str, cui: str) -> list[dict[str, Any]]:
        """Return the concepts of a dictionary's name, each with its other names in the dictionary."""
        concepts = self.catalogue.names.of(Candidate(name, cui, 0.0, 0.0, 0.0))
        return [concept_names_json(concept, self._linked_ids(concept.ids)) for concept in concepts]

    def _linked_ids(self, ids: Iterable[str]) -> list[dict[str, str]]:
        """Return the ids, each with its page in its ontology, if the ontology is known by the form of the id."""
        links = ((cui, ontology_link(cui, self._vocabularies)) for cui in ids)
        return [{"id": cui, **(link._asdict() if link else {})} for cui, link in links]

    # -- files

    def best_links(self, texts: Sequence[str]) -> list[Link]:
        """Return the best link of each clean text, for files."""
        return best_links(self.linker, texts)

    def link_file(
        self,
        path: Path,
        *,
        file_format: str | None,
        column: str,
        limits: Limits,
        check: Callable[[], object] = lambda: None,
        link: Callable[[Sequence[str]], Sequence[Link]] | None = None,
    ) -> dict[str, Any]:
        """Link a file; a bad record stays as it is, and its row says why.

        Parameters
        ----------
        file_format
            None finds it by the content.
        column
            The mentions' column of a table.
        limits
            The mentions and records that the file may have; more are an InputError.
        check
            Called before each record; what it raises ends the work.
        link
            Calls `best_links`, in whatever thread and portions; None calls it here.

        Returns
        -------
        dict
            ``format``, ``abbreviations`` (the method that found them); ``mentions``, ``linked``, ``skipped``; ``rows``,
            one for each mention; ``file``: the file's bytes with its links.
        """
        source = open_source(path, file_format=file_format, column=column)
        method, find_abbreviations = _installed(abbreviation_method(None, source.file_format))
        cleaner = file_cleaner(
            _of_documents(find_abbreviations, longest=limits.file_document), is_name=self.linker.is_name
        )
        with source.units() as units:
            step = link_at_once(_bounded(units, limits, check), cleaner, link or self.best_links)
        mentions = len(step.mentions)
        return {
            "format": source.file_format,
            "abbreviations": method,
            "mentions": mentions,
            "linked": mentions - len(step.bad),
            "skipped": len(step.bad),
            "rows": list(map(self._row, step.mentions, step.links)),
            "file": step.output,
        }

    def annotate(
        self,
        text: str,
        *,
        method: str | None,
        limits: Limits,
        link: Callable[[Sequence[str]], Sequence[Link]] | None = None,
    ) -> dict[str, Any]:
        """Return the dictionary's names in a text, as rows with offsets: ``text[start:end]`` is the mention.

        Parameters
        ----------
        method
            How abbreviations are found; None: by Ab3P, if it is installed.
        limits, link
            See `link_file`.
        """
        method, finder = (method, abbreviation_finder(method)) if method else _installed("ab3p")
        found = annotate(text, self.linker, finder, link or self.best_links, most=limits.file_mentions)
        rows = [
            {"start": start, "end": end, "mention": text[start:end], **self._link_json(one)}
            for (start, end), one in found
        ]
        return {"notice": NOTICE, "abbreviations": method, "annotations": rows}

    def _row(self, one: Prepared, link: Link | None) -> dict[str, Any]:
        if link is None:
            return {"mention": one.mention.text[:200], "problem": one.problem}
        return {"mention": one.mention.text, **self._link_json(link)}

    def _link_json(self, link: Link) -> dict[str, Any]:
        return {
            "name": link.name,
            "id": link.id,
            "ids": self._linked_ids(link.id.split("|")),
            "score": link.score,
            **probability_json(link.probability),
            "preferred_name": link.preferred_name,
            "alternative_ids": self._linked_ids(link.alternative_ids),
            "other_concepts": self._linked_ids(link.other_concepts),
            "reason": link.reason,
        }

    # -- the card

    @cached_property
    def info(self) -> dict[str, Any]:
        """The facts about the model and the dictionary for the page's card."""
        biosyn, dictionary, key = self.linker.biosyn, self.linker.dictionary, self.linker.index_key
        pooling, similarity = key.pooling.split()
        return {
            "version": __version__,
            "model": {
                "name": self.model_name,
                "encoder_sha256": key.encoder,
                "pooling": pooling,
                "similarity": similarity,
                "sparse_weight": biosyn.sparse_weight,
                "ngrams": len(biosyn.get_sparse_encoder().vocabulary),
                "max_length": key.max_length,
                "figures": dict(biosyn.manifest.figures) if biosyn.manifest else {},
                "device": str(biosyn.device),
                "precision": key.compute,
            },
            "dictionary": {
                "name": dictionary.path.name,
                "names": len(dictionary),
                "ids": len(self.catalogue.names.ids),
                "sha256": dictionary.sha256 or sha256_of(dictionary.path),
            },
            "search": self._search_info(),
        }

    def _search_info(self) -> dict[str, Any]:
        approximate = self.linker.approximate
        return {"kind": "exact"} if approximate is None else ann_summary(approximate.key, approximate.measured)


def _installed(method: str) -> tuple[str, AbbreviationFinder]:
    """Return a method that finds abbreviations and its finder, or those of none if its package is not installed."""
    try:
        return method, abbreviation_finder(method)
    except InputError:
        return "none", no_abbreviations


def _bounded(units: Iterable[Unit], limits: Limits, check: Callable[[], object]) -> Iterator[Unit]:
    """Yield the units of a file as long as it has no more than it may."""
    mentions = 0
    for records, unit in enumerate(units, 1):
        check()
        mentions += len(unit.mentions)
        for what, count, most in (
            ("mentions", mentions, limits.file_mentions),
            ("records", records, limits.file_records),
        ):
            if count > most:
                raise InputError(
                    f"the file has more than {most:,} {what}: give {most:,} at most, or use inference.py --input"
                )
        yield unit


def _of_documents(find_abbreviations: AbbreviationFinder, *, longest: int) -> AbbreviationFinder:
    def found(text: str) -> Mapping[str, str]:
        if len(text) > longest:
            raise InputError(f"its document has {len(text):,} characters: give {longest:,} at most")
        return find_abbreviations(text)

    return found


def _cut(answer: dict[str, Any], topk: int) -> dict[str, Any]:
    """Return the answer with the best k rows: those of a longer list, as the search is exact and ties go by row."""
    return {key: value[:topk] if key in ("predictions", "concepts") else value for key, value in answer.items()}
