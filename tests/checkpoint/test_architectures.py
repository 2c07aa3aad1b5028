"""Which encoders load: each supported family, and everything that is none, in a line."""

import json
import shutil

import pytest
import torch
import transformers

from biosyn.checkpoint.architectures import ENCODERS_ALONE, SUPPORTED
from biosyn.checkpoint.encoder import load_encoder
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.pooling import Pooling
from biosyn.errors import InputError

CPU = torch.device("cpu")
NAMES = ["ataxia telangiectasia", "asthma", "a"]
LENGTHS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
OWN = {  # the settings of a small model, where the family has others
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "mobilebert": {"num_hidden_layers": 2},
    "longformer": {**LENGTHS, "attention_window": 8},
    "eurobert": {**LENGTHS, "num_key_value_heads": 2},
    "albert": {**LENGTHS, "embedding_size": 32},
    "squeezebert": {**LENGTHS, "embedding_size": 32},
    "deberta-v2": {**LENGTHS, "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm"},
    **{kind: {"d_model": 32, "d_ff": 64, "d_kv": 16, "num_layers": 2, "num_heads": 2} for kind in ENCODERS_ALONE},
}


@pytest.fixture
def made(tiny_encoder, tmp_path):
    """Function: a class of transformers and settings -> folder of a random model, with the tiny tokenizer."""

    def make(kind, **settings):
        folder = tmp_path / kind.__name__
        config = kind.config_class(**settings)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            kind(config).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tiny_encoder / name, folder / name)
        return folder

    return make


def class_of(kind):
    if kind in ENCODERS_ALONE:
        return getattr(transformers, ENCODERS_ALONE[kind])
    return transformers.MODEL_MAPPING[transformers.CONFIG_MAPPING[kind]]


@pytest.mark.parametrize("kind", sorted(SUPPORTED | ENCODERS_ALONE))
def test_each_supported_family_loads_and_gives_what_transformers_gives(kind, made):
    ids = {"pad_token_id": 0, "eos_token_id": 3} | ({} if kind in ENCODERS_ALONE else {"bos_token_id": 2})
    folder = made(class_of(kind), vocab_size=100, **ids, **OWN.get(kind, LENGTHS))
    model, tokenizer = load_encoder(folder, CPU)
    theirs = class_of(kind).from_pretrained(folder, dtype=torch.float32).eval()
    ours, expected = model.config.to_dict(), theirs.config.to_dict()
    assert {key for key in ours if ours[key] != expected[key]} <= {"architectures", "_name_or_path", "attention_type"}
    assert set(expected) - set(ours) <= {"bos_token_id", "eos_token_id"}  # where the family does not use them
    tokens = tokenizer(NAMES[0], return_tensors="pt")
    with torch.inference_mode():
        expected = theirs(tokens["input_ids"]).last_hidden_state.mean(dim=1)
    encoder = DenseEncoder(model, tokenizer, pooling=Pooling("mean"))
    torch.testing.assert_close(encoder.encode(NAMES)[:1], expected, rtol=1e-4, atol=1e-5)  # in a batch with others
    model.save_pretrained(folder)
    load_encoder(folder, CPU)  # and what we save loads again


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("GPT2Model", {"n_embd": 32, "n_layer": 1, "n_head": 2}),
        ("LlamaModel", LENGTHS),
        ("MambaModel", {"hidden_size": 32, "num_hidden_layers": 1, "state_size": 4}),
        ("BartModel", {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1}),
        ("T5Model", OWN["t5"]),
        ("CLIPTextModel", LENGTHS),
        ("FNetModel", {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 64}),
        ("BertModel", {**LENGTHS, "is_decoder": True}),
        ("RobertaModel", {**LENGTHS, "is_decoder": True, "add_cross_attention": True}),
    ],
)
def test_a_model_that_is_no_such_encoder_is_refused_in_a_line(kind, settings, made):
    folder = made(getattr(transformers, kind), vocab_size=100, pad_token_id=0, **settings)
    with pytest.raises(InputError, match=r"config\.json: no encoder can be loaded: .*docs/checkpoints\.md") as refused:
        load_encoder(folder, CPU)
    assert "\n" not in str(refused.value)


