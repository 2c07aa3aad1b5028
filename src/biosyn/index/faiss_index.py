"""FAISS, which finds vectors of a large inner product without looking at all: the one place that imports it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError, missing_extra

GRAPH, LISTS = "hnsw", "ivf"
CODE_BYTES = 64  # of a vector in a list (product quantization)
SAMPLE = 100_000  # vectors that the codes and the middles of the lists are learned from, at least


@dataclass(frozen=True)
class FaissSettings:
    """How the vectors are held and searched.

    Parameters
    ----------
    kind
        ``hnsw``, a graph of neighbours, or ``ivf``, lists of what lies near each of some middles.
    size
        Links of a name in the graph, or number of lists.
    build_effort
        Neighbours that are looked at to place a name in the graph; rounds of k-means for the lists.
    effort
        Names of the graph that a search keeps in sight, or lists that it reads.
    """

    kind: str
    size: int
    build_effort: int
    effort: int


def require_faiss() -> Any:
    """Return the module, working with as many threads as torch does; an InputError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise missing_extra("faiss-cpu", "ann") from error
    import torch

    faiss.omp_set_num_threads(torch.get_num_threads())
    return faiss


class FaissIndex:
    """N vectors and what finds those of a large inner product: a graph keeps a byte a number, lists 64 a vector."""

    def __init__(self, index: Any, settings: FaissSettings):
        self._index = index
        self.settings = settings

    @classmethod
    def train(cls, settings: FaissSettings, sample: NDArray[np.float32], *, seed: int) -> "FaissIndex":
        """Make an empty index; what is learned is learned from the sample, (n, D)."""
        faiss, sample = require_faiss(), _fitting(sample, settings)
        dimensions = sample.shape[1]
        code, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        if settings.kind == GRAPH:
            index = faiss.IndexHNSWSQ(dimensions, code, settings.size, metric)
            index.hnsw.efConstruction = settings.build_effort
        else:
            middles = faiss.IndexFlatIP(dimensions)
            index = faiss.IndexIVFPQ(middles, dimensions, settings.size, CODE_BYTES, 8, metric)
            index.cp.niter, index.cp.seed, index.pq.cp.seed = settings.build_effort, seed, seed
            index.cp.min_points_per_centroid = 1  # small dictionaries have few names a list: no warning about it
            middles.this.disown()  # the lists own it from here on
            index.own_fields = True
        index.train(sample)
        return cls(index, settings)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add the next vectors, (n, D)."""
        self._index.add(_fitting(vectors, self.settings))

    def search(self, queries: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Return for each of M queries (M, D) the ``count`` nearest rows, (M, count); -1 where fewer were found."""
        effort = max(self.settings.effort, count) if self.settings.kind == GRAPH else self.settings.effort
        if self.settings.kind == GRAPH:
            self._index.hnsw.efSearch = effort
        else:
            self._index.nprobe = effort
        _, rows = self._index.search(_fitting(queries, self.settings), count)
        return np.asarray(rows, dtype=np.int64)

    def save(self, path: Path) -> None:
        """Write it; an OSError where there is no room."""
        try:
            require_faiss().write_index(self._index, str(path))
        except RuntimeError as error:  # FAISS has no other kind
            raise OSError(f"FAISS cannot write it: {_first_line(error)}") from error

    @classmethod
    def load(cls, path: Path, settings: FaissSettings, *, shape: tuple[int, int]) -> "FaissIndex":
        """Read what `save` wrote. FAISS's reader trusts its file: compare its sha256 first.

        Raises
        ------
        InputError
            If it cannot be read, or does not hold N vectors of D numbers.
        """
        try:
            index = require_faiss().read_index(str(path))
        except RuntimeError as error:
            raise InputError(f"FAISS cannot read it: {_first_line(error)}", path=path) from error
        width = _fitting(np.zeros((1, shape[1]), dtype=np.float32), settings).shape[1]
        if (index.ntotal, index.d) != (shape[0], width):
            raise InputError(
                f"holds {index.ntotal} vectors of {index.d} numbers, not {shape[0]} of {shape[1]}", path=path
            )
        return cls(index, settings)


def _fitting(vectors: NDArray[np.float32], settings: FaissSettings) -> NDArray[np.float32]:
    """Return vectors as FAISS takes them: for lists with zeros at the end, so that every byte stands for as much."""
    missing = -vectors.shape[1] % CODE_BYTES if settings.kind == LISTS else 0
    return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors, dtype=np.float32)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
