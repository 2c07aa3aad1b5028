import numpy as np
import pytest
import torch

from biosyn.concept_ids import covers_all
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.training.candidates import CandidateRetriever

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
    n_sparse = TOPK - int(TOPK * dense_ratio)
    rows = []
    for from_sparse, from_dense in zip(by_sparse.tolist(), by_dense.tolist(), strict=True):
        chosen = from_sparse[:n_sparse]
        rows.append(chosen + [row for row in from_dense if row not in chosen][: TOPK - n_sparse])
    return rows


@pytest.mark.parametrize("dense_ratio", [0.0, 0.5, 1.0])
def test_candidates_equal_the_naive_ones(retriever_of, corpus, dense_vectors, dense_ratio):
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
