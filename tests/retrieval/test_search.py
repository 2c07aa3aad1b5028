import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from biosyn.retrieval.search import BYTES_A_SCORE, Blocks, block_sizes, top_names
from biosyn.retrieval.vectors import SparseRows, Vectors

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
MODES = ["hybrid", "dense", "sparse"]
WEIGHT = 0.5  # exact in float32, as are the integers: every score below is exact, and so is every tie


def naive(mentions, names, mode, topk):
    """The whole (M, N) matrix in float64 and a stable sort: ties by row."""
    dense = mentions[0] @ names[0].T
    tfidf = mentions[1] @ names[1].T
    scores = {"hybrid": dense + WEIGHT * tfidf, "dense": dense, "sparse": tfidf}[mode]  # (M, N)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :topk]
    return rows, np.take_along_axis(scores, rows, axis=1)


def vectors(halves, mode, device="cpu"):
    dense, tfidf = halves
    return Vectors(
        None if mode == "sparse" else torch.tensor(dense, dtype=torch.float32, device=device),
        None if mode == "dense" else SparseRows.from_scipy(sparse.csr_matrix(tfidf), device),
    )


def search(mentions, names, mode, topk, device="cpu", blocks=None):
    weight = WEIGHT if mode == "hybrid" else 1.0
    found = top_names(
        vectors(mentions, mode, device), vectors(names, mode, device), topk=topk, sparse_weight=weight, blocks=blocks
    )
    return found.rows.cpu().numpy(), found.scores.cpu().numpy()


def assert_equal(found, expected):
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


def integers(generator, n_rows, n_columns, low, high):
    return generator.integers(low, high, size=(n_rows, n_columns)).astype(np.float64)


@pytest.fixture(scope="module")
def halves():
    """9 mentions and 101 names of few distinct integer vectors, each of which comes many times: ties everywhere."""
    generator = np.random.default_rng(0)
    mentions = integers(generator, 9, 4, -1, 3), integers(generator, 9, 6, 0, 2)
    copies = generator.integers(0, 12, size=101)
    names = integers(generator, 12, 4, -1, 3)[copies], integers(generator, 12, 6, 0, 2)[copies]
    return mentions, names


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("mode", "topk"),
    [("hybrid", 1), ("hybrid", 20), ("hybrid", 101), ("dense", 2), ("dense", 100), ("sparse", 7), ("sparse", 101)],
)
def test_it_equals_the_whole_matrix_with_ties_by_row(halves, mode, topk, device):
    assert_equal(search(*halves, mode, topk, device), naive(*halves, mode, topk))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("mode", "name_block", "mention_block"),
    [
        ("hybrid", 1, 1),
        ("hybrid", 7, 2),
        ("hybrid", 100, 4),
        ("dense", 2, 100),
        ("dense", 101, 3),
        ("sparse", 50, 9),
        ("sparse", 1, 4),
    ],
)
def test_the_block_sizes_do_not_matter(halves, mode, name_block, mention_block, device):
    found = search(*halves, mode, 10, device, blocks=Blocks(mention_block, name_block))
    assert_equal(found, naive(*halves, mode, 10))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name_block", [3, 1000])
def test_where_all_names_tie_the_first_rows_are_kept(name_block, device):
    names = Vectors(torch.ones(500, 3, device=device), None)
    mentions = Vectors(torch.ones(2, 3, device=device), None)
    found = top_names(mentions, names, topk=5, blocks=Blocks(1024, name_block))
    assert found.rows.tolist() == [[0, 1, 2, 3, 4]] * 2
    assert found.scores.tolist() == [[3.0] * 5] * 2


def test_ties_at_the_cut_are_cut_by_row():
    # scores 1 0 2 1 1 0: the two best are row 2 and, of the rows 0, 3 and 4 that tie, row 0
    names = Vectors(torch.tensor([[1.0], [0.0], [2.0], [1.0], [1.0], [0.0]]), None)
    found = top_names(Vectors(torch.tensor([[1.0]]), None), names, topk=2)
    assert found.rows.tolist() == [[2, 0]]


