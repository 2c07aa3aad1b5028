import numpy as np
import pytest
import torch
from scipy import sparse

from biosyn.retrieval.vectors import SparseRows, Vectors

MATRIX = np.array([[0, 1, 0], [0, 0, 0], [2, 0, 3], [0, 0, 4]], dtype=np.float32)  # (N, V) with an empty row


@pytest.fixture
def rows():
    return SparseRows.from_scipy(sparse.csr_matrix(MATRIX))


def test_the_matrix_is_the_one_that_was_copied(rows):
    assert rows.count == 4
    assert np.array_equal(rows.matrix().to_dense().numpy(), MATRIX)


def test_float64_is_rounded_to_float32():
    assert SparseRows.from_scipy(sparse.csr_matrix(MATRIX.astype(np.float64))).values.dtype == torch.float32


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (0, 1), (1, 2), (1, 3), (2, 4), (2, 2)])
def test_a_slice_is_those_rows(rows, start, stop):
    assert np.array_equal(rows.slice(start, stop).matrix().to_dense().numpy(), MATRIX[start:stop])


def test_a_slice_of_a_slice_is_right_too(rows):
    assert np.array_equal(rows.slice(1, 4).slice(1, 3).matrix().to_dense().numpy(), MATRIX[2:4])


def test_vectors_are_counted_by_either_half(rows):
    assert Vectors(torch.zeros(4, 2), None).count == 4
    assert Vectors(None, rows).count == 4
    assert Vectors(torch.zeros(4, 2), rows).count == 4
    assert Vectors(None, None).count == 0


def test_a_slice_of_vectors_cuts_both_halves_and_may_reach_past_the_end(rows):
    dense = torch.arange(8.0).view(4, 2)
    part = Vectors(dense, rows).slice(3, 100)
    assert part.count == 1
    assert torch.equal(part.dense, dense[3:])
    assert np.array_equal(part.sparse.matrix().to_dense().numpy(), MATRIX[3:])


@pytest.mark.parametrize("taken", [[], [2], [3, 0], [1, 2, 2, 1, 0]])
def test_rows_taken_are_those_rows_in_that_order(rows, taken):
    found = rows.take(torch.tensor(taken, dtype=torch.int64))
    assert np.array_equal(found.matrix().to_dense().numpy(), MATRIX[taken])


def test_vectors_taken_are_taken_from_both_halves(rows):
    dense = torch.arange(8.0).view(4, 2)
    part = Vectors(dense, rows).take(torch.tensor([3, 0]))
    assert torch.equal(part.dense, dense[[3, 0]])
    assert np.array_equal(part.sparse.matrix().to_dense().numpy(), MATRIX[[3, 0]])


def test_vectors_know_their_device_by_either_half(rows):
    for vectors in (Vectors(torch.zeros(4, 2), None), Vectors(None, rows), Vectors(None, None)):
        assert vectors.device == torch.device("cpu")
