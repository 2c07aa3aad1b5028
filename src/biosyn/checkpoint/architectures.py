"""Which encoders are supported, and their ``config.json``, of which only known keys are read.

An encoder gives every token of a text a hidden state that depends on the tokens on both sides of it, and not on the
other texts of a batch. `read_config` checks what a config says, `encoder.load_encoder` what the model does.
"""

import logging
from pathlib import Path
from typing import Any

import transformers
from transformers import CONFIG_MAPPING, MODEL_MAPPING, PretrainedConfig, PreTrainedModel

from biosyn.checkpoint.files import FILES, require
from biosyn.errors import InputError
from biosyn.files import read_json

logger = logging.getLogger(__name__)

# model_type -> the keys of its config that transformers reads but does not declare
_ROPE = ("rope_theta", "rope_scaling")
_DEBERTA = ("conv_act", "conv_groups", "conv_kernel_size", "norm_rel_ebd", "position_buckets", "share_att_key")
SUPPORTED: dict[str, tuple[str, ...]] = {
    "albert": (),
    "bert": (),
    "big_bird": (),
    "camembert": (),
    "data2vec-text": (),
    "deberta": ("talking_head",),
    "deberta-v2": ("attention_head_size", *_DEBERTA),
    "distilbert": (),
    "electra": (),
    "ernie": (),
    "eurobert": _ROPE,
    "longformer": (),
    "megatron-bert": (),
    "mobilebert": (),
    "modernbert": ("global_attn_every_n_layers", "global_rope_theta", "local_rope_theta", *_ROPE),
    "mpnet": (),
    "nomic_bert": _ROPE,
    "rembert": (),
    "roberta": (),
    "roberta-prelayernorm": (),
    "roformer": (),
    "squeezebert": (),
    "xlm-roberta": (),
    "xlm-roberta-xl": (),
}
# encoder-decoders whose encoder alone is a model of its own
ENCODERS_ALONE = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
# their first position is that after the padding token's row
_OFFSET = {
    *("camembert", "data2vec-text", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta"),
    "xlm-roberta-xl",
}
_MOST_LAYERS = (
    1000  # of any encoder: transformers makes them, which takes hours and all memory, before it reads weights
)
_OF_EVERY_CONFIG = set(PretrainedConfig().to_dict())  # labels, dtype, outputs: nothing that an encoder needs


def read_config(folder: Path) -> PretrainedConfig:
    """Return the encoder's config, made of known keys alone.

    What a config could ask for beside them, such as code of its own, kernels or attention from a repository, and
    quantization, is refused where the weights need it, and is dropped otherwise.

    Raises
    ------
    InputError
        If the config is damaged, or is not that of a supported encoder.
    """
    path = require(folder, FILES.encoder_config)
    values = read_json(path)
    kind = values.get("model_type", "bert")  # Google's first BERTs, and models made from them, do not say
    if refusal := _refusal(kind, values):
        raise InputError(f"no encoder can be loaded: {refusal} (docs/checkpoints.md lists what can)", path=path)
    if "auto_map" in values:
        logger.warning("%s: the model asks for code of its own, which is not run; it is loaded as a %s", path, kind)
    declared = CONFIG_MAPPING[kind]().to_dict()
    known = (set(declared) - _OF_EVERY_CONFIG) | set(CONFIG_MAPPING[kind].attribute_map) | set(SUPPORTED.get(kind, ()))
    if values.get("position_embedding_type", "absolute") != "absolute" and "position_embedding_type" not in known:
        raise InputError("no encoder can be loaded: transformers has no relative positions any more", path=path)
    try:
        config = CONFIG_MAPPING[kind](**{key: value for key, value in values.items() if key in known})
    except Exception as error:  # the config's own checks raise errors of several types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"no encoder can be loaded ({reason}): download the model again", path=path) from error
    if config.num_hidden_layers > _MOST_LAYERS:
        number = f"it says that it has {config.num_hidden_layers} layers"
        raise InputError(f"no encoder can be loaded ({number}): download the model again", path=path)
    if kind == "big_bird":
        config.attention_type = "original_full"  # the other one needs 700 tokens, and falls back to this one
    return config


def _refusal(kind: object, values: dict[str, Any]) -> str | None:
    if not isinstance(kind, str) or kind not in SUPPORTED | ENCODERS_ALONE:
        return f"{ascii(kind)[:60]} is no supported kind of text encoder"
    if values.get("is_decoder") or values.get("add_cross_attention"):
        return f"this {kind} is a decoder (is_decoder), whose tokens do not see those after them"
    if kind in ENCODERS_ALONE:
        if values.get("architectures") != [ENCODERS_ALONE[kind]]:
            return f"this {kind} is an encoder with a decoder: save its {ENCODERS_ALONE[kind]} alone"
    elif values.get("is_encoder_decoder"):
        return f"this {kind} is an encoder with a decoder"
    if values.get("quantization_config"):
        return "its weights are quantized: give the model's float weights"
    return None


def model_class(config: PretrainedConfig) -> Any:
    """Return transformers' class of an encoder; no other class is ever loaded."""
    if name := ENCODERS_ALONE.get(config.model_type):
        return getattr(transformers, name)
    return MODEL_MAPPING[type(config)]


def positions(model: PreTrainedModel) -> int | None:
    """Return the tokens of the longest text that the encoder has positions for, or None without a limit.

    RoBERTa and its like count positions from the row after the padding token's: of 514 rows they use 512.
    """
    embeddings: Any = model.embeddings if model.config.model_type in _OFFSET else None
    rows = getattr(model.config, "max_position_embeddings", None)
    return rows if rows is None or embeddings is None else int(rows - embeddings.padding_idx - 1)
