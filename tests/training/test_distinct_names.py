import numpy as np
import pytest
import torch

from biosyn.training.distinct_names import DistinctNames

TRAIN = ["ataxia", "breast cancer", "anemia"]
DEV = ["anemia", "ovarian cancer", "ataxia", "anemia"]


@pytest.fixture
def distinct(tiny_dense):
    return DistinctNames(tiny_dense, TRAIN, DEV)


def test_each_distinct_name_is_tokenized_once(distinct):
    assert len(distinct.tokens) == 4


@pytest.mark.parametrize(("dictionary", "names"), [(0, TRAIN), (1, DEV)])
def test_each_dictionary_gets_its_own_vectors_in_its_own_order(distinct, tiny_dense, dictionary, names):
    distinct.embed()
    torch.testing.assert_close(distinct.vectors_of(dictionary), tiny_dense.encode(names), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("dictionary", "names"), [(0, TRAIN), (1, DEV)])
def test_each_dictionary_gets_its_own_tokens(distinct, tiny_dense, dictionary, names):
    found = distinct.tokens_of(dictionary).batch(np.arange(len(names)))
    assert torch.equal(found.input_ids, tiny_dense.tokenize(names).batch(np.arange(len(names))).input_ids)


def test_names_that_come_twice_in_the_first_dictionary_get_their_vectors_too(tiny_dense):
    distinct = DistinctNames(tiny_dense, DEV)
    distinct.embed()
    torch.testing.assert_close(distinct.vectors_of(0), tiny_dense.encode(DEV), rtol=1e-5, atol=1e-5)


def test_a_dictionary_may_be_empty(tiny_dense):
    distinct = DistinctNames(tiny_dense, TRAIN, [])
    distinct.embed()
    assert distinct.vectors_of(1).shape == (0, 32)


def test_embedding_anew_follows_the_encoder(distinct, tiny_dense):
    distinct.embed()
    before = distinct.vectors_of(0).clone()
    with torch.no_grad():
        tiny_dense.model.embeddings.word_embeddings.weight.mul_(-1)
    distinct.embed()
    assert not torch.allclose(before, distinct.vectors_of(0))
    torch.testing.assert_close(distinct.vectors_of(0), tiny_dense.encode(TRAIN), rtol=1e-5, atol=1e-5)


def test_vectors_before_embedding_are_refused(distinct):
    assert not distinct.is_embedded
    with pytest.raises(RuntimeError, match="call embed first"):
        distinct.vectors_of(0)


def test_forgotten_vectors_are_refused(distinct):
    distinct.embed()
    assert distinct.is_embedded
    distinct.forget()
    assert not distinct.is_embedded
    with pytest.raises(RuntimeError, match="call embed first"):
        distinct.vectors_of(0)
