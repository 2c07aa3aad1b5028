import numpy as np
import pytest
import torch

from biosyn.training.name_pool import NamePool

TRAIN = ["ataxia", "breast cancer", "anemia"]
DEV = ["anemia", "ovarian cancer", "ataxia", "anemia"]


@pytest.fixture
def pool(tiny_dense):
    return NamePool(tiny_dense, TRAIN, DEV)


def test_each_distinct_name_is_tokenized_once(pool):
    assert len(pool.tokens) == 4


@pytest.mark.parametrize(("dictionary", "names"), [(0, TRAIN), (1, DEV)])
def test_each_dictionary_gets_its_own_vectors_in_its_own_order(pool, tiny_dense, dictionary, names):
    pool.embed()
    torch.testing.assert_close(pool.vectors_of(dictionary), tiny_dense.encode(names), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("dictionary", "names"), [(0, TRAIN), (1, DEV)])
def test_each_dictionary_gets_its_own_tokens(pool, tiny_dense, dictionary, names):
    found = pool.tokens_of(dictionary).batch(np.arange(len(names)))
    assert torch.equal(found.input_ids, tiny_dense.tokenize(names).batch(np.arange(len(names))).input_ids)


def test_names_that_come_twice_in_the_first_dictionary_get_their_vectors_too(tiny_dense):
    pool = NamePool(tiny_dense, DEV)
    pool.embed()
    torch.testing.assert_close(pool.vectors_of(0), tiny_dense.encode(DEV), rtol=1e-5, atol=1e-5)


def test_a_dictionary_may_be_empty(tiny_dense):
    pool = NamePool(tiny_dense, TRAIN, [])
    pool.embed()
    assert pool.vectors_of(1).shape == (0, 32)


def test_embedding_anew_follows_the_encoder(pool, tiny_dense):
    pool.embed()
    before = pool.vectors_of(0).clone()
    with torch.no_grad():
        tiny_dense.model.embeddings.word_embeddings.weight.mul_(-1)
    pool.embed()
    assert not torch.allclose(before, pool.vectors_of(0))
    torch.testing.assert_close(pool.vectors_of(0), tiny_dense.encode(TRAIN), rtol=1e-5, atol=1e-5)


def test_vectors_before_embedding_are_refused(pool):
    assert not pool.is_embedded
    with pytest.raises(RuntimeError, match="call embed first"):
        pool.vectors_of(0)


def test_forgotten_vectors_are_refused(pool):
    pool.embed()
    assert pool.is_embedded
    pool.forget()
    assert not pool.is_embedded
    with pytest.raises(RuntimeError, match="call embed first"):
        pool.vectors_of(0)
