import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from biosyn.concept_ids import covers_all
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.training.candidates import (
    CandidateDataset,
    CandidateRetriever,
    label_candidates,
    mix_candidates,
    pair_scores,
)

MENTIONS = ["ataxia", "cancer of breast", "anemia"]
NAMES = ["ataxia", "ataxia syndrome", "breast cancer", "cancer", "ovarian cancer disease", "anemia tic"]
CANDIDATES = np.array([[0, 1, 5], [2, 3, 4], [5, 0, 1]])
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]], dtype=np.float32)


def naive_mix(from_sparse, from_dense, topk, dense_ratio):
    """Upstream's rule, written out."""
    chosen = list(from_sparse[: topk - int(topk * dense_ratio)])
    for row in from_dense:
        if len(chosen) < topk and row not in chosen:
            chosen.append(row)
    return chosen


def test_the_dense_half_fills_up_without_repeats():
    # 4 of 4 * 0.5: two sparse ones, 5 and 6; then of the dense ones 6 is there, 1 is new, 5 is there, 2 is new
    mixed = mix_candidates(np.array([[5, 6, 7, 8]]), np.array([[6, 1, 5, 2]]), topk=4, dense_ratio=0.5)
    assert mixed.tolist() == [[5, 6, 1, 2]]


def test_the_sparse_half_is_the_larger_one_of_an_odd_number():
    # int(5 * 0.5) = 2 dense ones, so 3 sparse ones
    mixed = mix_candidates(np.array([[0, 1, 2, 3, 4]]), np.array([[9, 8, 7, 6, 5]]), topk=5, dense_ratio=0.5)
    assert mixed.tolist() == [[0, 1, 2, 9, 8]]


@pytest.mark.parametrize(("dense_ratio", "expected"), [(0.0, [0, 1, 2]), (1.0, [9, 0, 8])])
def test_one_score_may_give_them_all(dense_ratio, expected):
    mixed = mix_candidates(np.array([[0, 1, 2]]), np.array([[9, 0, 8]]), topk=3, dense_ratio=dense_ratio)
    assert mixed.tolist() == [expected]


@given(st.data())
def test_mixing_equals_the_rule_written_out(data):
    n_names = data.draw(st.integers(1, 12))
    topk = data.draw(st.integers(1, n_names))
    dense_ratio = data.draw(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]))
    orders = st.permutations(range(n_names)).map(lambda order: order[:topk])
    from_sparse, from_dense = data.draw(st.tuples(orders, orders))
    mixed = mix_candidates(np.array([from_sparse]), np.array([from_dense]), topk=topk, dense_ratio=dense_ratio)
    assert mixed.tolist() == [naive_mix(from_sparse, from_dense, topk, dense_ratio)]


def test_labels_compare_sets_of_ids():
    name_cuis = ["D001260|208900", "D00126", "D1|D2", "D2"]
    labels = label_candidates(["D00126", "D001260", "D1|D2", "-1"], name_cuis, np.tile(np.arange(4), (4, 1)))
    assert labels.tolist() == [
        [0, 1, 0, 0],  # D00126 is not D001260, though it is a part of its letters
        [1, 0, 0, 0],
        [0, 0, 1, 0],  # all ids of the query, not any
        [0, 0, 0, 0],
    ]


def test_labels_follow_the_candidates_rows():
    assert label_candidates(["D1"], ["D0", "D1", "D2"], np.array([[2, 1]])).tolist() == [[0, 1]]


def test_pair_scores_equal_the_dense_product():
    generator = np.random.default_rng(0)
    mentions = sparse.random(7, 30, density=0.3, random_state=generator, format="csr", dtype=np.float32)
    names = sparse.random(20, 30, density=0.3, random_state=generator, format="csr", dtype=np.float32)
    candidates = generator.integers(0, 20, size=(7, 5))
    whole = mentions.toarray().astype(np.float64) @ names.toarray().astype(np.float64).T  # (M, N)
    found = pair_scores(mentions, names, candidates)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.take_along_axis(whole, candidates, axis=1), rtol=1e-5, atol=1e-7)


def test_the_positive_share_counts_mentions():
    # the first two have a positive, the third has none
    dataset = CandidateDataset(None, candidates=CANDIDATES, sparse_scores=LABELS, labels=LABELS)
    assert len(dataset) == 3
    assert dataset.positive_share == pytest.approx(2 / 3)


@pytest.fixture
def dataset(tiny_dense):
    sparse_scores = np.arange(9, dtype=np.float32).reshape(3, 3)
    tokens = tiny_dense.tokenize(MENTIONS).followed_by(tiny_dense.tokenize(NAMES))
    return CandidateDataset(tokens, candidates=CANDIDATES, sparse_scores=sparse_scores, labels=LABELS, length_groups=3)


def texts_of(batch, tokenizer):
    """The T texts of a batch in their order, padding dropped."""
    return [
        tokenizer.decode([token for token in row.tolist() if token != tokenizer.pad_token_id])
        for group in batch.groups
        for row in group.input_ids
    ]


def decoded(tokenizer, text):
    return tokenizer.decode(tokenizer(text)["input_ids"])


