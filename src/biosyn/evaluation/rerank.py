"""The verb of biosyn rerank: fit, on a dev set, how much the names of a concept count in a second look."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from biosyn.checkpoint.folder import record_reranking, rewritten_files
from biosyn.checkpoint.manifest import describe_data, load_manifest
from biosyn.concept_ids import shares_any
from biosyn.data.queries import QueryDataset
from biosyn.devices import resolve_device
from biosyn.errors import InputError
from biosyn.evaluation.folds import folds_of
from biosyn.linking.loading import open_model
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.model.losses import marginal_nll
from biosyn.model.rerank import Reranker
from biosyn.places import Inputs
from biosyn.records import Query
from biosyn.retrieval.evidence import Evidence, Reranking
from biosyn.settings.verbs import RerankConfig

PENALTY = 1e-3  # of the squares of the weights of standardized evidence
LEAST = 20  # mentions whose right concept is among those that are compared
NO_WEIGHTS = Reranking(Evidence(0.0, 0.0, 0.0, 0.0))
NOTHING = "the score of the best name counts for nothing among these mentions: give a larger dev set"
logger = logging.getLogger(__name__)


class Samples(NamedTuple):
    """M mentions that equal no name, each with its best concepts, best first; further ones have the score -inf."""

    documents: list[str]  # of each mention
    scores: Tensor  # (M, K) of the best name of each concept
    evidence: Tensor  # (M, K, 4)
    right: Tensor  # (M, K) 1 for a concept that shares an id with the gold ids

    def take(self, rows: Sequence[int]) -> "Samples":
        """Return some of the mentions."""
        return Samples([self.documents[row] for row in rows], *(part[list(rows)] for part in self[1:]))


def rerank(config: RerankConfig) -> dict[str, Any]:
    """Run biosyn rerank: fit, cross-validate, record in the manifest; return its JSON result."""
    resolve_device(config.device)  # refused before anything is read
    inputs = Inputs.of(config)
    Inputs.of(config, but=("model_name_or_path",)).require_apart(rewritten_files(config.model_name_or_path))
    queries = QueryDataset(config.data_dir, filter_composite=True, filter_cuiless=True).queries
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    load_manifest(config.model_name_or_path)  # before the minutes that the embedding takes
    biosyn = open_model(config.model_name_or_path, config)
    index = biosyn.index(
        dictionary,
        cache_dir=config.cache_dir,
        precision=config.index_precision,
        progress="dictionary" if config.show_progress else None,
    )
    names = index.vectors(biosyn.device, score_mode=config.score_mode)
    reranker = Reranker(biosyn, dictionary, names, concepts=config.topk, reranking=NO_WEIGHTS)
    samples = samples_of(reranker, queries)
    weights = fit(require_enough(samples))
    data = describe_data(config.data_dir, config.dictionary_path, mentions=len(queries), names=len(dictionary))
    compared = {"topk": config.topk, **cross_validated(samples, seed=config.seed)}
    reranking = Reranking(weights, {**data, **compared})
    inputs.require_unchanged()  # the hashes are those of what was measured
    record_reranking(config.model_name_or_path, config.score_mode, reranking)
    logger.info("recorded for the %s score in the checkpoint's manifest and model card", config.score_mode)
    return {"score_mode": config.score_mode, **reranking.to_json()}


def samples_of(reranker: Reranker, queries: Sequence[Query]) -> Samples:
    """Return a sample for each distinct pair of a mention and its id whose text equals no name."""
    distinct = list({(query.mention, query.cui): query for query in queries}.values())
    texts = [query.mention for query in distinct]
    biosyn, names, cuis = reranker.biosyn, reranker.names, reranker.dictionary.cuis
    vectors = biosyn.embed(texts, score_mode=names.score_mode, what="mentions")
    found = biosyn.search(vectors, names, topk=reranker.depth)
    of_texts = list(reranker.evidence(texts, vectors, found))
    rows = [row for row, evidence in enumerate(of_texts) if evidence]
    scores = torch.full((len(rows), reranker.concepts), -torch.inf)
    evidence, right = torch.zeros(*scores.shape, len(Evidence._fields)), torch.zeros(scores.shape)
    for place, row in enumerate(rows):
        best: dict[str, float] = {}
        for name, score in zip(found.rows[row].tolist(), found.scores[row].tolist(), strict=True):
            best.setdefault(cuis[name], score)
        for column, (cui, own) in enumerate(of_texts[row].items()):
            scores[place, column], evidence[place, column] = best[cui], torch.tensor(own)
            right[place, column] = float(shares_any(distinct[row].cui, cui))
    return Samples([distinct[row].pmid for row in rows], scores, evidence, right)


def require_enough(samples: Samples) -> Samples:
    """Return the samples; an InputError where too few of them have their right concept."""
    known = int(samples.right.any(dim=1).sum())
    if known < LEAST:
        raise InputError(
            f"{known} mentions that equal no name have their concept among those that are compared, "
            f"too few to fit weights: give a dev set with {LEAST} of them, or raise --topk"
        )
    return samples


def fit(samples: Samples) -> Evidence:
    """Return the weights with the highest marginal likelihood of the right concepts, the score's being 1.

    Source of the likelihood: Sung et al., ACL 2020, section 3.2, here over concepts and not names.

    Raises
    ------
    InputError
        If the score of the best name does not count for the right concepts.
    """
    samples = samples.take([row for row, right in enumerate(samples.right) if right.any()])
    if not samples.documents:
        raise InputError(NOTHING)
    inside = samples.scores.isfinite()  # (M, K)
    values = torch.cat([samples.scores.unsqueeze(2), samples.evidence], dim=2).double()  # (M, K, 5)
    spread = values[inside].std(dim=0, correction=0).clamp(min=1e-9)  # (5,)
    values = values.masked_fill(~inside.unsqueeze(2), 0.0) / spread
    weights = torch.zeros(len(spread), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = (values @ weights).masked_fill(~inside, -torch.inf)  # (M, K)
        total = marginal_nll(scores, samples.right) + PENALTY * (weights**2).sum()
        total.backward()
        return total

    optimizer.step(loss)
    score, *others = (weights.detach() / spread).tolist()
    if score <= 0:
        raise InputError(NOTHING)
    return Evidence(*(other / score for other in others))


def cross_validated(samples: Samples, *, seed: int) -> dict[str, Any]:
    """Return Acc@1 of the M mentions by the score alone, and by weights that were fitted without their documents."""
    after = torch.zeros(len(samples.documents), dtype=torch.float64)
    for rows, others in folds_of(samples.documents, seed=seed):
        weights = torch.tensor(fit(samples.take(others)))
        part = samples.take(rows)
        best = (part.scores + part.evidence @ weights).argmax(dim=1)  # the first of equal ones
        after[list(rows)] = part.right.gather(1, best[:, None])[:, 0].double()
    return {
        "compared_mentions": len(after),
        "acc1_before": samples.right[:, 0].double().mean().item(),
        "acc1_after": after.mean().item(),
    }
