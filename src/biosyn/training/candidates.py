"""The candidate sets of training: rows of the dictionary, labels and sparse scores for the K candidates only."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from biosyn.concept_ids import covers_all
from biosyn.encoders.tokens import TokenizedTexts
from biosyn.model.rerank_net import CandidateBatch


def mix_candidates(
    sparse_rows: NDArray[np.int64], dense_rows: NDArray[np.int64], *, topk: int, dense_ratio: float
) -> NDArray[np.int64]:
    """Return each mention's candidates: the best sparse ones, then the best dense ones not yet there, (M, K).

    Parameters
    ----------
    sparse_rows, dense_rows
        The K best names of each mention by either score, best first, shape (M, K).
    dense_ratio
        The first ``topk - int(topk * dense_ratio)`` come from the sparse ones.

    Examples
    --------
    >>> mix_candidates(np.array([[5, 6, 7, 8]]), np.array([[6, 1, 5, 2]]), topk=4, dense_ratio=0.5)
    array([[5, 6, 1, 2]])
    """
    n_sparse = topk - int(topk * dense_ratio)
    # dict.fromkeys keeps the first of each repeat, in order
    mixed = [
        list(dict.fromkeys([*from_sparse[:n_sparse], *from_dense]))[:topk]
        for from_sparse, from_dense in zip(sparse_rows.tolist(), dense_rows.tolist(), strict=True)
    ]
    return np.array(mixed, dtype=np.int64)


def label_candidates(
    query_cuis: Sequence[str], name_cuis: Sequence[str], candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return 1 where the candidate has all ids of the query, else 0; shape (M, K)."""
    labels = [
        [covers_all(cui, name_cuis[row]) for row in rows]
        for cui, rows in zip(query_cuis, candidates.tolist(), strict=True)
    ]
    return np.array(labels, dtype=np.float32)


def pair_scores(
    mentions: sparse.csr_matrix, names: sparse.csr_matrix, candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the sparse score of each mention with its own candidates, shape (M, K), from (M, V) and (N, V)."""
    n_mentions, topk = candidates.shape
    repeated = mentions[np.repeat(np.arange(n_mentions), topk)]  # (M * K, V)
    scores = repeated.multiply(names[candidates.ravel()]).sum(axis=1)  # (M * K, 1)
    return np.asarray(scores, dtype=np.float32).reshape(n_mentions, topk)


class CandidateDataset:
    """M training mentions with K candidates each; `batch` cuts out what one step needs.

    Parameters
    ----------
    tokens
        The M mentions and then the N names of the dictionary, tokenized once for the whole run.
    candidates
        Rows of the dictionary, shape (M, K).
    sparse_scores, labels
        Shape (M, K).
    """

    def __init__(
        self,
        tokens: TokenizedTexts,
        *,
        candidates: NDArray[np.int64],
        sparse_scores: NDArray[np.float32],
        labels: NDArray[np.float32],
    ):
        self.tokens = tokens
        self.candidates = candidates
        self.sparse_scores = sparse_scores
        self.labels = labels

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def positive_share(self) -> float:
        """The share of mentions with at least one positive candidate; the others give no loss."""
        return float(self.labels.any(axis=1).mean())

    def with_loss(self, mentions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the given mentions that have a positive candidate; where none has one, all."""
        has_positive = self.labels[mentions].any(axis=1)
        return mentions[has_positive] if has_positive.any() else mentions

    def batch(self, mentions: NDArray[np.int64]) -> CandidateBatch:
        """Return those of the given mentions that have a positive candidate (B of them), each distinct name once.

        The others give no loss, so encoding them would change nothing; where none has one, all are kept.
        A mention is encoded apart from a name of the same text: in training the two get dropout masks of their own.
        """
        mentions = self.with_loss(mentions)
        n_mentions = len(mentions)
        names, candidate_rows = np.unique(self.candidates[mentions], return_inverse=True)  # (U,), (B, K)
        texts = np.concatenate([mentions, len(self) + names])  # (T,) rows of tokens, T = B + U
        groups, place = self.tokens.in_length_groups(texts)
        return CandidateBatch(
            groups=groups,
            mention_rows=torch.from_numpy(place[:n_mentions]),
            candidate_rows=torch.from_numpy(place[n_mentions + candidate_rows.reshape(n_mentions, -1)]),
            sparse_score=torch.from_numpy(self.sparse_scores[mentions]),
            target=torch.from_numpy(self.labels[mentions]),
        )