@pytest.mark.parametrize("mentions", [[0, 1], [1, 0], [1], [0, 1, 0]])
def test_rows_of_a_batch_lead_to_the_mentions_and_their_candidates(dataset, tiny_dense, mentions):
    batch = dataset.batch(np.array(mentions))
    texts = texts_of(batch, tiny_dense.tokenizer)
    assert [texts[row] for row in batch.mention_rows] == [decoded(tiny_dense.tokenizer, MENTIONS[m]) for m in mentions]
    assert [[texts[column] for column in row] for row in batch.candidate_rows] == [
        [decoded(tiny_dense.tokenizer, NAMES[name]) for name in CANDIDATES[m]] for m in mentions
    ]
    assert batch.target.tolist() == LABELS[mentions].tolist()
    assert batch.sparse_score.tolist() == dataset.sparse_scores[mentions].tolist()


def test_each_distinct_name_stands_once_and_mentions_apart_from_names(dataset):
    batch = dataset.batch(np.array([0, 1]))
    # 2 mentions and the names 0, 1, 5, 2, 3, 4; "ataxia" is mention and name and stands twice
    assert sum(len(group.input_ids) for group in batch.groups) == 8
    assert batch.mention_rows[0] != batch.candidate_rows[0, 0]


def test_a_mention_without_a_positive_is_not_encoded(dataset):
    batch = dataset.batch(np.array([2, 1]))
    assert batch.target.tolist() == [[1, 1, 0]]
    assert batch.mention_rows.shape == (1,)


def test_a_batch_without_any_positive_is_kept_whole(dataset):
    batch = dataset.batch(np.array([2]))
    assert batch.candidate_rows.shape == (1, 3)
    assert batch.target.sum() == 0


def test_groups_are_of_like_length(dataset):
    batch = dataset.batch(np.array([0, 1]))
    widths = [group.input_ids.shape[1] for group in batch.groups]
    assert widths == sorted(widths)
    assert len(batch.groups) == 3


def test_rows_are_tensors_that_index(dataset):
    batch = dataset.batch(np.array([0]))
    assert batch.mention_rows.dtype == batch.candidate_rows.dtype == torch.int64
    assert batch.target.dtype == batch.sparse_score.dtype == torch.float32


# -- the retrieval

TOPK = 6


@pytest.fixture
def corpus(tiny_dictionary, tiny_queries):
    return QueryDataset(tiny_queries, True, True, True).queries, DictionaryDataset(tiny_dictionary)


@pytest.fixture
def retriever_of(corpus, tiny_dense):
    queries, dictionary = corpus

    def make(dense_ratio):
        return CandidateRetriever(
            queries,
            dictionary,
            SparseEncoder().fit(dictionary.names),
            mention_tokens=tiny_dense.tokenize([query.mention for query in queries]),
            name_tokens=tiny_dense.tokenize(dictionary.names),
            topk=TOPK,
            dense_ratio=dense_ratio,
            device=torch.device("cpu"),
        )

    return make


@pytest.fixture
def dense_vectors(corpus, tiny_dense):
    queries, dictionary = corpus
    return tiny_dense.encode([query.mention for query in queries]), tiny_dense.encode(dictionary.names)


def naive_candidates(queries, dictionary, mentions, names, dense_ratio):
    encoder = SparseEncoder().fit(dictionary.names)
    by_sparse = np.argsort(-(encoder([q.mention for q in queries]) @ encoder(dictionary.names).T), 1, kind="stable")
    by_dense = np.argsort(-(mentions @ names.T).numpy(), axis=1, kind="stable")
    rows = zip(by_sparse.tolist(), by_dense.tolist(), strict=True)
    return [naive_mix(from_sparse, from_dense, TOPK, dense_ratio) for from_sparse, from_dense in rows]


@pytest.mark.parametrize("dense_ratio", [0.0, 0.5, 1.0])
def test_retrieved_candidates_equal_the_naive_ones(retriever_of, corpus, dense_vectors, dense_ratio):
    found = retriever_of(dense_ratio).retrieve(*dense_vectors)
    assert found.candidates.tolist() == naive_candidates(*corpus, *dense_vectors, dense_ratio)


def test_labels_and_sparse_scores_belong_to_the_candidates(retriever_of, corpus, dense_vectors):
    queries, dictionary = corpus
    found = retriever_of(0.5).retrieve(*dense_vectors)
    encoder = SparseEncoder().fit(dictionary.names)
    for row, query in enumerate(queries):
        names = [dictionary[column] for column in found.candidates[row]]
        assert found.labels[row].tolist() == [covers_all(query.cui, name.cui) for name in names]
        expected = encoder([query.mention]) @ encoder([name.name for name in names]).T  # (1, K)
        np.testing.assert_allclose(found.sparse_scores[row], expected[0], rtol=1e-5, atol=1e-6)


def test_another_encoder_changes_the_dense_candidates_only(retriever_of, dense_vectors):
    retriever = retriever_of(0.5)
    mentions, names = dense_vectors
    before = retriever.retrieve(mentions, names).candidates
    after = retriever.retrieve(-mentions, names).candidates  # the worst become the best
    assert np.array_equal(before[:, :3], after[:, :3])
    assert not np.array_equal(before[:, 3:], after[:, 3:])


def test_all_candidates_of_a_mention_differ(retriever_of, dense_vectors):
    for rows in retriever_of(0.5).retrieve(*dense_vectors).candidates.tolist():
        assert len(set(rows)) == TOPK


def test_the_tokens_are_the_mentions_and_then_the_names(retriever_of, corpus, dense_vectors):
    queries, dictionary = corpus
    found = retriever_of(0.5).retrieve(*dense_vectors)
    assert len(found) == len(queries)
    assert len(found.tokens) == len(queries) + len(dictionary)
