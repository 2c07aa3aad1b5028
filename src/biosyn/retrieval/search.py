"""The exact top-k names of each mention, by one process or by several ranks; memory does not grow with M x N."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from biosyn.distributed.ranks import from_first, gathered, my_share
from biosyn.errors import InputError
from biosyn.retrieval.vectors import NameVectors, SparseRows, Vectors
from biosyn.settings.groups import SEARCH_MEMORY

NAME_BLOCK = 16_384
MENTION_BLOCK = 1_024
LEAST_NAMES = 1_024  # names per block before the number of mentions per block is reduced
LARGEST_SPARSE_WEIGHT = 1e30  # |w|: scores are float32, up to 3.4e38
BYTES_A_SCORE = 12  # while a block is scored: the score, its sparse part, and the selection of the best


class TopNames(NamedTuple):
    """The K best names of each of M mentions, best first, ties by row of the dictionary."""

    rows: Tensor  # (M, K) int64, rows of the dictionary
    scores: Tensor  # (M, K) float32


class Blocks(NamedTuple):
    """The number of mentions and of names that are scored at a time."""

    mentions: int
    names: int


def top_names(
    mentions: Vectors,
    names: NameVectors,
    *,
    topk: int,
    sparse_weight: float = 1.0,
    memory: int = SEARCH_MEMORY,
    blocks: Blocks | None = None,
) -> TopNames:
    """Score every name for every mention, block by block, and keep the best.

    The score is ``dense . dense + sparse_weight * sparse . sparse``; a part whose vectors are None is left out.
    Source: Sung et al., ACL 2020, section 3.

    Parameters
    ----------
    mentions, names
        M mentions and N names on one device, both with the same of the two vectors.
    memory
        Memory to use in addition to the vectors, in MB; the result does not depend on it.
    blocks
        Sizes of the blocks; None chooses them by the memory.

    Raises
    ------
    ValueError
        If ``topk`` is not between 1 and N.

    Examples
    --------
    >>> names = Vectors(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), None)
    >>> top_names(Vectors(torch.tensor([[2.0, 1.0]]), None), names, topk=2).rows.tolist()
    [[0, 2]]
    """
    if not 1 <= topk <= names.count:
        raise ValueError(f"topk {topk} is not between 1 and the number of names, {names.count}")
    if mentions.count == 0:
        none = torch.empty(0, topk, device=mentions.device)
        return TopNames(none.long(), none)
    blocks = blocks or block_sizes(memory, names)
    found = [
        _best_of_mentions(mentions.slice(start, start + blocks.mentions), names, topk, sparse_weight, blocks.names)
        for start in range(0, mentions.count, blocks.mentions)
    ]
    return TopNames(torch.cat([block.rows for block in found]), torch.cat([block.scores for block in found]))


def require_finite(found: TopNames) -> TopNames:
    """Return what was found, or raise an InputError if a score is NaN or infinite: the order means nothing then."""
    if not bool(found.scores.isfinite().all()):
        raise InputError(
            "a score is not a finite number: the model's weights or its w are damaged or too large, or its index is: "
            "run biosyn cache verify, try --precision float32, or give another copy of the model"
        )
    return found


def block_sizes(megabytes: int, names: NameVectors) -> Blocks:
    """Return sizes of blocks that take about this many MB (10^6 bytes) while they are scored, for any dictionary size.

    In addition to its scores, a block has the TF-IDF of its mentions as a dense matrix, and memory for its names: a
    float32 copy if their vectors are float16, or all of them if they are read from disk.

    Examples
    --------
    >>> block_sizes(200, Vectors(torch.zeros(1, 384), None))
    Blocks(mentions=1024, names=14467)
    >>> block_sizes(8, Vectors(torch.zeros(1, 384), None))
    Blocks(mentions=325, names=1471)
    """
    left = megabytes * 10**6
    bytes_a_mention = 4 * names.n_columns
    mentions = max(1, min(MENTION_BLOCK, left // 2 // (bytes_a_mention + BYTES_A_SCORE * LEAST_NAMES)))
    left -= mentions * bytes_a_mention
    return Blocks(mentions, max(1, min(NAME_BLOCK, left // (BYTES_A_SCORE * mentions + names.bytes_a_row))))


def _best_of_mentions(
    mentions: Vectors, names: NameVectors, topk: int, sparse_weight: float, name_block: int
) -> TopNames:
    sparse_columns = None if mentions.sparse is None else mentions.sparse.matrix().to_dense().T  # (V, M)
    best: TopNames | None = None
    for start in range(0, names.count, name_block):
        block = names.slice(start, start + name_block)
        scores = _scores(mentions.dense, sparse_columns, block, sparse_weight)  # (M, N of the block)
        found = _top_of(scores, min(topk, block.count))
        found = TopNames(found.rows + start, found.scores)
        best = found if best is None else _merge(best, found, topk)
    assert best is not None  # there is at least one name, and so at least one block
    return best


def _scores(dense: Tensor | None, sparse_columns: Tensor | None, names: Vectors, sparse_weight: float) -> Tensor:
    dense_pair = None if dense is None or names.dense is None else (dense, names.dense.float().T)
    if sparse_columns is None or names.sparse is None:
        assert dense_pair is not None  # texts without any vectors have no score
        return torch.mm(*dense_pair)  # (M, N)
    sparse_scores = _sparse_product(names.sparse, sparse_columns).T  # (M, N)
    if dense_pair is None:
        return sparse_weight * sparse_scores
    return torch.addmm(sparse_scores, *dense_pair, beta=sparse_weight)  # (M, N)


def _sparse_product(rows: SparseRows, columns: Tensor) -> Tensor:
    """Return the product (N, M) of (N, V) and (V, M)."""
    matrix = rows.matrix()
    if columns.device.type == "mps" or (columns.device.type == "cpu" and not torch.backends.mkl.is_available()):
        matrix = matrix.to_dense()  # torch has no sparse product there, and a block is small enough
    return matrix @ columns


def _top_of(scores: Tensor, topk: int) -> TopNames:
    """Return the best of each row of scores (M, N); among equal scores the lower row comes first, also at the cut."""
    values, rows = scores.topk(topk, dim=1)
    # topk cuts ties at the k-th score anywhere: if more names have that score than fit, sort all names of the mention.
    ambiguous = ((scores >= values[:, -1:]).sum(dim=1) > topk).nonzero().squeeze(1)
    if len(ambiguous):
        resolved = scores[ambiguous].sort(dim=1, descending=True, stable=True)
        values[ambiguous] = resolved.values[:, :topk]
        rows[ambiguous] = resolved.indices[:, :topk]
    return best_of(rows, values, topk)


def best_of(rows: Tensor, scores: Tensor, topk: int) -> TopNames:
    """Return the best of names in any order, given as rows and scores, both (M, any number); ties by row."""
    by_row = rows.sort(dim=1)
    return _best_first(by_row.values, scores.gather(1, by_row.indices), topk)


def _merge(best: TopNames, found: TopNames, topk: int) -> TopNames:
    # best has the lower rows and comes first, so the stable sort keeps ties by row
    return _best_first(torch.cat([best.rows, found.rows], 1), torch.cat([best.scores, found.scores], 1), topk)


def _best_first(rows: Tensor, scores: Tensor, topk: int) -> TopNames:
    order = scores.sort(dim=1, descending=True, stable=True)
    return TopNames(rows.gather(1, order.indices)[:, :topk], order.values[:, :topk])


def top_names_of_share(
    mentions: Vectors,
    names: NameVectors,
    rows: Tensor,
    *,
    topk: int,
    sparse_weight: float = 1.0,
    memory: int = SEARCH_MEMORY,
) -> TopNames:
    """Return what `top_names` returns for the names of all ranks, of which each rank has a share.

    This is exact: each of the K best names is among the K best of its rank.

    Parameters
    ----------
    mentions
        The same M mentions on every rank.
    names, rows
        This rank's names, possibly none, and the row of each in the dictionary: int64, ascending.

    Examples
    --------
    >>> names, rows = Vectors(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), None), torch.tensor([3, 8])
    >>> top_names_of_share(Vectors(torch.tensor([[2.0, 3.0]]), None), names, rows, topk=2).rows.tolist()
    [[8, 3]]
    """
    depth = min(topk, names.count)
    found = top_names(mentions, names, topk=depth, sparse_weight=sparse_weight, memory=memory) if depth else None
    return _best_of_all([] if found is None else [TopNames(rows[found.rows], found.scores)], mentions, topk)


def top_names_of_blocks(
    mentions: Vectors, names: NameVectors, *, topk: int, sparse_weight: float = 1.0, memory: int = SEARCH_MEMORY
) -> TopNames:
    """Return what `top_names` returns; each rank has all names and searches its share of the blocks.

    The blocks are the same as in one process, and so are the scores, to the last bit.
    """
    blocks = from_first(block_sizes(memory, names))  # the first rank's, so that no row is missed
    found = []
    for start in my_share(range(0, names.count, blocks.names)):
        block = names.slice(start, start + blocks.names)
        best = top_names(
            mentions, block, topk=min(topk, block.count), sparse_weight=sparse_weight, memory=memory, blocks=blocks
        )
        found.append(TopNames(best.rows + start, best.scores))
    return _best_of_all(found, mentions, topk)


def _best_of_all(found: Sequence[TopNames], mentions: Vectors, topk: int) -> TopNames:
    """Return the best names of all ranks; a rank may have found none."""
    none = torch.zeros(mentions.count, 0, device=mentions.device)
    rows = torch.cat([none.long(), *(block.rows for block in found)], 1)
    scores = torch.cat([none, *(block.scores for block in found)], 1)
    return best_of(_columns_of_all(rows), _columns_of_all(scores), topk)


def _columns_of_all(part: Tensor) -> Tensor:
    return torch.cat(gathered(part.T.contiguous())).T
