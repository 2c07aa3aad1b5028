import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from biosyn.retrieval.score_parts import score_parts
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import SparseRows, Vectors


def vectors(generator, count, mode="hybrid"):
    """Random texts, H = 5 and V = 7; half of the n-gram weights are 0, and a whole row can be."""
    dense = generator.normal(size=(count, 5))
    tfidf = generator.random((count, 7)) * generator.integers(0, 2, size=(count, 7))
    return Vectors(
        None if mode == "sparse" else torch.tensor(dense, dtype=torch.float32),
        None if mode == "dense" else SparseRows.from_scipy(sparse.csr_matrix(tfidf)),
    )


def products(mentions, names):
    """All M x N inner products of both vectors in float64."""
    dense = mentions.dense.double() @ names.dense.double().T
    tfidf = mentions.sparse.matrix().to_dense().double() @ names.sparse.matrix().to_dense().double().T
    return dense.numpy(), tfidf.numpy()


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 30), st.data())
def test_the_parts_are_those_of_the_full_products_and_add_up_to_the_score(seed, n_mentions, n_names, data):
    generator = np.random.default_rng(seed)
    mentions, names = vectors(generator, n_mentions), vectors(generator, n_names)
    weight = data.draw(st.sampled_from([0.0, 0.5, 3.0, -1.5]))
    found = top_names(mentions, names, topk=data.draw(st.integers(1, n_names)), sparse_weight=weight)
    dense, tfidf = (np.take_along_axis(part, found.rows.numpy(), 1) for part in products(mentions, names))
    got = score_parts(mentions, names, found.rows, sparse_weight=weight)
    np.testing.assert_allclose(got.dense, dense, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got.sparse, weight * tfidf, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.dense + got.sparse, found.scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_a_half_that_is_not_searched_gives_nothing(mode):
    generator = np.random.default_rng(0)
    mentions, names = vectors(generator, 3, mode), vectors(generator, 9, mode)
    found = top_names(mentions, names, topk=4)
    got = score_parts(mentions, names, found.rows)
    other = got.sparse if mode == "dense" else got.dense
    assert torch.equal(other, torch.zeros(3, 4))
    torch.testing.assert_close(getattr(got, mode), found.scores)


def test_names_kept_in_float16_are_scored_in_float32():
    generator = np.random.default_rng(0)
    mentions, names = vectors(generator, 3), vectors(generator, 9)
    stored = Vectors(names.dense.half(), names.sparse)
    found = top_names(mentions, stored, topk=4, sparse_weight=2.0)
    got = score_parts(mentions, stored, found.rows, sparse_weight=2.0)
    torch.testing.assert_close(got.dense + got.sparse, found.scores)


def test_blocks_of_mentions_change_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    mentions, names = vectors(generator, 5), vectors(generator, 9)
    rows = torch.from_numpy(generator.integers(0, 9, size=(5, 3)))
    whole = score_parts(mentions, names, rows)
    two_mentions = 2 * (1 + 3 * 5 + 7)  # of K * H + V numbers each
    monkeypatch.setattr("biosyn.retrieval.score_parts.MAX_NUMBERS", two_mentions)
    blocks = score_parts(mentions, names, rows)
    torch.testing.assert_close(blocks.dense, whole.dense)
    torch.testing.assert_close(blocks.sparse, whole.sparse)


def test_no_mentions_have_no_parts():
    generator = np.random.default_rng(0)
    got = score_parts(vectors(generator, 0), vectors(generator, 9), torch.empty(0, 3, dtype=torch.int64))
    assert (got.dense.shape, got.sparse.shape) == ((0, 3), (0, 3))


def test_the_dictionarys_ngrams_are_never_made_dense(monkeypatch):
    generator = np.random.default_rng(0)
    mentions, names = vectors(generator, 2), vectors(generator, 50)
    made = []
    matrix = SparseRows.matrix
    monkeypatch.setattr(SparseRows, "matrix", lambda rows: (made.append(rows.count), matrix(rows))[1])
    score_parts(mentions, names, torch.zeros(2, 3, dtype=torch.int64))
    assert made == [2]  # the mentions
