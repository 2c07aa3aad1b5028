"""FAISS finds vectors of a large inner product without computing all products; only this module imports it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError, missing_extra

GRAPH, LISTS = "hnsw", "ivf"
CODE_BYTES = 64  # bytes of a vector in a list (product quantization)
SAMPLE = 100_000  # the codes and the centres of the lists are learned from so many vectors, at least


@dataclass(frozen=True)
class FaissSettings:
    """How the vectors are held and searched.

    Parameters
    ----------
    kind
        ``hnsw``, a graph of neighbours, or ``ivf``, lists of the vectors around some centres.
    size
        The links of a name in the graph, or the number of lists.
    build_effort
        The neighbours that are compared to place a name in the graph, or the rounds of k-means for the lists.
    effort
        The names of the graph that a search keeps in sight (efSearch), or the lists that it reads (nprobe).
    """

    kind: str
    size: int
    build_effort: int
    effort: int


def require_faiss() -> Any:
    """Return the module, set to as many threads as torch uses; an InputError if it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise missing_extra("faiss-cpu", "ann") from error
    import torch

    faiss.omp_set_num_threads(torch.get_num_threads())
    return faiss


class FaissIndex:
    """N vectors, and the graph (a byte a number) or lists (64 bytes a vector) that find those of a large product."""

    def __init__(self, index: Any, settings: FaissSettings):
        self._index = index
        self.settings = settings

    @classmethod
    def train(cls, settings: FaissSettings, sample: NDArray[np.float32], *, seed: int) -> "FaissIndex":
        """Make an empty index; its codes and centres are learned from the sample, (n, D)."""
        faiss, sample = require_faiss(), _fitting(sample, settings)
        dimensions = sample.shape[1]
        code, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        if settings.kind == GRAPH:
            index = faiss.IndexHNSWSQ(dimensions, code, settings.size, metric)
            index.hnsw.efConstruction = settings.build_effort
        else:
            centres = faiss.IndexFlatIP(dimensions)
            index = faiss.IndexIVFPQ(centres, dimensions, settings.size, CODE_BYTES, 8, metric)
            index.cp.niter, index.cp.seed, index.pq.cp.seed = settings.build_effort, seed, seed
            index.cp.min_points_per_centroid = 1  # no warning that small dictionaries have few names a list
            centres.this.disown()  # the index of lists owns it from here on
            index.own_fields = True
        index.train(sample)
        return cls(index, settings)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add the next vectors, (n, D)."""
        self._index.add(_fitting(vectors, self.settings))

    def search(self, queries: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Return the ``count`` nearest rows of each of M queries (M, D): (M, count), -1 where fewer were found."""
        require_faiss()  # sets the number of threads, which is 1 after a fork
        effort = max(self.settings.effort, count) if self.settings.kind == GRAPH else self.settings.effort
        if self.settings.kind == GRAPH:
            self._index.hnsw.efSearch = effort
        else:
            self._index.nprobe = effort
        _, rows = self._index.search(_fitting(queries, self.settings), count)
        return np.asarray(rows, dtype=np.int64)

    def save(self, path: Path) -> None:
        """Write it to a file; an OSError if there is no room."""
        try:
            require_faiss().write_index(self._index, str(path))
        except RuntimeError as error:  # FAISS has no other kind
            raise OSError(f"FAISS cannot write it: {_first_line(error)}") from error

    @classmethod
    def load(cls, path: Path, settings: FaissSettings, *, shape: tuple[int, int]) -> "FaissIndex":
        """Read what `save` wrote; an InputError if it does not hold N vectors of D numbers.

        FAISS's reader trusts its file: compare its checksums first.
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
    """Return vectors as FAISS takes them: for lists with zeros at the end, to a multiple of the code bytes."""
    missing = -vectors.shape[1] % CODE_BYTES if settings.kind == LISTS else 0
    return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors, dtype=np.float32)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
