import logging

import numpy as np
import pytest
import torch
from transformers import DistilBertConfig, DistilBertModel

from biosyn.encoders.dense import DenseEncoder, group_vectors, text_vectors

TEXTS = ["ataxia", "breast cancer", "a", "ataxia telangiectasia syndrome", "ataxia", "cancer-of breast"]
LONG = "a b c d e f g h i j k l m n o p q r s t u v w x y z"  # [CLS] + 26 + [SEP] = 28 tokens


@pytest.fixture
def expected(tiny_dense, plain_model, encode_alone):
    with torch.no_grad():
        return encode_alone(plain_model, tiny_dense.tokenizer, TEXTS)


def test_vectors_equal_each_text_encoded_alone(tiny_dense, expected):
    torch.testing.assert_close(tiny_dense.encode(TEXTS), expected, rtol=1e-5, atol=1e-5)


def test_different_texts_have_clearly_different_vectors(expected):
    # otherwise the comparisons of these tests would prove little
    assert torch.pdist(expected[[0, 1, 2, 3, 5]]).min() > 1


@pytest.mark.parametrize("batch_size", [1, 2, 4, 5, 100])
def test_the_batch_size_does_not_matter(tiny_dense, expected, batch_size):
    torch.testing.assert_close(tiny_dense.encode(TEXTS, batch_size=batch_size), expected, rtol=1e-5, atol=1e-5)


def test_the_order_does_not_matter(tiny_dense, expected):
    backwards = tiny_dense.encode(TEXTS[::-1], batch_size=2)
    torch.testing.assert_close(backwards.flip(0), expected, rtol=1e-5, atol=1e-5)


def test_texts_may_come_tokenized(tiny_dense, expected):
    tokens = tiny_dense.tokenize(TEXTS)
    torch.testing.assert_close(tiny_dense.encode(tokens), expected, rtol=1e-5, atol=1e-5)
    part = tiny_dense.encode(tokens.take(np.array([3, 0])))
    torch.testing.assert_close(part, expected[[3, 0]], rtol=1e-5, atol=1e-5)


