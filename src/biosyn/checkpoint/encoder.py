"""Load and save a model folder's encoder and tokenizer by transformers.

transformers replaces missing weights and tokenizer files without an error, so they are checked here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from biosyn.checkpoint.files import FILES, require
from biosyn.errors import InputError


def load_encoder(
    folder: str | Path, device: torch.device, *, max_length: int = 0
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load an encoder and its tokenizer from a folder, in float32; remote code is never run.

    An encoder with fewer positions than ``max_length``, in tokens, is refused.
    """
    name = os.fspath(folder)
    require(name, FILES.encoder_config)
    _require_tokenizer(Path(name))
    try:
        with no_bars():
            model, report = AutoModel.from_pretrained(
                name, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # on a damaged file, transformers and torch raise errors of any type
        reason = _reason(error)
        raise InputError(f"no encoder can be loaded ({reason}): copy or download the model again", path=name) from error
    # names need no template, and saving one would write files whose names the foreign model chooses
    tokenizer.chat_template = None
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:  # transformers has filled them with random numbers
        raise InputError(f"the weights lack {missing[0]} and {len(missing) - 1} more: save the model again", path=name)
    positions = getattr(model.config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise InputError(f"--max_length {max_length} is more than the encoder's {positions} positions", path=name)
    return model.to(device), tokenizer


def _require_tokenizer(folder: Path) -> None:
    # without its files transformers makes an empty tokenizer, for which every text is unknown, and does not warn
    if not any((folder / name).is_file() for name in (FILES.tokenizer, *FILES.vocabularies)):
        raise InputError(f"the model folder lacks {FILES.tokenizer} (or vocab.txt)", path=folder)


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnpicklingError":  # torch's own message explains how to load the file unsafely
        return "its weights are damaged, or hold more than tensors and are not opened"
    return str(error).strip().partition("\n")[0] or type(error).__name__


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the tokenizer's files; a full disk is an OSError here too."""
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise OSError(str(error)) from error  # tokenizers reports a full disk as a bare Exception


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
