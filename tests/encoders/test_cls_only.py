import copy

import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel, DistilBertConfig, DistilBertModel

from biosyn.encoders.cls_only import keep_cls_only
from biosyn.encoders.dense import DenseEncoder

TEXTS = ["ataxia", "breast cancer of ovary", "a"]
SMALL = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


@pytest.fixture
def inputs(tiny_dense):
    encoded = tiny_dense.tokenizer(TEXTS, padding="longest", return_tensors="pt")
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


@pytest.fixture
def saving_model(plain_model):
    model = copy.deepcopy(plain_model)
    assert keep_cls_only(model)
    return model


def cls_of(model, inputs):
    return model(**inputs).last_hidden_state[:, 0]  # (B, H)


def test_only_the_first_position_is_left(saving_model, inputs):
    assert saving_model(**inputs).last_hidden_state.shape == (3, 1, 32)


def test_cls_is_what_the_whole_layer_gives(saving_model, plain_model, inputs):
    torch.testing.assert_close(cls_of(saving_model, inputs), cls_of(plain_model, inputs), rtol=1e-5, atol=1e-5)


def test_cls_is_the_same_without_a_mask_too(saving_model, plain_model, inputs):
    alone = {"input_ids": inputs["input_ids"][1:2]}  # the longest text: nothing is padded
    torch.testing.assert_close(cls_of(saving_model, alone), cls_of(plain_model, alone), rtol=1e-5, atol=1e-5)


def test_the_gradients_are_what_the_whole_layer_gives(saving_model, plain_model, inputs):
    for model in (saving_model, plain_model):
        cls_of(model.double(), inputs).pow(3).sum().backward()
    theirs = dict(plain_model.named_parameters())
    for name, parameter in saving_model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=1e-8, atol=1e-8)
    assert {n for n, p in saving_model.named_parameters() if p.grad is not None} == {
        n for n, p in theirs.items() if p.grad is not None
    }


def test_dropout_is_on_in_training_and_off_otherwise(saving_model, inputs):
    assert torch.equal(cls_of(saving_model, inputs), cls_of(saving_model, inputs))
    saving_model.train()
    assert not torch.allclose(cls_of(saving_model, inputs), cls_of(saving_model, inputs), atol=1e-3)


def test_what_is_saved_loads_as_the_plain_model(saving_model, plain_model, inputs, tmp_path):
    saving_model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert again(**inputs).last_hidden_state.shape[1] > 1
    torch.testing.assert_close(cls_of(again.eval(), inputs), cls_of(plain_model, inputs), rtol=1e-6, atol=1e-6)


def test_doing_it_twice_is_doing_it_once(saving_model, plain_model, inputs):
    keep_cls_only(saving_model)
    torch.testing.assert_close(cls_of(saving_model, inputs), cls_of(plain_model, inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BertModel(BertConfig(**SMALL, attn_implementation="eager")),
        lambda: BertModel(BertConfig(**SMALL, is_decoder=True)),
        lambda: DistilBertModel(DistilBertConfig(vocab_size=50, dim=8, n_layers=1, n_heads=2, hidden_dim=8)),
    ],
    ids=["eager", "decoder", "distilbert"],
)
def test_any_other_model_is_left_alone_and_encodes_all_the_same(make, tiny_dense, encode_alone):
    torch.manual_seed(0)
    model = make().eval()
    assert not keep_cls_only(model)
    tokenizer, texts = tiny_dense.tokenizer, ["a b", "c", "a-b c"]  # their ids are below 50
    with torch.no_grad():
        expected = encode_alone(model, tokenizer, texts)
    torch.testing.assert_close(DenseEncoder(model, tokenizer).encode(texts), expected, rtol=1e-5, atol=1e-5)
