"""A model of which every rank does a part: for the evaluation, in which all ranks ask the same."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from biosyn.data.dictionary import DictionaryDataset
from biosyn.distributed.ranks import size, summed
from biosyn.encoders.sparse import SparseEncoder
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Model
from biosyn.retrieval.score_parts import ScoreParts
from biosyn.retrieval.search import TopNames, top_names_of_blocks, top_names_of_share
from biosyn.retrieval.vectors import NameVectors, Vectors


def together(biosyn: BioSyn, rows: Tensor | None = None) -> Model:
    """Return the model as all ranks together are it; the model itself for a process that is alone.

    Parameters
    ----------
    rows
        Where the names of this rank stand in the dictionary, ascending; None where each rank holds the names of all.
    """
    return biosyn if size() == 1 else _Together(biosyn, rows)


class _Together:
    """A `Model`: each rank embeds a part of the texts and searches a part of the names, and all get the same."""

    def __init__(self, biosyn: BioSyn, rows: Tensor | None):
        self._biosyn = biosyn
        self._rows = rows
        self.device = biosyn.device
        self.sparse_weight = biosyn.sparse_weight
        self.calibrations = biosyn.calibrations

    def get_sparse_encoder(self) -> SparseEncoder:
        return self._biosyn.get_sparse_encoder()

    def index(
        self,
        dictionary: DictionaryDataset,
        *,
        cache_dir: str | Path | None = None,
        precision: str = "float32",
        progress: str | None = None,
    ) -> DictionaryIndex:
        return self._biosyn.index(dictionary, cache_dir=cache_dir, precision=precision, progress=progress)

    def embed(self, texts: Sequence[str], *, score_mode: str = "hybrid", what: str) -> Vectors:
        return self._biosyn.embed(texts, score_mode=score_mode, what=what, together=True)

    def search(self, mentions: Vectors, names: NameVectors, *, topk: int) -> TopNames:
        weight, memory = self._biosyn.weight_for(names), self._biosyn.search_memory
        if self._rows is None:
            return top_names_of_blocks(mentions, names, topk=topk, sparse_weight=weight, memory=memory)
        return top_names_of_share(mentions, names, self._rows, topk=topk, sparse_weight=weight, memory=memory)

    def shares(self, mentions: Vectors, names: NameVectors, rows: Tensor) -> ScoreParts:
        if self._rows is None:
            return self._biosyn.shares(mentions, names, rows)
        mine = torch.isin(rows, self._rows)  # (M, K)
        if names.count == 0:
            none = torch.zeros(rows.shape, device=names.device)
            return ScoreParts(summed(none), summed(none))
        places = torch.searchsorted(self._rows, rows.contiguous()).clamp(max=names.count - 1)  # of names not mine: any
        found = self._biosyn.shares(mentions, names, places)
        return ScoreParts(summed(found.dense.where(mine, 0.0)), summed(found.sparse.where(mine, 0.0)))
