"""The encoder of a model folder, loaded by transformers, which fills in what is missing; so the checks are here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
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
    # besides OSError and ValueError, a damaged file makes transformers fail in whatever way it happens to
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"no encoder can be loaded ({reason}): copy or download the model again", path=name) from error
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:  # transformers has filled them with random numbers
        raise InputError(f"the weights lack {missing[0]} and {len(missing) - 1} more: save the model again", path=name)
    positions = getattr(model.config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise InputError(f"--max_length {max_length} is more than the encoder's {positions} positions", path=name)
    return model.to(device), tokenizer


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
