"""Iterative candidate retrieval: K names for each training mention, with their labels and sparse scores."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from biosyn.concept_ids import covers_all
from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.encoders.tokens import TokenizedTexts, length_groups
from biosyn.model.rerank_net import CandidateBatch
from biosyn.records import Query
from biosyn.retrieval.search import top_names_of_share
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.settings.groups import SEARCH_MEMORY


class CandidateRetriever:
    """Finds the candidates of M training mentions among N names.

    Parameters
    ----------
    mention_tokens, name_tokens
        The mentions and the names, tokenized once.
    topk, dense_ratio
        A mention has K candidates, of which ``int(K * dense_ratio)`` come from the dense score.
    device
        The device of the search.
    name_rows
        The rows of the dictionary that this rank searches, ascending (n,); None for all N.
    search_memory
        The memory that a search may take in addition to the vectors, in MB.
    """

    def __init__(
        self,
        queries: Sequence[Query],
        dictionary: DictionaryDataset,
        sparse_encoder: SparseEncoder,
        *,
        mention_tokens: TokenizedTexts,
        name_tokens: TokenizedTexts,
        topk: int,
        dense_ratio: float,
        device: torch.device,
        name_rows: NDArray[np.int64] | None = None,
        search_memory: int = SEARCH_MEMORY,
    ):
        self.cuis = [query.cui for query in queries]
        self.dictionary = dictionary
        self.tokens = mention_tokens.followed_by(name_tokens)
        self.topk = topk
        self.dense_ratio = dense_ratio
        self.sparse_mentions = sparse_encoder.transform([query.mention for query in queries])  # (M, V)
        self.sparse_names = sparse_encoder.transform(dictionary.texts)  # (N, V)
        rows = np.arange(len(dictionary)) if name_rows is None else name_rows
        self.name_rows = torch.from_numpy(rows).to(device)
        self.search_memory = search_memory
        self.length_groups = length_groups(device)
        self.sparse_rows = self._rows(
            Vectors(None, SparseRows.from_scipy(self.sparse_mentions, device)),
            Vectors(None, SparseRows.from_scipy(self.sparse_names[rows], device)),
        )  # (M, K)

    def retrieve(self, dense_mentions: Tensor, dense_names: Tensor) -> "CandidateDataset":
        """Return the candidates by the encoder that made the vectors, of shape (M, H) and (n, H)."""
        dense_rows = self._rows(Vectors(dense_mentions, None), Vectors(dense_names, None))  # (M, K)
        return self.dataset(mix_candidates(self.sparse_rows, dense_rows, topk=self.topk, dense_ratio=self.dense_ratio))

    def dataset(self, candidates: NDArray[np.int64]) -> "CandidateDataset":
        """Return the candidates at these rows of the dictionary, (M, K)."""
        return CandidateDataset(
            self.tokens,
            candidates=candidates,
            sparse_scores=pair_scores(self.sparse_mentions, self.sparse_names, candidates),
            labels=label_candidates(self.cuis, self.dictionary.cuis, candidates),
            length_groups=self.length_groups,
        )

    def _rows(self, mentions: Vectors, names: Vectors) -> NDArray[np.int64]:
        found = top_names_of_share(mentions, names, self.name_rows, topk=self.topk, memory=self.search_memory)
        return found.rows.cpu().numpy()


class CandidateDataset:
    """M training mentions with K candidates each; `batch` returns those of one step.

    Parameters
    ----------
    tokens
        The M mentions and then the N names of the dictionary, tokenized once for the whole run.
    candidates
        Rows of the dictionary, shape (M, K).
    sparse_scores, labels
        Shape (M, K).
    length_groups
        The number of batches of similar length that the texts of a step are cut into.
    """

    def __init__(
        self,
        tokens: TokenizedTexts,
        *,
        candidates: NDArray[np.int64],
        sparse_scores: NDArray[np.float32],
        labels: NDArray[np.float32],
        length_groups: int = 1,
    ):
        self.tokens = tokens
        self.candidates = candidates
        self.sparse_scores = sparse_scores
        self.labels = labels
        self.length_groups = length_groups

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def positive_share(self) -> float:
        """The fraction of mentions with at least one positive candidate; the others give no loss."""
        return float(self.labels.any(axis=1).mean())

    def with_loss(self, mentions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the given mentions that have a positive candidate, or all of them if none has one."""
        has_positive = self.labels[mentions].any(axis=1)
        return mentions[has_positive] if has_positive.any() else mentions

    def batch(self, mentions: NDArray[np.int64]) -> CandidateBatch:
        """Return the batch of those mentions that have a positive candidate (B of them), each distinct name once.

        The others give no loss, so encoding them would change nothing; if none has a positive candidate, all are kept.
        `Trainer` has left them out already, before it deals the mentions to the ranks.
        A mention and a name with the same text are two texts: in training each gets its own dropout mask.
        """
        mentions = self.with_loss(mentions)
        n_mentions = len(mentions)
        names, candidate_rows = np.unique(self.candidates[mentions], return_inverse=True)  # (U,), (B, K)
        texts = np.concatenate([mentions, len(self) + names])  # (T,) rows of tokens, T = B + U
        groups, place = self.tokens.in_length_groups(texts, self.length_groups)
        return CandidateBatch(
            groups=groups,
            mention_rows=torch.from_numpy(place[:n_mentions]),
            candidate_rows=torch.from_numpy(place[n_mentions + candidate_rows.reshape(n_mentions, -1)]),
            sparse_score=torch.from_numpy(self.sparse_scores[mentions]),
            target=torch.from_numpy(self.labels[mentions]),
        )


def mix_candidates(
    sparse_rows: NDArray[np.int64], dense_rows: NDArray[np.int64], *, topk: int, dense_ratio: float
) -> NDArray[np.int64]:
    """Return each mention's candidates: the best sparse ones, then the best dense ones that are not among them, (M, K).

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
