"""Load a model folder's encoder and tokenizer by transformers.

transformers replaces missing weights and tokenizer files without an error, maps the weights, loads adapters, code and
kernels that a folder asks for, and takes any model. So it gets the config, the weights and the tokenizer's files as
they are read here, and what it makes of them is checked on two texts.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from biosyn.checkpoint.architectures import model_class, positions, read_config
from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.tokenizer import load_tokenizer, require_tokenizer
from biosyn.checkpoint.weights import AGAIN, read_weights
from biosyn.encoders.tokens import TokenizedTexts, tokenize
from biosyn.errors import InputError

PROBE = ("ataxia telangiectasia", "asthma")  # of different lengths, so that one is padded
PROBE_LENGTH = 16  # tokens
# Differences between hidden states that rounding makes: of the largest number, and of the difference between two texts.
_NOISE = 1e-5
_BY_PADDING = 0.01
_NUMBER = re.compile(r"\d+")


def load_encoder(
    folder: str | Path, device: torch.device, *, max_length: int = 0
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load an encoder and its tokenizer from a folder, in float32; no code of the folder or of the Hub is run.

    The weights are copies: the files may change afterwards.

    Raises
    ------
    InputError
        If a file is missing or damaged, if the model is no supported encoder or its tokenizer another model's, and if
        it has fewer positions than ``max_length``, in tokens.
    """
    name = os.fspath(folder)
    config = read_config(Path(name))
    if (Path(name) / FILES.adapter).is_file():
        raise InputError(
            f"holds an adapter, {FILES.adapter}, which is not applied: merge it into the weights, and remove the file",
            path=name,
        )
    require_tokenizer(Path(name))
    weights = read_weights(Path(name))
    try:
        with no_bars():
            model, report = model_class(config).from_pretrained(
                None, config=config, state_dict=weights, dtype=torch.float32, output_loading_info=True
            )
            tokenizer = load_tokenizer(Path(name), config)
    except InputError:
        raise
    except Exception as error:  # on a damaged file, transformers and tokenizers raise errors of any type
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system, such as a full folder for temporary files: the model is sound
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"no encoder can be loaded ({reason}): {AGAIN}", path=name) from error
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:  # transformers has filled them with random numbers
        raise InputError(f"the weights lack {missing[0]} and {len(missing) - 1} more: save the model again", path=name)
    if more := _of_more_layers(model, report["unexpected_keys"]):
        raise InputError(f"the weights have {more}, which the layers of its config have not: {AGAIN}", path=name)
    limit = positions(model)
    if limit is not None and max_length > limit:
        raise InputError(f"--max_length {max_length} is more than the encoder's {limit} positions", path=name)
    model = model.to(device)
    with no_bars():
        fault = _tokenizer_fault(model, tokenizer) or _encoder_fault(model, tokenizer)
    if fault:
        raise InputError(f"no encoder can be loaded: {fault}", path=name)
    return model, tokenizer


def _tokenizer_fault(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    embeddings: Any = model.get_input_embeddings()
    rows = embeddings.num_embeddings
    last = max(tokenizer.get_vocab().values(), default=-1)
    if last >= rows:
        return f"its tokenizer has the token {last}, its embeddings {rows} rows: give the tokenizer of this model"
    return None


def _encoder_fault(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Return why the model is no encoder of ours, by the hidden states of two texts, together and alone."""
    try:
        tokens = _probe(tokenizer)
        if tokens is None:
            return "its tokenizer gives all texts the same tokens: give the tokenizer of this model"
        short = int(tokens.lengths.argmin())  # the one that is padded
        with torch.inference_mode():
            both, alone = _hidden(model, tokens, [0, 1]), _hidden(model, tokens, [short])  # (2, L, H), (1, l, H)
    except Exception as error:  # a model that cannot do this raises errors of any type
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        return f"it fails on a short text ({reason})"
    for states, lengths in ((both, tokens.lengths), (alone, tokens.lengths[[short]])):
        expected = (len(lengths), int(lengths.max()), model.config.hidden_size)
        if states.shape != expected:
            return f"its hidden states have the shape {tuple(states.shape)}, not {expected}: texts, tokens, numbers"
        if not states.isfinite().all():
            return "its hidden states are not finite numbers"
    unlike = (both[0, 0] - both[1, 0]).abs().max()  # at the first token, [CLS]
    if unlike <= _NOISE * both.abs().max():
        return "it gives different texts the same hidden state at their first token"
    if (both[short, : alone.shape[1]] - alone[0]).abs().max() > _BY_PADDING * unlike:
        return "its hidden states depend on the padding, and so on the other texts of a batch"
    return None


def _of_more_layers(model: PreTrainedModel, unexpected: Iterable[str]) -> str | None:
    """Return the first of the weights that were left out although the model has the same in other layers.

    Heads, which an encoder does not need, are like no weights of it.
    """
    known = {_NUMBER.sub("#", key) for key in model.state_dict()}
    for key in sorted(unexpected):
        like = _NUMBER.sub("#", key)
        if "#" in like and not known.isdisjoint((like, like.partition(".")[2])):  # with the family's prefix or without
            return key
    return None


def _probe(tokenizer: PreTrainedTokenizerBase) -> TokenizedTexts | None:
    """Return the tokens of two texts that differ in them; of its own pieces where the tokenizer knows no English."""
    for text in chain(PROBE[1:], _pieces(tokenizer)):
        tokens = tokenize(tokenizer, [PROBE[0], text], PROBE_LENGTH)
        first, second = np.split(tokens.ids, tokens.starts[1:])
        if len(first) and len(second) and set(first) != set(second):  # not only in the number of unknown words
            return tokens
    return None


def _pieces(tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    yield from sorted(set(tokenizer.get_vocab()).difference(tokenizer.all_special_tokens))[:1000]


def _hidden(model: PreTrainedModel, tokens: TokenizedTexts, rows: list[int]) -> Tensor:
    batch = tokens.batch(np.array(rows))
    mask = None if batch.attention_mask is None else batch.attention_mask.to(model.device)
    hidden: Tensor = model(batch.input_ids.to(model.device), attention_mask=mask).last_hidden_state
    return hidden


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers' own progress bars and its table of missing weights off stderr: the checks here report them."""
    enabled, verbosity = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if enabled:
            transformers_logging.enable_progress_bar()
