"""The joint vector: the dense one beside the TF-IDF row on few axes, so that one inner product is nearly the score."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from biosyn.retrieval.vectors import SparseRows, Vectors


def fit_projection(rows: sparse.csr_matrix, *, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Return the axes on which TF-IDF rows differ most, (V, D): a truncated singular value decomposition.

    It keeps the inner products of rows better than a sparse random projection of as many dimensions: docs/scale.md.

    Parameters
    ----------
    rows
        A sample of the dictionary's, (n, V).
    dimensions
        D; where V is not larger, the rows are kept as they are.

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


class JointVectors:
    """Makes joint vectors of mentions and names: their inner product is near ``dense . dense + w * sparse . sparse``.

    Parameters
    ----------
    projection
        (V, D).
    sparse_weight
        w; its root goes into both sides, its sign into the mentions'. With 0 the dense half stands alone.

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
