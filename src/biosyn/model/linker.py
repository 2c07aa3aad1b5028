"""The one path from mentions to names and concepts: inference.py, the demo, the Python API and spaCy share it."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import torch

from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.resolver import Resolver
from biosyn.data.vocabularies import vocabularies_beside
from biosyn.encoders.scripts import Scripts
from biosyn.errors import InputError
from biosyn.index.approximate import ApproximateSearch
from biosyn.index.approximate_build import open_or_mend_ann
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.model.biosyn import BioSyn
from biosyn.model.explain import Explanation, OtherNames, explain_candidates
from biosyn.model.predict import (
    calibration_of,
    candidates_of,
    equal_first,
    link_texts,
    names_of,
    probabilities_of,
)
from biosyn.model.rerank import Reranker, reranking_of
from biosyn.records import (
    Candidate,
    ConceptCandidate,
    ConceptPrediction,
    MentionPrediction,
    Name,
)
from biosyn.retrieval.concepts import ConceptHit, top_concepts
from biosyn.retrieval.confidence import DEPTH, Calibration
from biosyn.retrieval.search import TopNames, require_finite
from biosyn.retrieval.vectors import Vectors
from biosyn.settings.verbs import INFERENCE_TOPK
from biosyn.text.mentions import MentionCleaner, elements_of, require_text
from biosyn.text.preprocess import TextPreprocess, lookup_text
from biosyn.text.spans import NameFinder

_CLEANER = MentionCleaner()
logger = logging.getLogger(__name__)


class Linker:
    """Maps mentions to names of one dictionary, which is embedded once.

    `normalize` and `normalize_to_concepts` clean mentions first; a mention without a letter or digit is an InputError.
    `link` and `link_to_concepts` take texts that are clean already. The model must not change.

    A pickled linker holds only what it was opened from, and another process opens it again; a forked process uses its
    parent's linker.

    Parameters
    ----------
    biosyn
        A loaded model.
    dictionary
        The dictionary; its names are taken as they are, those that are not ASCII by their `lookup_text`.
    concepts
        The concepts of its names; None reads ``concepts.jsonl`` next to the dictionary when they are first needed.
    cache_dir
        The folder that keeps embedded dictionaries from one run to the next; None uses the default folder.
    index_precision
        The precision in which it is kept: ``float32`` or ``float16``.
    ann
        Search the approximate index that ``biosyn index build --ann`` made, instead of every name.
    exact_first
        Put a name that equals the clean mention, letter for letter, before all others, whatever its score.
    rerank
        The number of best concepts that get a second look, see `Reranker`; 0 for none. Answers have no probability
        then.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        dictionary: DictionaryDataset,
        *,
        concepts: ConceptTable | None = None,
        cache_dir: str | Path | None = None,
        index_precision: str = "float32",
        ann: bool = False,
        exact_first: bool = True,
        rerank: int = 0,
        show_progress: bool = False,
    ):
        if rerank:
            reranking_of(biosyn, "hybrid")  # refused before the minutes that the embedding takes
        self.biosyn = biosyn
        self.exact_first = exact_first
        self.dictionary = dictionary
        self._given_concepts = concepts
        progress = "dictionary" if show_progress else None
        index = biosyn.index(dictionary, cache_dir=cache_dir, precision=index_precision, progress=progress)
        self._opened_with = {
            "cache_dir": cache_dir,
            "index_precision": index_precision,
            "ann": ann,
            "exact_first": exact_first,
            "rerank": rerank,
        }
        self._identity = uuid4().hex
        _HERE[self._identity] = self
        self.index_key = index.key  # all that the names' vectors depend on
        self.names = index.vectors(biosyn.device)
        self.reranker = Reranker(biosyn, dictionary, self.names, concepts=rerank) if rerank else None
        self.approximate = self._open_ann(index) if ann else None

    def _open_ann(self, index: DictionaryIndex) -> ApproximateSearch:
        return open_or_mend_ann(
            index,
            self.names,
            sparse_weight=self.biosyn.sparse_weight,
            exact=self._search_exactly,
            embed=lambda texts: self.biosyn.embed(texts, what="queries"),
            memory=self.biosyn.search_memory,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the linker was opened from, and neither weights nor vectors."""
        parts = self.biosyn.recipe(), self.dictionary, self._given_concepts, self._opened_with
        return _opened_here, (self._identity, *parts)

    @cached_property
    def concepts(self) -> ConceptTable:
        """The concepts of the dictionary's names; an InputError where ``concepts.jsonl`` is damaged."""
        return ConceptTable.beside(self.dictionary.path) if self._given_concepts is None else self._given_concepts

    @cached_property
    def cleaned_names(self) -> frozenset[str]:
        """The names, cleaned as mentions are: what composite mentions are split by."""
        return frozenset(map(TextPreprocess().run, self.dictionary.names))

    @cached_property
    def name_finder(self) -> NameFinder:
        """Finds the names in texts; an InputError where its package is not installed."""
        return NameFinder(self.dictionary.names)

    def normalize(
        self, mentions: Iterable[str], *, topk: int = INFERENCE_TOPK, on_error: str = "fail"
    ) -> list[MentionPrediction]:
        """Return the ``topk`` best names of each mention; fewer where the dictionary is smaller.

        Parameters
        ----------
        mentions
            A list, an array, a column of a table, a generator: any iterable of texts.
        on_error
            ``skip`` gives a bad mention a prediction without candidates, and one warning says how many there were. The
            ``mention`` of the prediction is empty if it was not a text.

        Raises
        ------
        InputError
            If a mention is not a text (None, NaN), is empty, or is only punctuation; the message gives its position,
            counted from 0. Also if ``mentions`` is a single text, or ``topk`` is below 1.
        """
        given, texts = _cleaned(mentions, on_error)
        found = iter(self.link([text for text in texts if text], topk=topk))
        return [
            next(found)._replace(mention=mention) if text else MentionPrediction(mention, ())
            for mention, text in zip(given, texts, strict=True)
        ]

    def normalize_to_concepts(
        self, mentions: Iterable[str], *, topk: int = INFERENCE_TOPK, on_error: str = "fail"
    ) -> list[ConceptPrediction]:
        """Return the ``topk`` best concepts of each mention; fewer where the dictionary has fewer.

        The score of a concept is that of its best name; a name of two concepts gives both.

        Parameters
        ----------
        mentions
            See `normalize`.
        on_error
            See `normalize`.

        Raises
        ------
        InputError
            See `normalize`; and if ``concepts.jsonl`` is damaged.
        """
        given, texts = _cleaned(mentions, on_error)
        found = iter(self.link_to_concepts([text for text in texts if text], topk=topk))
        return [
            next(found)._replace(mention=mention) if text else ConceptPrediction(mention, ())
            for mention, text in zip(given, texts, strict=True)
        ]

    @property
    def is_calibrated(self) -> bool:
        """Whether answers have a probability."""
        return self._calibration is not None

    @property
    def why_uncalibrated(self) -> str:
        """What to do where answers have no probability."""
        asked = "scores after --rerank have no probability: leave it out"
        return asked if self.reranker else "the model is not calibrated: run biosyn calibrate (docs/calibration.md)"

    @property
    def _calibration(self) -> Calibration | None:
        return calibration_of(self.biosyn, self.names, self.reranker)

    @cached_property
    def resolver(self) -> Resolver:
        """Ranks the concepts of a name, by what the model knows from its training."""
        return Resolver(self.concepts, vocabularies_beside(self.dictionary), self.biosyn.annotations)

    def link(self, texts: Sequence[str], *, topk: int) -> list[MentionPrediction]:
        """Return the ``topk`` best names of each clean text, and the concepts of the best; see `normalize`."""
        _require_topk(topk)
        found = link_texts(
            self.biosyn,
            texts,
            self.names,
            self.dictionary,
            topk=topk,
            search=self._search,
            exact_first=self.exact_first,
            reranker=self.reranker,
        )
        return [
            one._replace(resolved=self.resolver.resolve(_name(best)), **self._unsure(one.mention, best))
            for one in found
            for best in one.candidates[:1]
        ]

    def link_to_concepts(self, texts: Sequence[str], *, topk: int) -> list[ConceptPrediction]:
        """Return the ``topk`` best concepts of each clean text; see `normalize_to_concepts`."""
        _require_topk(topk)
        if not texts:
            return []
        vectors = self.biosyn.embed(texts, what="mentions")
        name_at = names_of(self.dictionary)

        def search(mentions: list[int], depth: int) -> TopNames:
            block, own = vectors.take(torch.tensor(mentions)), [texts[at] for at in mentions]
            names = self._search(block, depth if self.reranker is None else max(depth, self.reranker.depth))
            if self.exact_first:
                names = equal_first(self.biosyn, own, block, self.names, names, dictionary=self.dictionary)
            if self.reranker is not None:
                names = self.reranker.reordered(own, block, names)
            return TopNames(names.rows[:, :depth], names.scores[:, :depth])

        found, best_names = top_concepts(
            len(texts),
            len(self.dictionary),
            topk=topk,
            search=search,
            concepts_of=lambda row: tuple(self.resolver.ranked(name_at(row))),
            best_names=0 if self._calibration is None else DEPTH,
        )
        probabilities = probabilities_of(self._calibration, texts, best_names, name_at)
        predictions = [
            ConceptPrediction(text, concepts, probability, self.resolver.resolve(_name(concepts[0].best)))
            for text, concepts, probability in zip(
                texts, self._to_concepts(vectors, found, name_at), probabilities, strict=True
            )
        ]
        return [one._replace(**self._unsure(one.mention, one.concepts[0].best)) for one in predictions]

    def _to_concepts(
        self, mentions: Vectors, found: Sequence[Sequence[ConceptHit[Concept]]], name_at: Callable[[int], Name]
    ) -> list[tuple[ConceptCandidate, ...]]:
        rows = torch.tensor([[hit.row for hit in hits] for hits in found], device=self.names.device)  # (M, K)
        scores = torch.tensor([[hit.score for hit in hits] for hits in found])  # (M, K)
        parts = self.biosyn.score_parts(mentions, self.names, rows)
        reranked = self.reranker is not None
        return [
            tuple(
                ConceptCandidate(
                    hit.concept.ids,
                    hit.concept.preferred_name,
                    candidate,
                    hit.homonym,
                    self.resolver.ranked(_name(candidate))[hit.concept],
                )
                for hit, candidate in zip(hits, candidates, strict=True)
            )
            for hits, candidates in zip(
                found, candidates_of(TopNames(rows, scores), parts, name_at, reranked=reranked), strict=True
            )
        ]

    def explain(
        self,
        mention: str,
        *,
        topk: int = INFERENCE_TOPK,
        abbreviations: Mapping[str, str] | None = None,
        typos: Mapping[str, str] | None = None,
        split_composites: bool = False,
    ) -> Explanation:
        """Return the best names of one mention with the reasons.

        Parameters
        ----------
        abbreviations, typos
            Short form -> long form, and misspelled token -> correct spelling: steps of the cleaning that `normalize`
            leaves out.
        split_composites
            Explain the parts of a mention that is not a name of the dictionary, if each part is one.

        Raises
        ------
        InputError
            See `normalize_to_concepts`.
        """
        names = self.cleaned_names if split_composites else None
        cleaner = MentionCleaner(typos=typos, names=names, is_name=self.is_name)
        mention = require_text(mention, "mention")
        explained = self._explain(mention, cleaner, abbreviations, topk=topk)
        if cleaner.as_written(mention, abbreviations or {}):
            written = self._explain(mention, cleaner, None, topk=topk)
            if written.score > explained.score:
                return written._replace(cleaning=tuple(cleaner.steps(mention, abbreviations, as_written=True)))
        return explained

    def _explain(
        self, mention: str, cleaner: MentionCleaner, abbreviations: Mapping[str, str] | None, *, topk: int
    ) -> Explanation:
        weight = self.biosyn.sparse_weight
        steps = tuple(cleaner.steps(mention, abbreviations))
        parts = cleaner.split(mention, abbreviations or {})
        if len(parts) > 1:  # each of them is a name, so it is not split again
            explained = tuple(self._explain(part, cleaner, None, topk=topk) for part in parts)
            return Explanation(mention, steps, weight, (), parts=explained)
        text = cleaner.clean(mention, abbreviations or {})
        (prediction,) = self.link([text], topk=topk)
        candidates = explain_candidates(
            text,
            prediction.candidates,
            self.biosyn.get_sparse_encoder(),
            sparse_weight=weight,
            other_names=self._other_names,
        )
        return Explanation(
            mention, steps, weight, candidates, prediction.probability, prediction.resolved, prediction.unsure
        )

    def is_name(self, text: str) -> bool:
        """Return whether a text is a name of the dictionary, letter for letter."""
        return bool(self.dictionary.rows_of(text))

    def _unsure(self, text: str, best: Candidate) -> dict[str, Any]:
        """Return the fields that mark a prediction unsure; none if the letters are known, or the text is the name."""
        script = "" if lookup_text(best.name) == text else self._scripts.unknown(text)
        if not script:
            return {}
        reason = f"most letters are {script}, a script that the model's tokenizer does not know"
        return {"unsure": reason, "probability": None}

    @cached_property
    def _scripts(self) -> Scripts:
        return Scripts(self.biosyn.get_dense_tokenizer())

    @cached_property
    def _other_names(self) -> OtherNames:
        return OtherNames(self.dictionary, self.concepts)

    def _search(self, mentions: Vectors, topk: int) -> TopNames:
        if self.approximate is None:
            return self._search_exactly(mentions, topk)
        return require_finite(self.approximate.search(mentions, topk))

    def _search_exactly(self, mentions: Vectors, topk: int) -> TopNames:
        return self.biosyn.search(mentions, self.names, topk=topk)


_HERE: "WeakValueDictionary[str, Linker]" = WeakValueDictionary()  # the linkers of this process
_unpickled: Linker | None = None  # the last one: a worker gets it with each of its tasks


def _opened_here(
    identity: str,
    model: dict[str, Any],
    dictionary: DictionaryDataset,
    concepts: ConceptTable | None,
    opened_with: dict[str, Any],
) -> Linker:
    """Return the linker that was pickled; it is opened again unless this process has it already."""
    global _unpickled
    linker = _HERE.get(identity)
    if linker is None:
        linker = Linker(BioSyn.of_recipe(**model), dictionary, concepts=concepts, **opened_with)
        linker._identity = identity
        _HERE[identity] = linker
        _unpickled = linker
    return linker


def _cleaned(mentions: Iterable[str], on_error: str) -> tuple[list[str], list[str]]:
    """Return the mentions as given and the text to look up for each: an empty one for a mention that is skipped."""
    if on_error not in ("fail", "skip"):
        raise InputError(f"on_error must be 'fail' or 'skip', found {on_error!r}")
    given, texts, problems = [], [], []
    for place, element in enumerate(elements_of(mentions, "mentions")):
        mention = text = ""
        try:
            mention = require_text(element, "it")
            text = _CLEANER.clean(mention)
        except InputError as error:
            problems.append(f"mentions[{place}]: {error}")
            if on_error == "fail":
                raise InputError(problems[0]) from error
        given.append(mention)
        texts.append(text)
    if problems:
        logger.warning("%d of %d mentions are skipped, the first: %s", len(problems), len(given), problems[0])
    return given, texts


def _name(candidate: Candidate) -> Name:
    return Name(candidate.name, candidate.cui)


def _require_topk(topk: int) -> None:
    if topk < 1:
        raise InputError(f"topk must be at least 1, found {topk}")


def require_calibration(biosyn: BioSyn, score_mode: str) -> None:
    """Refuse a model that has no probabilities for the score mode."""
    if score_mode not in biosyn.calibrations:
        raise InputError(
            f"a probability needs a model that is calibrated for the {score_mode} score, with its own --max_length: "
            "run biosyn calibrate on a dev set (docs/calibration.md)"
        )
