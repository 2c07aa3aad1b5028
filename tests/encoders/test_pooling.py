import pytest
import torch

from biosyn.encoders.dense import DenseEncoder, text_vectors
from biosyn.encoders.pooling import CLS, Pooling

TEXTS = ["ataxia", "breast cancer of ovary", "a"]


def states_of(model, tokenizer, text):
    """Last hidden states of a text alone, unpadded: (L, H)."""
    return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]


@pytest.fixture
def make_dense(tiny_dense, plain_model):
    def make(pooling):
        return DenseEncoder(plain_model, tiny_dense.tokenizer, pooling=pooling)

    return make


def test_the_mean_is_over_the_tokens_of_each_text_and_not_its_padding(make_dense, plain_model, tiny_dense):
    with torch.no_grad():
        expected = [states_of(plain_model, tiny_dense.tokenizer, text).mean(dim=0) for text in TEXTS]
    found = make_dense(Pooling("mean")).encode(TEXTS)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["cls", "mean"])
def test_cosine_brings_the_same_vectors_to_length_1(make_dense, mode):
    found = make_dense(Pooling(mode, "cosine")).encode(TEXTS)
    plain = make_dense(Pooling(mode)).encode(TEXTS)
    torch.testing.assert_close(found, plain / plain.norm(dim=1, keepdim=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["cls", "mean"])
def test_the_gradient_goes_through(make_dense, mode):
    dense = make_dense(Pooling(mode, "cosine"))
    vectors = text_vectors(dense.model, dense.tokenize(TEXTS).batch(torch.arange(3).numpy()), dense.pooling)
    (vectors[0] @ vectors[1]).backward()
    assert dense.model.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_vectors_are_float32_under_bfloat16_too(plain_model, tiny_dense):
    dense = DenseEncoder(plain_model, tiny_dense.tokenizer, precision="bfloat16", pooling=Pooling("mean", "cosine"))
    found = dense.encode(TEXTS)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3), rtol=1e-5, atol=1e-5)


def test_the_papers_is_the_default():
    assert Pooling("cls", "inner") == CLS


@pytest.mark.parametrize("wrong", [("max", "inner"), ("cls", "euclid")])
def test_another_one_is_refused(wrong):
    with pytest.raises(ValueError, match="no such pooling"):
        Pooling(*wrong)