@pytest.fixture
def folder(tiny_encoder, tmp_path):
    """A copy of the tiny encoder that a test may change."""
    return shutil.copytree(tiny_encoder, tmp_path / "encoder")


def changed(folder, name="config.json", **values):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


@pytest.mark.parametrize("kind", ["vit", "whisper", "no-such-kind", "", 7, None, ["bert"]])
def test_a_config_of_another_kind_is_refused(kind, folder):
    changed(folder, model_type=kind)
    with pytest.raises(InputError, match="is no supported kind of text encoder"):
        load_encoder(folder, CPU)


def test_a_config_without_a_kind_is_a_bert(folder):
    # Google's first BERTs
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["model_type"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load_encoder(folder, CPU)[0].config.model_type == "bert"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantized"),
        ({"is_encoder_decoder": True}, "with a decoder"),
        ({"position_embedding_type": "relative_key"}, "relative positions"),
        ({"hidden_size": "many"}, "no encoder can be loaded"),
        ({"hidden_size": 33}, "no encoder can be loaded"),
        ({"hidden_act": "no_such_function"}, "no encoder can be loaded"),
        ({"num_hidden_layers": 10**7}, "it says that it has 10000000 layers"),
        ({"num_hidden_layers": 1}, r"the weights have encoder\.layer\.1\..*, which the layers of its config have not"),
    ],
)
def test_what_the_weights_need_and_we_have_not_is_refused(values, said, folder):
    changed(folder, **values)
    with pytest.raises(InputError, match=said):
        load_encoder(folder, CPU)


@pytest.mark.parametrize(
    "values",
    [
        {"attn_implementation": "evil/kernel@main"},
        {"_attn_implementation": "evil/kernel"},
        {"experts_implementation": "evil/kernel"},
        {"use_kernels": True, "kernel_config": {"kernel_mapping": {"LayerNorm": "evil/kernel:X"}}},
        {"fusion_config": {"patch_embeddings": True}},
        {"transformers_weights": "../other.safetensors"},
        {"configuration_files": ["config.9.json"]},
        {"auto_map": {"AutoModel": "evil--evil.Model"}},
        {"trust_remote_code": True, "custom_pipelines": {"x": {"impl": "evil.X"}}},
        {"dtype": "float16", "torch_dtype": "load"},
        {"return_dict": False, "output_hidden_states": True},
        {"name_or_path": "/etc", "_name_or_path": "evil/model"},
    ],
)
def test_keys_that_no_encoder_needs_are_not_read(values, folder, tmp_path):
    plain, _ = load_encoder(folder, CPU)
    changed(folder, **values)
    model, _ = load_encoder(folder, CPU)
    model.save_pretrained(tmp_path / "out")
    plain.save_pretrained(tmp_path / "plain")
    assert (tmp_path / "out" / "config.json").read_bytes() == (tmp_path / "plain" / "config.json").read_bytes()
    assert "evil" not in (tmp_path / "out" / "config.json").read_text(encoding="utf-8")


def test_a_model_with_code_of_its_own_says_that_it_is_not_run(folder, caplog):
    changed(folder, auto_map={"AutoModel": "evil.Model"})
    load_encoder(folder, CPU)
    assert "code of its own, which is not run" in caplog.text


@pytest.mark.parametrize("kind", ["RobertaModel", "XLMRobertaModel", "MPNetModel", "LongformerModel"])
def test_positions_are_counted_from_the_padding_token_where_the_model_does_so(kind, made):
    settings = OWN["longformer"] if kind == "LongformerModel" else LENGTHS
    folder = made(getattr(transformers, kind), vocab_size=100, max_position_embeddings=34, **settings)
    model, tokenizer = load_encoder(folder, CPU, max_length=32)
    assert DenseEncoder(model, tokenizer, 32).encode(["a" * 60]).shape == (1, 32)
    with pytest.raises(InputError, match="--max_length 33 is more than the encoder's 32 positions"):
        load_encoder(folder, CPU, max_length=33)