def test_the_weight_is_of_the_sparse_half():
    # name 0: dense 2, sparse 0; name 1: dense 1, sparse 1. 2 + w*0 against 1 + w*1: equal at w = 1
    names = Vectors(torch.tensor([[2.0], [1.0]]), SparseRows.from_scipy(sparse.csr_matrix([[0.0], [1.0]])))
    mention = Vectors(torch.tensor([[1.0]]), SparseRows.from_scipy(sparse.csr_matrix([[1.0]])))
    first = {w: top_names(mention, names, topk=1, sparse_weight=w).rows.item() for w in (0.0, 0.5, 1.0, 1.5, -5.0)}
    assert first == {0.0: 0, 0.5: 0, 1.0: 0, 1.5: 1, -5.0: 0}


def test_a_mention_without_any_ngram_still_gets_names():
    names = Vectors(None, SparseRows.from_scipy(sparse.csr_matrix(np.eye(3))))
    found = top_names(Vectors(None, SparseRows.from_scipy(sparse.csr_matrix((1, 3)))), names, topk=2)
    assert found.rows.tolist() == [[0, 1]]
    assert found.scores.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("megabytes", "n_ngrams", "hidden"),
    [(1, 1122, 384), (1, 50_000, 768), (8, 0, 768), (50, 1122, 0), (200, 1122, 384), (5000, 50_000, 768)],
)
def test_a_block_takes_no_more_than_the_memory_given(megabytes, n_ngrams, hidden):
    tfidf = SparseRows.from_scipy(sparse.csr_matrix((1, n_ngrams))) if n_ngrams else None
    names = Vectors(torch.zeros(1, hidden) if hidden else None, tfidf)
    blocks = block_sizes(megabytes, names)
    used = blocks.mentions * 4 * n_ngrams + blocks.names * (BYTES_A_SCORE * blocks.mentions + 4 * hidden)
    assert used <= megabytes * 10**6


def test_without_any_memory_there_still_is_a_block():
    assert block_sizes(0, Vectors(torch.zeros(1, 384), None)) == Blocks(1, 1)


def test_vectors_of_a_dictionary_may_be_float16():
    # 1/4 and 3 are exact in float16, 0.1 is not: its neighbour 0.0999755859375 is what is scored, in float32
    names = Vectors(torch.tensor([[0.25], [0.1], [3.0]], dtype=torch.float16), None)
    found = top_names(Vectors(torch.tensor([[1.0]]), None), names, topk=3)
    assert found.rows.tolist() == [[2, 0, 1]]
    assert found.scores.tolist() == [[3.0, 0.25, 0.0999755859375]]


@pytest.mark.parametrize("topk", [0, -1, 4])
def test_a_topk_that_cannot_be_is_refused(topk):
    names = Vectors(torch.ones(3, 2), None)
    with pytest.raises(ValueError, match="topk"):
        top_names(Vectors(torch.ones(1, 2), None), names, topk=topk)


@pytest.mark.parametrize("mode", MODES)
def test_random_vectors_give_the_same_names_and_scores_to_float_precision(mode):
    generator = np.random.default_rng(1)
    mentions = generator.normal(size=(5, 16)), np.abs(generator.normal(size=(5, 30)))
    names = generator.normal(size=(200, 16)), np.abs(generator.normal(size=(200, 30)))
    rows, scores = search(mentions, names, mode, 20, blocks=Blocks(2, 64))
    expected_rows, expected_scores = naive(mentions, names, mode, 20)
    assert np.array_equal(rows, expected_rows)  # at this seed no two scores are near each other
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)


@st.composite
def problems(draw):
    """Integer vectors out of a small range, so that most problems are full of ties."""
    n_mentions, n_names = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    hidden, n_grams = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.integers(1, 3))
    texts = [
        (integers(generator, count, hidden, -spread, spread + 1), integers(generator, count, n_grams, 0, spread + 1))
        for count in (n_mentions, n_names)
    ]
    blocks = Blocks(draw(st.integers(1, 5)), draw(st.integers(1, 13)))
    return texts[0], texts[1], draw(st.sampled_from(MODES)), draw(st.integers(1, n_names)), blocks


@settings(max_examples=150)
@given(problems())
def test_any_small_problem_equals_the_whole_matrix(problem):
    mentions, names, mode, topk, blocks = problem
    assert_equal(search(mentions, names, mode, topk, blocks=blocks), naive(mentions, names, mode, topk))
