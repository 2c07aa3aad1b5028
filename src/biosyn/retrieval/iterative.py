"""Iterative candidate retrieval: sparse candidates once, dense ones anew for each state of the encoder."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biosyn.config import SEARCH_MEMORY
from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.encoders.tokens import TokenizedTexts
from biosyn.records import Query
from biosyn.retrieval.share import top_names_of_share
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.training.candidates import CandidateDataset, label_candidates, mix_candidates, pair_scores


class CandidateRetriever:
    """Finds the candidates of M training mentions among N names.

    Parameters
    ----------
    mention_tokens, name_tokens
        The mentions and the names, tokenized once.
    topk, dense_ratio
        K candidates a mention, of which ``int(K * dense_ratio)`` come from the dense score.
    device
        Where the search runs.
    name_rows
        The rows of the dictionary that this rank searches, ascending (n,); None for all N.
    search_memory
        What it may take beyond the vectors, in MB.
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
        self.sparse_names = sparse_encoder.transform(dictionary.names)  # (N, V)
        rows = np.arange(len(dictionary)) if name_rows is None else name_rows
        self.name_rows = torch.from_numpy(rows).to(device)
        self.search_memory = search_memory
        self.sparse_rows = self._rows(
            Vectors(None, SparseRows.from_scipy(self.sparse_mentions, device)),
            Vectors(None, SparseRows.from_scipy(self.sparse_names[rows], device)),
        )  # (M, K)

    def retrieve(self, dense_mentions: Tensor, dense_names: Tensor) -> CandidateDataset:
        """Return the candidate sets under the encoder that made the vectors, of shape (M, H) and (n, H)."""
        dense_rows = self._rows(Vectors(dense_mentions, None), Vectors(dense_names, None))  # (M, K)
        return self.dataset(mix_candidates(self.sparse_rows, dense_rows, topk=self.topk, dense_ratio=self.dense_ratio))

    def dataset(self, candidates: NDArray[np.int64]) -> CandidateDataset:
        """Return the candidate sets of which these are the rows of the dictionary, (M, K): as retrieved, or kept."""
        return CandidateDataset(
            self.tokens,
            candidates=candidates,
            sparse_scores=pair_scores(self.sparse_mentions, self.sparse_names, candidates),
            labels=label_candidates(self.cuis, self.dictionary.cuis, candidates),
        )

    def _rows(self, mentions: Vectors, names: Vectors) -> NDArray[np.int64]:
        found = top_names_of_share(mentions, names, self.name_rows, topk=self.topk, memory=self.search_memory)
        return found.rows.cpu().numpy()
