"""From clean texts to candidates: the search, the order, the scores taken apart and the probability."""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from biosyn.data.dictionary import DictionaryDataset
from biosyn.index.approximate import Search
from biosyn.model.biosyn import BioSyn
from biosyn.model.rerank import Reranker
from biosyn.records import Candidate, MentionPrediction, Name, Query, QueryPrediction, split_mention
from biosyn.retrieval.confidence import DEPTH, Calibration
from biosyn.retrieval.score_parts import ScoreParts
from biosyn.retrieval.search import TopNames
from biosyn.retrieval.vectors import NameVectors, Vectors


def predict(
    biosyn: BioSyn,
    queries: Sequence[Query],
    dictionary: DictionaryDataset,
    names: NameVectors,
    *,
    topk: int,
    exact_first: bool = False,
    reranker: Reranker | None = None,
    together: bool = False,
    held: Tensor | None = None,
) -> list[QueryPrediction]:
    """Return the candidates of each query's mentions; a mention that comes twice is searched once.

    Parameters
    ----------
    names
        The dictionary's vectors; the halves that they have decide the score mode.
    exact_first
        See `Linker`; off in what reproduces the paper.
    reranker
        Gives the best concepts a second look; None leaves the order of the search.
    together, held
        See `BioSyn.search`: all ranks predict the same queries.
    """
    parts = [split_mention(query) for query in queries]
    texts = list(dict.fromkeys(part for mentions in parts for part in mentions))
    found = link_texts(
        biosyn,
        texts,
        names,
        dictionary,
        topk=topk,
        exact_first=exact_first,
        reranker=reranker,
        together=together,
        held=held,
    )
    by_text = {one.mention: one for one in found}
    return [
        QueryPrediction(query, tuple(by_text[part] for part in mentions))
        for query, mentions in zip(queries, parts, strict=True)
    ]


def link_texts(
    biosyn: BioSyn,
    texts: Sequence[str],
    names: NameVectors,
    dictionary: DictionaryDataset,
    *,
    topk: int,
    search: Search | None = None,
    exact_first: bool = False,
    reranker: Reranker | None = None,
    together: bool = False,
    held: Tensor | None = None,
) -> list[MentionPrediction]:
    """Return the ``topk`` best names of each clean text, and its probability where the model is calibrated.

    Parameters
    ----------
    names
        The dictionary's vectors; the halves that they have decide the score mode.
    search
        The search to use in place of the exact one.
    exact_first
        See `Linker`.
    reranker
        See `predict`.
    together, held
        See `BioSyn.search`.
    """
    if not texts:
        return []
    topk = min(topk, len(dictionary))
    calibration = calibration_of(biosyn, names, reranker)
    depth = topk if calibration is None else min(max(topk, DEPTH), len(dictionary))
    depth = depth if reranker is None else max(depth, reranker.depth)
    vectors = biosyn.embed(texts, score_mode=names.score_mode, what="mentions", together=together)
    if search is None:
        found = biosyn.search(vectors, names, topk=depth, together=together, held=held)
    else:
        found = search(vectors, depth)
    if exact_first:
        found = equal_first(biosyn, texts, vectors, names, found, dictionary=dictionary, held=held)
    name_at = names_of(dictionary)
    if reranker is not None:
        found = reranker.reordered(texts, vectors, found)
    probabilities = probabilities_of(calibration, texts, found, name_at)
    best = TopNames(found.rows[:, :topk], found.scores[:, :topk])
    parts = biosyn.score_parts(vectors, names, best.rows, held=held)
    return [
        MentionPrediction(text, candidates, probability)
        for text, candidates, probability in zip(
            texts, candidates_of(best, parts, name_at, reranked=reranker is not None), probabilities, strict=True
        )
    ]


def calibration_of(biosyn: BioSyn, names: NameVectors, reranker: Reranker | None) -> Calibration | None:
    """Return what gives probabilities; None where there are none, as for the scores of a second look."""
    return biosyn.calibrations.get(names.score_mode) if reranker is None else None


def equal_first(
    biosyn: BioSyn,
    texts: Sequence[str],
    mentions: Vectors,
    names: NameVectors,
    found: TopNames,
    *,
    dictionary: DictionaryDataset,
    held: Tensor | None = None,
) -> TopNames:
    """Return the K names found for each of M mentions with those that equal its text first, each with its own score.

    An inner product is not highest for equal vectors, so such a name can come later, or not be found at all.
    """
    depth = found.rows.shape[1]
    equal = [dictionary.rows_of(text)[:depth] for text in texts]
    best = found.rows[:, : max(map(len, equal), default=0)].tolist()  # at once: each copy from a GPU waits for it
    late = [at for at, first in enumerate(equal) if best[at][: len(first)] != first]
    if not late:
        return found
    rows, scores = found.rows.clone(), found.scores.clone()
    for at in late:
        first = torch.tensor([equal[at]], device=rows.device)  # (1, E)
        parts = biosyn.score_parts(mentions.slice(at, at + 1), names, first, held=held)  # each (1, E)
        others = ~torch.isin(rows[at], first[0])
        scores[at] = torch.cat([(parts.dense + parts.sparse)[0], scores[at][others]])[:depth]
        rows[at] = torch.cat([first[0], rows[at][others]])[:depth]
    return TopNames(rows, scores)


def names_of(dictionary: DictionaryDataset) -> Callable[[int], Name]:
    """Return the function row -> name for one call: a name that is found several times is read from disk once."""
    return cache(dictionary.__getitem__)


def candidates_of(
    found: TopNames, parts: ScoreParts, name_at: Callable[[int], Name], *, reranked: bool = False
) -> list[tuple[Candidate, ...]]:
    """Return the K candidates of each of M mentions, best first.

    Parameters
    ----------
    reranked
        The scores have a third part, which is what the other two leave of them.
    """
    third = [found.scores - parts.dense.to(found.scores) - parts.sparse.to(found.scores)] if reranked else []
    table = zip(*(part.tolist() for part in (*found, *parts, *third)), strict=True)  # M times four or five lists of K
    return [tuple(Candidate(*name_at(row), *numbers) for row, *numbers in zip(*lists, strict=True)) for lists in table]


def probabilities_of(
    calibration: Calibration | None, texts: Sequence[str], found: TopNames, name_at: Callable[[int], Name]
) -> list[float | None]:
    """Return the probability of each text, from its best names and their scores alone; None without calibration."""
    if calibration is None:
        return [None] * len(texts)
    nothing = torch.zeros(found.scores.shape)  # no feature is made of the score's two parts
    candidates = candidates_of(found, ScoreParts(nothing, nothing), name_at)
    return [calibration.probability(text, names) for text, names in zip(texts, candidates, strict=True)]
