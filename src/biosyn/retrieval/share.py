"""Searching names that are shared among ranks: each finds the best of its own, and all get the best of all."""

from collections.abc import Sequence

import torch
from torch import Tensor

from biosyn.config import SEARCH_MEMORY
from biosyn.distributed.ranks import gathered, json_from_first, my_share
from biosyn.retrieval.search import Blocks, TopNames, best_of, block_sizes, top_names
from biosyn.retrieval.vectors import NameVectors, Vectors


def top_names_of_share(
    mentions: Vectors,
    names: NameVectors,
    rows: Tensor,
    *,
    topk: int,
    sparse_weight: float = 1.0,
    memory: int = SEARCH_MEMORY,
) -> TopNames:
    """Return what `top_names` returns for the names of all ranks together, of which each holds a part.

    Exact: every one of the K best is among the K best of the rank that holds it.

    Parameters
    ----------
    mentions
        The same M mentions on every rank.
    names, rows
        This rank's names, which may be none, and where each stands in the dictionary: int64, ascending.

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
    """Return what `top_names` returns, where each rank holds all names and searches some blocks of them.

    The blocks are those of one process, so the scores are the same to the last bit.
    """
    blocks = Blocks(*json_from_first(block_sizes(memory, names)))  # the first rank's: every row has one searcher
    found = []
    for start in my_share(range(0, names.count, blocks.names)):
        block = names.slice(start, start + blocks.names)
        best = top_names(
            mentions, block, topk=min(topk, block.count), sparse_weight=sparse_weight, memory=memory, blocks=blocks
        )
        found.append(TopNames(best.rows + start, best.scores))
    return _best_of_all(found, mentions, topk)


def _best_of_all(found: Sequence[TopNames], mentions: Vectors, topk: int) -> TopNames:
    """Return the best of all ranks' names; a rank may have found none."""
    none = torch.zeros(mentions.count, 0, device=mentions.device)
    rows = torch.cat([none.long(), *(block.rows for block in found)], 1)
    scores = torch.cat([none, *(block.scores for block in found)], 1)
    return best_of(_columns_of_all(rows), _columns_of_all(scores), topk)


def _columns_of_all(part: Tensor) -> Tensor:
    return torch.cat(gathered(part.T.contiguous())).T
