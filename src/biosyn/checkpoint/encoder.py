"""The encoder of a model folder, loaded by transformers, which fills in what is missing; so the checks are here."""

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
    """Load an encoder and its tokenizer from a folder, in float32; never runs remote code.

    Raises
    ------
    InputError
        If a file of the folder is missing or cannot be read, the weights lack some of the encoder's, or it has fewer
        positions than ``max_length``.
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
    except Exception as error:  # a damaged file makes transformers and torch fail in whatever way they happen to
        reason = _reason(error)
        raise InputError(f"no encoder can be loaded ({reason}): copy or download the model again", path=name) from error
    tokenizer.chat_template = None  # of no use to names, and saving it would make files that the foreign model names
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:  # transformers has filled them with random numbers
        raise InputError(f"the weights lack {missing[0]} and {len(missing) - 1} more: save the model again", path=name)
    positions = getattr(model.config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise InputError(f"--max_length {max_length} is more than the encoder's {positions} positions", path=name)
    return model.to(device), tokenizer


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnpicklingError":  # torch goes on to tell how the file could be trusted
        return "its weights are damaged, or hold more than tensors, which is not opened"
    return str(error).strip().partition("\n")[0] or type(error).__name__


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the tokenizer's files; a full disk is an OSError here too."""
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise OSError(str(error)) from error  # a bare one: so tokenizers calls a full disk


def _require_tokenizer(folder: Path) -> None:
    # without its files transformers makes an empty tokenizer, to which every text is unknown, and says nothing
    if not any((folder / name).is_file() for name in (FILES.tokenizer, *FILES.vocabularies)):
        raise InputError(f"the model folder lacks {FILES.tokenizer} (or vocab.txt)", path=folder)


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers' own progress bars and its table of missing weights off stderr: we say what matters."""
    enabled, verbosity = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if enabled:
            transformers_logging.enable_progress_bar()
