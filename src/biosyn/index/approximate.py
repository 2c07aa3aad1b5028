"""The approximate search: names that an inner product of joint vectors finds, scored exactly, and the best of these."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from biosyn.errors import InputError
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.faiss_index import GRAPH, LISTS, FaissIndex, FaissSettings, require_faiss
from biosyn.index.header import (
    ForeignIndexError,
    Header,
    OtherVersionError,
    ann_folders,
    foreign_if_forbidden,
    read_header,
)
from biosyn.index.key import AnnKey
from biosyn.retrieval.score_parts import score_parts
from biosyn.retrieval.search import TopNames, best_of
from biosyn.retrieval.vectors import NameVectors, SparseRows, Vectors

DEEPEST = 1_000  # a search for more names of a mention is exact
FAISS_FILE, PROJECTION = "names.faiss", "projection.npy"  # (N, H + D) in FAISS's own format, and (V, D) float32
FILES = (FAISS_FILE, PROJECTION)
MANY_NAMES = 1_000_000  # with more, a search keeps twice as many names of the graph in sight
GRAPH_NAMES = 4_000_000  # with more, lists: a tenth of the memory
Search = Callable[[Vectors, int], TopNames]  # mentions and K -> their K best names


class JointVectors:
    """Makes joint vectors of mentions and names: their inner product is near ``dense . dense + w * sparse . sparse``.

    Parameters
    ----------
    projection
        (V, D).
    sparse_weight
        w; its root is a factor of both sides, its sign of the mentions. With 0 there is only the dense half.

    Examples
    --------
    >>> joint = JointVectors(np.eye(2, dtype=np.float32), -4.0)
    >>> text = Vectors(torch.tensor([[3.0]]), SparseRows.from_scipy(sparse.csr_matrix([[0.0, 1.0]])))
    >>> joint.of_mentions(text).tolist(), joint.of_names(text).tolist()
    ([[3.0, -0.0, -2.0]], [[3.0, 0.0, 2.0]])
    """

    def __init__(self, projection: NDArray[np.float32], sparse_weight: float):
        self._projection = torch.from_numpy(projection)
        self._weight = sparse_weight

    def of_names(self, names: Vectors) -> NDArray[np.float32]:
        """Return the joint vectors of names, (N, H + D)."""
        return self._joint(names, abs(self._weight) ** 0.5)

    def of_mentions(self, mentions: Vectors) -> NDArray[np.float32]:
        """Return the joint vectors of mentions, (M, H + D)."""
        return self._joint(mentions, float(np.copysign(abs(self._weight) ** 0.5, self._weight)))

    def _joint(self, texts: Vectors, root: float) -> NDArray[np.float32]:
        assert texts.dense is not None
        dense = texts.dense.float().cpu()
        if not root:
            return np.ascontiguousarray(dense.numpy())
        assert texts.sparse is not None
        return torch.cat([dense, root * self._projected(texts.sparse)], dim=1).numpy()

    def _projected(self, rows: SparseRows) -> Tensor:
        offsets, columns, values = (part.cpu() for part in (rows.offsets, rows.columns, rows.values))
        return SparseRows(offsets, columns, values, rows.n_columns).matrix() @ self._projection  # (n, D)


class ApproximateSearch:
    """Finds the best names of a mention without scoring every name of the dictionary.

    Parameters
    ----------
    faiss, joint
        What finds names, and makes the vectors that it takes.
    names
        The dictionary's vectors, with both halves.
    key
        The key of the approximate index.
    exact
        The search for mentions that the approximate one finds too few names for.
    measured
        Its recall, as it was measured when it was built.
    """

    def __init__(
        self,
        faiss: FaissIndex,
        joint: JointVectors,
        names: NameVectors,
        key: AnnKey,
        exact: Search,
        *,
        measured: Mapping[str, float] | None = None,
    ):
        self._faiss = faiss
        self._joint = joint
        self._names = names
        self._exact = exact
        self.key = key
        self.measured = dict(measured or {})

    def search(self, mentions: Vectors, topk: int) -> TopNames:
        """Return the ``topk`` best names among those found, best first, ties by row; scores are exact."""
        depth = min(max(self.key.candidates, 2 * topk), self._names.count)
        if topk > DEEPEST or mentions.count == 0:
            return self._exact(mentions, topk)
        rows = torch.from_numpy(self._faiss.search(self._joint.of_mentions(mentions), depth)).to(self._names.device)
        parts = score_parts(mentions, self._names, rows.clamp(min=0), sparse_weight=self.key.sparse_weight)
        scores = (parts.dense + parts.sparse).masked_fill(rows < 0, -torch.inf)  # (M, depth)
        found = best_of(rows, scores, topk)
        few = ((rows >= 0).sum(dim=1) < topk).nonzero().squeeze(1)
        if len(few):
            found.rows[few], found.scores[few] = self._exact(mentions.take(few), topk)
        return found


class DamagedAnnError(InputError):
    """There was an approximate index, and it has to be built again."""


def open_ann(index: DictionaryIndex, names: NameVectors, *, sparse_weight: float, exact: Search) -> ApproximateSearch:
    """Open the approximate index that belongs to a dictionary index and to w.

    Raises
    ------
    DamagedAnnError
        If it, or one that may be it, is damaged.
    InputError
        If there is none, if it must not be read, or if FAISS is not installed.
    """
    require_faiss()
    problem = InputError(
        "there is no approximate index of this model and dictionary: make one by biosyn index build --ann",
        path=index.folder,
    )
    for folder in [] if index.folder is None else ann_folders(index.folder):
        try:
            with foreign_if_forbidden():
                header = read_header(folder, AnnKey)
                if (header.key.index, header.key.sparse_weight) == (index.key.folder_name(), sparse_weight):
                    return load_ann(folder, header, names, exact=exact)
        except (OtherVersionError, ForeignIndexError) as error:
            problem = error  # raised if no other fits
        except InputError as error:
            problem = DamagedAnnError(str(error))
    raise problem


def load_ann(folder: Path, header: Header[AnnKey], names: NameVectors, *, exact: Search) -> ApproximateSearch:
    """Read the files of an approximate index, which are compared with their checksums first."""
    before = _stamps(folder)
    header.verify(folder, FILES)  # FAISS's reader trusts its file
    shape = header.counts["names"], header.counts["width"]
    faiss = FaissIndex.load(folder / FAISS_FILE, header.key.faiss, shape=shape)
    try:
        projection = np.asarray(np.load(folder / PROJECTION, allow_pickle=False), dtype=np.float32)  # (V, D)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot be read: {error}", path=folder / PROJECTION) from error
    if _stamps(folder) != before:
        raise InputError("has changed while it was read", path=folder)
    joint = JointVectors(projection, header.key.sparse_weight)
    return ApproximateSearch(faiss, joint, names, header.key, exact, measured=header.measured)


def _stamps(folder: Path) -> list[tuple[int, int, int, int]]:
    """Return what changes when one of the files is written to or replaced."""
    try:
        found = [(folder / name).stat() for name in FILES]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=error.filename) from error
    return [(one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found]


def fit_projection(rows: sparse.csr_matrix, *, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Return the axes on which TF-IDF rows differ most, (V, D): a truncated singular value decomposition.

    It keeps the inner products of rows better than a sparse random projection of as many dimensions: docs/scale.md.

    Parameters
    ----------
    rows
        A sample of the dictionary's TF-IDF rows, (n, V).
    dimensions
        D; if V is not larger, the rows are kept as they are.

    Examples
    --------
    >>> fit_projection(sparse.csr_matrix(np.eye(3)), dimensions=4, seed=0).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    n_columns = rows.shape[1]
    if dimensions >= min(n_columns, rows.shape[0]):
        return np.eye(n_columns, dtype=np.float32)
    from sklearn.decomposition import TruncatedSVD  # here: only building waits for it

    found = TruncatedSVD(dimensions, random_state=seed).fit(rows)
    return np.ascontiguousarray(found.components_.T, dtype=np.float32)


def faiss_settings(n_names: int) -> FaissSettings:
    """Return the settings for a dictionary of so many names; docs/scale.md has the measurements.

    Examples
    --------
    >>> faiss_settings(70_000).kind, faiss_settings(10_000_000)
    ('hnsw', FaissSettings(kind='ivf', size=12649, build_effort=10, effort=256))
    """
    if n_names <= GRAPH_NAMES:
        return FaissSettings(GRAPH, size=32, build_effort=80, effort=400 if n_names <= MANY_NAMES else 800)
    return FaissSettings(LISTS, size=int(4 * n_names**0.5), build_effort=10, effort=256)
