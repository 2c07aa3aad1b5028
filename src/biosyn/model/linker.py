"""From mentions to candidates: the one path that inference.py, the demo, the Python API and spaCy share."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.index.approximate import Search, open_ann
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.model.explain import Explanation, OtherNames, explain_candidates
from biosyn.records import (
    Candidate,
    ConceptCandidate,
    ConceptPrediction,
    MentionPrediction,
    Query,
    QueryPrediction,
    split_mention,
)
from biosyn.retrieval.concepts import ConceptHit, top_concepts
from biosyn.retrieval.confidence import DEPTH, Calibration
from biosyn.retrieval.score_parts import ScoreParts
from biosyn.retrieval.search import TopNames
from biosyn.retrieval.vectors import NameVectors, Vectors
from biosyn.settings.verbs import INFERENCE_TOPK
from biosyn.text.cleaning import trace_cleaning, trace_splitting
from biosyn.text.preprocess import TextPreprocess, has_content


class Model(Protocol):
    """What a linker asks of a model; it is said here because `BioSyn`, which has it, makes linkers."""

    device: torch.device
    sparse_weight: float
    calibrations: dict[str, Calibration]  # by score mode

    def get_sparse_encoder(self) -> SparseEncoder:
        """Return the TF-IDF."""

    def embed(self, texts: Sequence[str], *, score_mode: str = "hybrid", what: str) -> Vectors:
        """Turn texts into vectors."""

    def search(self, mentions: Vectors, names: NameVectors, *, topk: int) -> TopNames:
        """Find the best names."""

    def shares(self, mentions: Vectors, names: NameVectors, rows: Tensor) -> ScoreParts:
        """Return the summands of the scores of names found."""

    def index(
        self,
        dictionary: DictionaryDataset,
        *,
        cache_dir: str | Path | None = None,
        precision: str = "float32",
        progress: str | None = None,
    ) -> DictionaryIndex:
        """Return the embedded dictionary."""


class Linker:
    """Maps mentions to names of one dictionary, which is embedded once.

    Mentions are cleaned first; a mention without a letter or digit is an InputError. The model must not change.

    Parameters
    ----------
    biosyn
        A loaded model.
    dictionary
        Taken as it is: its names are not cleaned.
    concepts
        Those of its names; None reads ``concepts.jsonl`` beside it when they are first asked for.
    cache_dir
        Where the embedded dictionary is kept from one run to the next; None takes the usual place.
    index_precision
        How it is kept: ``float32`` or ``float16``.
    ann
        Search the approximate index that ``biosyn index build --ann`` made, instead of every name.

    Raises
    ------
    InputError
        If there is no approximate index of this model and dictionary, or the package for it is missing.
    """

    def __init__(
        self,
        biosyn: Model,
        dictionary: DictionaryDataset,
        *,
        concepts: ConceptTable | None = None,
        cache_dir: str | Path | None = None,
        index_precision: str = "float32",
        ann: bool = False,
        show_progress: bool = False,
    ):
        self.biosyn = biosyn
        self.dictionary = dictionary
        self._given_concepts = concepts
        progress = "dictionary" if show_progress else None
        index = biosyn.index(dictionary, cache_dir=cache_dir, precision=index_precision, progress=progress)
        self.index_key = index.key  # all that the names' vectors depend on
        self.names = index.vectors(biosyn.device)
        self.approximate = (
            open_ann(index, self.names, sparse_weight=biosyn.sparse_weight, exact=self._search_exactly) if ann else None
        )

    @cached_property
    def concepts(self) -> ConceptTable:
        """The concepts of the dictionary's names; an InputError where ``concepts.jsonl`` is damaged."""
        return ConceptTable.beside(self.dictionary.path) if self._given_concepts is None else self._given_concepts

    @cached_property
    def _cleaned_names(self) -> frozenset[str]:
        return frozenset(map(TextPreprocess().run, self.dictionary.names))

    @cached_property
    def _other_names(self) -> OtherNames:
        return OtherNames(self.dictionary, self.concepts)

    def normalize(self, mentions: Sequence[str], *, topk: int = INFERENCE_TOPK) -> list[MentionPrediction]:
        """Return the best names of each mention, as inference.py prints them; the same as `link`."""
        return self.link(mentions, topk=topk)

    def link(self, mentions: Sequence[str], *, topk: int) -> list[MentionPrediction]:
        """Return the ``topk`` best names of each mention; fewer where the dictionary is smaller.

        Raises
        ------
        InputError
            If a mention is empty, or nothing but punctuation; if ``mentions`` is one text, or ``topk`` is below 1.
        """
        _require_list(mentions, topk)
        if not mentions:
            return []
        texts = [clean_mention(mention) for mention in mentions]
        found = link_texts(self.biosyn, texts, self.names, self.dictionary, topk=topk, search=self._search)
        return [one._replace(mention=mention) for one, mention in zip(found, mentions, strict=True)]

    def normalize_to_concepts(self, mentions: Sequence[str], *, topk: int = INFERENCE_TOPK) -> list[ConceptPrediction]:
        """Return the ``topk`` best concepts of each mention; fewer where the dictionary has fewer.

        A concept scores as the best of its names; a name of two concepts gives both.

        Raises
        ------
        InputError
            As `link`, and where ``concepts.jsonl`` is damaged.
        """
        _require_list(mentions, topk)
        if not mentions:
            return []
        vectors = self.biosyn.embed([clean_mention(mention) for mention in mentions], what="mentions")
        found = top_concepts(
            vectors,
            len(self.dictionary),
            topk=topk,
            search=self._search,
            concepts_of=lambda row: self.concepts.concepts_of(self.dictionary[row]),
        )
        return [
            ConceptPrediction(mention, self._to_concepts(vectors.slice(row, row + 1), hits), probability)
            for row, (mention, hits, probability) in enumerate(
                zip(mentions, found, self._probabilities(mentions), strict=True)
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
            Steps of the cleaning that `link` does not make, as `trace_cleaning` takes them.
        split_composites
            Explain the parts of a mention that is no name of the dictionary where each part is one.

        Raises
        ------
        InputError
            As `normalize_to_concepts`.
        """
        weight = self.biosyn.sparse_weight
        if split_composites:
            clean = TextPreprocess(typos).run
            steps, parts = trace_splitting(
                mention, lambda text: clean(text) in self._cleaned_names, abbreviations=abbreviations
            )
            if len(parts) > 1:
                explained = tuple(self.explain(part, topk=topk, typos=typos) for part in parts)
                return Explanation(mention, tuple(steps), weight, (), parts=explained)
        steps = trace_cleaning(mention, abbreviations=abbreviations, typos=typos)
        cleaned = steps[-1].text
        (prediction,) = self.link([cleaned], topk=topk)
        candidates = explain_candidates(
            cleaned,
            prediction.candidates,
            self.biosyn.get_sparse_encoder(),
            sparse_weight=weight,
            other_names=self._other_names,
        )
        return Explanation(mention, tuple(steps), weight, candidates, prediction.probability)

    def _search_exactly(self, mentions: Vectors, topk: int) -> TopNames:
        return self.biosyn.search(mentions, self.names, topk=topk)

    def _search(self, mentions: Vectors, topk: int) -> TopNames:
        search = self._search_exactly if self.approximate is None else self.approximate.search
        return search(mentions, topk)

    def _probabilities(self, mentions: Sequence[str]) -> list[float | None]:
        if self.names.score_mode not in self.biosyn.calibrations:
            return [None] * len(mentions)
        return [prediction.probability for prediction in self.link(mentions, topk=1)]

    def _to_concepts(self, mention: Vectors, hits: Sequence[ConceptHit[Concept]]) -> tuple[ConceptCandidate, ...]:
        scores = torch.tensor([[hit.score for hit in hits]])
        rows = torch.tensor([[hit.row for hit in hits]], device=self.names.device)  # (1, K)
        shares = self.biosyn.shares(mention, self.names, rows)
        (candidates,) = to_candidates(TopNames(rows, scores), shares, self.dictionary)
        return tuple(
            ConceptCandidate(hit.concept.ids, hit.concept.preferred_name, candidate, hit.homonym)
            for hit, candidate in zip(hits, candidates, strict=True)
        )


def link_texts(
    biosyn: Model,
    texts: Sequence[str],
    names: NameVectors,
    dictionary: DictionaryDataset,
    *,
    topk: int,
    search: Search | None = None,
) -> list[MentionPrediction]:
    """Return the ``topk`` best names of each text as it stands, and its probability where the model is calibrated.

    Parameters
    ----------
    names
        The dictionary's vectors; the halves that they have decide the score mode.
    search
        Another one than the exact search.
    """
    calibration = biosyn.calibrations.get(names.score_mode)
    depth = topk if calibration is None else max(topk, DEPTH)
    vectors = biosyn.embed(texts, score_mode=names.score_mode, what="mentions")
    depth = min(depth, len(dictionary))
    found = biosyn.search(vectors, names, topk=depth) if search is None else search(vectors, depth)
    shares = biosyn.shares(vectors, names, found.rows)
    return [
        MentionPrediction(
            text, candidates[:topk], None if calibration is None else calibration.probability(text, candidates)
        )
        for text, candidates in zip(texts, to_candidates(found, shares, dictionary), strict=True)
    ]


def require_calibration(biosyn: Model, score_mode: str) -> None:
    """Refuse a model that has no probabilities.

    Raises
    ------
    InputError
        If it is not calibrated for the score mode.
    """
    if score_mode not in biosyn.calibrations:
        raise InputError(
            f"--threshold needs a model that is calibrated for the {score_mode} score, with its own --max_length: "
            "run biosyn calibrate on a dev set (docs/calibration.md)"
        )


def _require_list(mentions: Sequence[str], topk: int) -> None:
    if isinstance(mentions, str):  # a sequence of texts, too: its letters
        raise InputError(f"mentions is one text: give a list, [{mentions[:80]!r}]")
    if topk < 1:
        raise InputError(f"topk must be at least 1, found {topk}")


def clean_mention(mention: str) -> str:
    """Return the mention as it is embedded: lower-case, punctuation to blanks; no abbreviations, no typos.

    Raises
    ------
    InputError
        If nothing is left, or it holds half a surrogate pair, as a terminal gives for bytes that are not UTF-8.

    Examples
    --------
    >>> clean_mention("Ataxia-Telangiectasia")
    'ataxia telangiectasia'
    """
    cleaned = TextPreprocess().run(mention)
    if not has_content(cleaned):
        raise InputError(f"the mention {mention[:80]!r} holds no letter or digit: give a name such as 'ataxia'")
    try:
        cleaned.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the mention {mention[:80]!r} is no valid Unicode: give it in UTF-8") from error
    return cleaned


def predict(
    biosyn: Model, queries: Sequence[Query], dictionary: DictionaryDataset, names: NameVectors, *, topk: int
) -> list[QueryPrediction]:
    """Return the candidates of each query's mentions; a mention that comes twice is searched once.

    Parameters
    ----------
    names
        The dictionary's vectors; the halves that they have decide the score mode.
    """
    parts = [split_mention(query) for query in queries]
    texts = list(dict.fromkeys(part for mentions in parts for part in mentions))
    by_text = {found.mention: found for found in link_texts(biosyn, texts, names, dictionary, topk=topk)}
    return [
        QueryPrediction(query, tuple(by_text[part] for part in mentions))
        for query, mentions in zip(queries, parts, strict=True)
    ]


def to_candidates(found: TopNames, shares: ScoreParts, dictionary: DictionaryDataset) -> list[tuple[Candidate, ...]]:
    """Return the K candidates of each of M mentions, best first."""
    table = zip(*(part.tolist() for part in (*found, *shares)), strict=True)  # M times four lists of K
    return [
        tuple(
            Candidate(dictionary.names[row], dictionary.cuis[row], *numbers)
            for row, *numbers in zip(*lists, strict=True)
        )
        for lists in table
    ]
