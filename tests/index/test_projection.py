import numpy as np
import pytest
import torch
from scipy import sparse

from biosyn.encoders.sparse import SparseEncoder
from biosyn.index.approximate import JointVectors, fit_projection
from biosyn.retrieval.vectors import SparseRows, Vectors

NAMES = [f"ataxia {number} of type {number % 9}" for number in range(200)]
ROWS = SparseEncoder().fit(NAMES).transform(NAMES)
DENSE = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
TEXTS = Vectors(torch.from_numpy(DENSE), SparseRows.from_scipy(ROWS))


@pytest.mark.parametrize("weight", [3.0, 0.0, -2.0])
def test_with_every_axis_the_inner_product_is_the_score(weight):
    joint = JointVectors(np.eye(ROWS.shape[1], dtype=np.float32), weight)
    found = joint.of_mentions(TEXTS.slice(0, 5)) @ joint.of_names(TEXTS).T
    assert np.allclose(found, DENSE[:5] @ DENSE.T + weight * (ROWS[:5] @ ROWS.T).toarray(), atol=1e-4)
    assert joint.of_names(TEXTS).shape == (200, 8 + (ROWS.shape[1] if weight else 0))


def test_more_axes_keep_more():
    exact = (ROWS @ ROWS.T).toarray()
    errors = []
    for dimensions in (2, 8, 24):
        projected = ROWS @ fit_projection(ROWS, dimensions=dimensions, seed=0)
        assert projected.shape == (200, dimensions)
        errors.append(np.abs(projected @ projected.T - exact).mean())
    assert errors[0] > errors[1] > errors[2]


def test_the_seed_decides():
    one, two = (fit_projection(ROWS, dimensions=8, seed=3) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.dtype == np.float32


def test_few_rows_are_kept_as_they_are():
    assert np.array_equal(fit_projection(sparse.csr_matrix((2, 5)), dimensions=3, seed=0), np.eye(5))
