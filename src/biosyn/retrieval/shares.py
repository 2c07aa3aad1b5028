"""What the dense and the sparse half give to the scores of names that have been found."""

from typing import NamedTuple

import torch
from torch import Tensor

from biosyn.retrieval.vectors import Vectors

MAX_NUMBERS = 2_097_152  # gathered at a time: 8 MB, whatever the number of mentions


class Shares(NamedTuple):
    """The two summands of the scores of M mentions with K names each; a half that was not searched is 0."""

    dense: Tensor  # (M, K) float32, dense . dense
    sparse: Tensor  # (M, K) float32, sparse_weight * sparse . sparse


def score_shares(mentions: Vectors, names: Vectors, rows: Tensor, *, sparse_weight: float = 1.0) -> Shares:
    """Compute both shares of the scores that `top_names` gave, for the names found and no others.

    They add up to the score, but for rounding.

    Parameters
    ----------
    mentions, names
        M mentions and N names on one device, with the same halves.
    rows
        For each mention K rows of the names, (M, K).

    Examples
    --------
    >>> names = Vectors(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), None)
    >>> score_shares(Vectors(torch.tensor([[2.0, 3.0]]), None), names, torch.tensor([[1, 0]])).dense.tolist()
    [[3.0, 2.0]]
    """
    step = max(1, MAX_NUMBERS // _numbers_a_mention(names, rows.shape[1]))
    starts = range(0, max(1, len(rows)), step)  # no mentions are one block of none
    blocks = [(mentions.slice(start, start + step), rows[start : start + step]) for start in starts]
    return Shares(
        torch.cat([_dense_scores(block, names, found) for block, found in blocks]),
        torch.cat([sparse_weight * _sparse_scores(block, names, found) for block, found in blocks]),
    )


def _numbers_a_mention(names: Vectors, topk: int) -> int:
    hidden = 0 if names.dense is None else names.dense.shape[1]
    return 1 + topk * hidden + (0 if names.sparse is None else names.sparse.n_columns)


def _dense_scores(mentions: Vectors, names: Vectors, rows: Tensor) -> Tensor:
    if mentions.dense is None or names.dense is None:
        return torch.zeros(rows.shape, device=names.device)
    found = names.dense[rows].float()  # (M, K, H)
    return torch.bmm(found, mentions.dense.unsqueeze(2)).squeeze(2)  # (M, K)


def _sparse_scores(mentions: Vectors, names: Vectors, rows: Tensor) -> Tensor:
    if mentions.sparse is None or names.sparse is None:
        return torch.zeros(rows.shape, device=names.device)
    columns = mentions.sparse.matrix().to_dense()  # (M, V): of the mentions alone
    found = names.sparse.take(rows.flatten())  # (M * K, V) as CSR
    pair = torch.repeat_interleave(found.offsets.diff())  # (nnz,) which mention-name pair a value belongs to
    products = found.values * columns[pair // rows.shape[1], found.columns]  # (nnz,)
    return products.new_zeros(rows.numel()).index_add_(0, pair, products).view(rows.shape)  # (M, K)
