"""The dense and the sparse part of the scores of the names that were found."""

from typing import NamedTuple

import torch
from torch import Tensor

from biosyn.retrieval.vectors import NameVectors, SparseRows, Vectors

MAX_NUMBERS = 2_097_152  # numbers gathered at a time: 8 MB, for any number of mentions


class ScoreParts(NamedTuple):
    """The two parts of the scores of M mentions with K names each; a part that was not searched is 0."""

    dense: Tensor  # (M, K) float32, dense . dense
    sparse: Tensor  # (M, K) float32, sparse_weight * sparse . sparse


def score_parts(mentions: Vectors, names: NameVectors, rows: Tensor, *, sparse_weight: float = 1.0) -> ScoreParts:
    """Return both parts of the scores from `top_names`, computed for the names that were found only.

    They add up to the score, except for rounding.

    Parameters
    ----------
    mentions, names
        M mentions and N names on one device, both with the same of the two vectors.
    rows
        K rows of the names for each mention, (M, K).

    Examples
    --------
    >>> names = Vectors(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), None)
    >>> score_parts(Vectors(torch.tensor([[2.0, 3.0]]), None), names, torch.tensor([[1, 0]])).dense.tolist()
    [[3.0, 2.0]]
    """
    step = max(1, MAX_NUMBERS // _numbers_a_mention(names, rows.shape[1]))
    starts = range(0, max(1, len(rows)), step)  # without mentions there is one empty block
    blocks = [_block(mentions.slice(start, start + step), names, rows[start : start + step]) for start in starts]
    dense, sparse = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    return ScoreParts(dense, sparse_weight * sparse)


def _numbers_a_mention(names: NameVectors, topk: int) -> int:
    return 1 + topk * names.hidden + names.n_columns


def _block(mentions: Vectors, names: NameVectors, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the dense and the sparse products of some mentions with their names, each (M, K)."""
    found = names.take(rows.flatten())  # M * K texts
    return _dense_scores(mentions.dense, found.dense, rows), _sparse_scores(mentions.sparse, found.sparse, rows)


def _dense_scores(mentions: Tensor | None, found: Tensor | None, rows: Tensor) -> Tensor:
    if mentions is None or found is None:
        return torch.zeros(rows.shape, device=rows.device)
    found = found.float().view(*rows.shape, found.shape[1])  # (M, K, H)
    return torch.bmm(found, mentions.unsqueeze(2)).squeeze(2)  # (M, K)


def _sparse_scores(mentions: SparseRows | None, found: SparseRows | None, rows: Tensor) -> Tensor:
    if mentions is None or found is None:
        return torch.zeros(rows.shape, device=rows.device)
    columns = mentions.matrix().to_dense()  # (M, V), small because only the mentions are dense
    pair = torch.repeat_interleave(found.offsets.diff())  # (nnz,) the mention-name pair of each value
    products = found.values * columns[pair // rows.shape[1], found.columns]  # (nnz,)
    return products.new_zeros(rows.numel()).index_add_(0, pair, products).view(rows.shape)  # (M, K)