def test_pieces_are_tokenized_one_ahead_and_change_nothing(tiny_dense, expected, monkeypatch, caplog):
    monkeypatch.setattr("biosyn.encoders.dense.PIECE", 2)
    with caplog.at_level(logging.WARNING, logger="biosyn"):
        found = tiny_dense.encode([LONG, *TEXTS, LONG], what="names")
    torch.testing.assert_close(found[1:-1], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[0], found[-1], rtol=1e-5, atol=1e-5)
    assert [record.getMessage() for record in caplog.records] == ["2 of 8 names are cut at 25 tokens"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_gives_float32_vectors_near_the_exact_ones(tiny_dense, expected, precision):
    found = DenseEncoder(tiny_dense.model, tiny_dense.tokenizer, precision=precision).encode(TEXTS)
    assert found.dtype == torch.float32
    difference = (found - expected).norm(dim=1) / expected.norm(dim=1)
    assert 1e-5 < difference.max() < 0.05


def test_no_number_is_read_from_the_device_while_names_are_embedded(tiny_dense, monkeypatch):
    # the meta device has shapes and no numbers: to read one there, or to mix devices, is an error
    monkeypatch.setattr(DenseEncoder, "_require_finite", lambda *_: None)  # reads one, at the end
    found = DenseEncoder(tiny_dense.model.to("meta"), tiny_dense.tokenizer).encode(TEXTS, batch_size=3)
    assert (found.device.type, found.shape) == ("meta", (len(TEXTS), 32))


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_nothing_waits_for_the_gpu_while_names_are_embedded(tiny_dense, expected, precision, monkeypatch):
    monkeypatch.setattr(DenseEncoder, "_require_finite", lambda *_: None)  # waits once, at the end
    encoder = DenseEncoder(tiny_dense.model.cuda(), tiny_dense.tokenizer, precision=precision)
    encoder.encode(TEXTS)
    torch.cuda.set_sync_debug_mode("error")  # a call that waits is an error
    try:
        found = encoder.encode(TEXTS, batch_size=2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(found.cpu(), expected, rtol=0.05, atol=0.2 if precision != "float32" else 1e-4)


def test_a_long_text_is_encoded_by_its_beginning(tiny_dense, plain_model, encode_alone):
    with torch.no_grad():
        cut = encode_alone(plain_model, tiny_dense.tokenizer, [LONG], max_length=25)
        whole = encode_alone(plain_model, tiny_dense.tokenizer, [LONG], max_length=28)
    found = tiny_dense.encode([LONG])
    torch.testing.assert_close(found, cut, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found, whole, rtol=1e-3, atol=1e-3)


def test_cut_texts_are_counted_in_one_warning(tiny_dense, caplog):
    with caplog.at_level(logging.INFO, logger="biosyn"):
        tiny_dense.encode([LONG, "ataxia", LONG + " z"], batch_size=1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.records[0].getMessage() == "2 of 3 texts are cut at 25 tokens"


def test_the_warning_says_what_the_texts_are(tiny_dense, caplog):
    tiny_dense.tokenize([LONG], what="mentions")
    assert "1 of 1 mentions" in caplog.text


def test_there_is_no_warning_where_nothing_is_cut(tiny_dense, caplog):
    tiny_dense.encode(TEXTS)
    assert caplog.records == []


def test_there_is_no_gradient(tiny_dense):
    vectors = tiny_dense.encode(TEXTS)
    assert not vectors.requires_grad
    assert vectors.dtype == torch.float32


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_is_restored(tiny_dense, expected, training):
    tiny_dense.model.train(training)
    torch.testing.assert_close(tiny_dense.encode(TEXTS), expected, rtol=1e-5, atol=1e-5)
    assert tiny_dense.model.training is training
    assert all(module.training is training for module in tiny_dense.model.modules())


def test_the_mode_is_restored_after_an_error_too(tiny_dense, monkeypatch):
    tiny_dense.model.train()

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("biosyn.encoders.dense.text_vectors", fail)
    with pytest.raises(KeyboardInterrupt):
        tiny_dense.encode(TEXTS)
    assert tiny_dense.model.training


def test_no_text_gives_no_vector(tiny_dense):
    assert tiny_dense.encode([]).shape == (0, 32)


def test_an_empty_text_has_a_vector(tiny_dense):
    assert torch.isfinite(tiny_dense.encode([""])).all()


def test_a_call_gives_a_numpy_array(tiny_dense, expected):
    found = tiny_dense(TEXTS)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-5)


def test_text_vectors_keep_the_gradient(tiny_dense):
    batch = tiny_dense.tokenize(TEXTS).batch(np.array([0, 3]))
    vectors = text_vectors(tiny_dense.model, batch)
    assert vectors.shape == (2, 32)
    vectors.sum().backward()
    assert any(parameter.grad is not None for parameter in tiny_dense.model.parameters())


def distilbert():
    return DistilBertModel(DistilBertConfig(vocab_size=2000, dim=32, hidden_dim=64, n_layers=2, n_heads=2)).eval()


@pytest.mark.parametrize(("other", "look_ups"), [(None, 1), (distilbert, 3)], ids=["BERT", "DistilBERT"])
def test_groups_have_the_vectors_and_the_gradient_of_one_after_the_other(tiny_dense, other, look_ups):
    model = other() if other else tiny_dense.model
    tokens = tiny_dense.tokenize(TEXTS)
    groups = [tokens.batch(rows) for rows in (np.array([0, 3]), np.array([1]), np.array([2, 3]))]
    words = model.get_input_embeddings()
    found, gradients, counted = [], [], []
    words.register_forward_hook(lambda *_: counted.append(1))
    for vectors in (group_vectors(model, groups), torch.cat([text_vectors(model, group) for group in groups])):
        vectors.square().sum().backward()
        found.append(vectors.detach())
        gradients.append([parameter.grad for parameter in model.parameters()])
        model.zero_grad(set_to_none=True)
    torch.testing.assert_close(*found, rtol=0, atol=1e-6)
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)
    assert words.weight.shape in {gradient.shape for gradient in gradients[0] if gradient is not None}
    assert len(counted) == look_ups + len(groups)


@pytest.mark.cuda
def test_cuda_gives_the_same_vectors(tiny_dense, expected):
    on_cuda = DenseEncoder(tiny_dense.model.cuda(), tiny_dense.tokenizer).encode(TEXTS)
    assert on_cuda.device.type == "cuda"
    torch.testing.assert_close(on_cuda.cpu(), expected, rtol=1e-4, atol=1e-4)
