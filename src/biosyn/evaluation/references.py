"""References: what predictions are compared with, read from files, and the outcomes of the comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biosyn.concept_ids import name_ids
from biosyn.data.concepts import CONCEPTS_FILE, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import read_queries
from biosyn.data.resolver import Resolver
from biosyn.data.vocabularies import Vocabularies, vocabularies_beside
from biosyn.errors import InputError
from biosyn.evaluation.accuracy import (
    found_at_all,
    gold_ids,
    query_ranks,
    refined_members,
    strict_hits,
    unresolved_hits,
)
from biosyn.evaluation.outcomes import Outcomes
from biosyn.evaluation.slices import (
    Slice,
    by_abbreviation,
    by_composite,
    by_concept_seen,
    by_homonym,
    by_mention_seen,
    by_tokens,
)
from biosyn.files import is_there
from biosyn.records import MentionPrediction, Name, Query, QueryPrediction, split_mention

PROCESSED = "processed_"


class References(NamedTuple):
    """What predictions are compared with: the queries, the dictionary, and what is found next to them.

    Attributes
    ----------
    train
        The training queries; None without ``--train_dir``.
    raw_mentions
        The mentions before preprocessing, one per query; None if they are not found.
    concepts
        The concepts of the dictionary's names; None without ``concepts.jsonl``.
    vocabularies
        Those of its bare ids.
    """

    queries: list[Query]
    dictionary: DictionaryDataset
    train: list[Query] | None
    raw_mentions: list[str] | None
    concepts: ConceptTable | None
    vocabularies: Vocabularies


def read_references(
    queries: list[Query],
    dictionary: DictionaryDataset,
    *,
    data_dir: str | Path,
    train_dirs: Sequence[str | Path] = (),
) -> References:
    """Read what is next to the queries of ``data_dir`` and the dictionary; several ``train_dirs`` count as one."""
    train = [query for folder in train_dirs for query in read_queries(folder)] if train_dirs else None
    has_concepts = is_there(dictionary.path.with_name(CONCEPTS_FILE))
    concepts = ConceptTable.beside(dictionary.path) if has_concepts else None
    vocabularies = vocabularies_beside(dictionary)
    return References(queries, dictionary, train, raw_mentions(queries, data_dir), concepts, vocabularies)


def outcomes_of(predictions: Sequence[QueryPrediction], references: References, *, topk: int) -> Outcomes:
    """Return the outcome of each query, and the reasons why some figures are left out.

    Parameters
    ----------
    predictions
        With the concepts of the best names, see `resolved`.

    Raises
    ------
    ValueError
        If the predictions are not one for each query, with K candidates per mention; see `require_complete`.
    """
    queries, train = references.queries, references.train
    require_complete(predictions, queries, topk=topk)
    counts = (
        None if references.concepts is None else [[len(m.resolved) for m in found.mentions] for found in predictions]
    )
    refined = None if train is None else refined_members(queries, train)
    return Outcomes(
        documents=tuple(query.pmid for query in queries),
        topk=topk,
        ranks=query_ranks(predictions),
        in_topk=found_at_all(predictions),
        in_dictionary=_in_dictionary(queries, references.dictionary),
        strict=None if counts is None else strict_hits(predictions),
        strict_unresolved=None if counts is None else unresolved_hits(predictions, counts),
        refined=refined if refined is not None and refined.any() else None,
        slices=_slices(references, counts),
        left_out=_left_out(references, refined),
    )


def resolved(predictions: Sequence[QueryPrediction], resolver: Resolver) -> list[QueryPrediction]:
    """Return the predictions with the concepts of the best names, in the resolver's order."""

    def with_concepts(mention: MentionPrediction) -> MentionPrediction:
        best = mention.candidates[0]
        return mention._replace(resolved=resolver.resolve(Name(best.name, best.cui)))

    return [found._replace(mentions=tuple(map(with_concepts, found.mentions))) for found in predictions]


def _slices(references: References, counts: list[list[int]] | None) -> tuple[Slice, ...]:
    queries, train, raw = references.queries, references.train, references.raw_mentions
    found = [by_composite(queries), by_tokens(queries)]
    if raw is not None:
        found.append(by_abbreviation(queries, raw))
    if counts is not None:
        found.append(by_homonym(counts))
    if train is not None:
        found += [by_mention_seen(queries, train), by_concept_seen(queries, train)]
    return tuple(found)


def _left_out(references: References, refined: NDArray[np.bool_] | None) -> dict[str, str]:
    found = {}
    if references.raw_mentions is None:
        found["abbreviation"] = "no folder of the mentions before preprocessing beside the queries"
    if references.concepts is None:
        found["strict, homonym"] = f"no {CONCEPTS_FILE} beside the dictionary"
    if refined is None:
        found["refined, mention, concept"] = "no --train_dir"
    elif not refined.any():
        found["refined"] = "no query is left: each stands in --train_dir"
    return found


def _in_dictionary(queries: Sequence[Query], dictionary: DictionaryDataset) -> NDArray[np.bool_]:
    known = frozenset(cui for field in set(dictionary.cuis) for cui in name_ids(field))
    return np.array([not known.isdisjoint(gold_ids(query.cui)) for query in queries], dtype=np.bool_)


def require_complete(predictions: Sequence[QueryPrediction], queries: Sequence[Query], *, topk: int) -> None:
    """Raise ValueError unless there is one prediction for each query, in order, with K candidates per mention."""
    if len(predictions) != len(queries):
        raise ValueError(f"{len(predictions)} predictions of {len(queries)} queries")
    for number, (found, query) in enumerate(zip(predictions, queries, strict=True)):
        if found.query != query or [mention.mention for mention in found.mentions] != split_mention(query):
            raise ValueError(f"prediction {number} is not of query {number}, '{query.mention}'")
        if any(len(mention.candidates) != topk for mention in found.mentions):
            raise ValueError(f"query {number}, '{query.mention}', does not have {topk} candidates for each mention")


def raw_mentions(queries: Sequence[Query], data_dir: str | Path) -> list[str] | None:
    """Return the mentions before preprocessing, found by their spans in the folder ``X`` next to ``processed_X``.

    The result is None if there is no such folder, or if a query's span has no mention or two mentions there.
    """
    folder = Path(data_dir).resolve()
    name = folder.name.removeprefix(PROCESSED)
    if name in ("", folder.name) or not folder.with_name(name).is_dir():
        return None
    try:
        rows = read_queries(folder.with_name(name))
    except InputError:  # another folder of that name
        return None
    by_span = {_span(query): query.mention for query in rows}
    if len(by_span) < len(rows):  # two mentions at one span, or a corpus without spans
        return None
    found = [by_span.get(_span(query)) for query in queries]
    return [mention for mention in found if mention is not None] if None not in found else None


def _span(query: Query) -> tuple[str, str, str]:
    return query.pmid, query.start, query.end
