"""The files of a checkpoint: no pickle, the encoder's and tokenizer's own files, the rest as JSON.

A folder is a checkpoint when it holds the manifest, which is removed first and written last: a crash
while saving leaves a folder that does not load rather than a mixture of two models.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import read_lines, staged_folder, write_json

FORMAT_VERSION = 1


@dataclass(frozen=True)
class CheckpointFiles:
    """The names of our own files in a checkpoint folder; the others are transformers'."""

    manifest: str = "biosyn.json"
    sparse_encoder: str = "sparse_encoder.json"
    encoder_config: str = "config.json"
    tokenizer: str = "tokenizer.json"


FILES = CheckpointFiles()


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint is beside its weights."""

    sparse_weight: float
    max_length: int
    pooling: str = "cls"
    format_version: int = FORMAT_VERSION
    trained: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    folder: str | Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sparse_encoder: SparseEncoder,
    manifest: Manifest,
) -> None:
    """Write the checkpoint into the folder; other files there stay.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    folder = Path(folder)
    try:
        with staged_folder(folder) as stage, _no_bars():
            model.save_pretrained(stage)
            tokenizer.save_pretrained(stage)
            write_json(stage / FILES.sparse_encoder, _sparse_to_json(sparse_encoder))
            (folder / FILES.manifest).unlink(missing_ok=True)
            for path in sorted(stage.iterdir()):
                os.replace(path, folder / path.name)
            write_json(folder / FILES.manifest, asdict(manifest))
    except (OSError, SafetensorError) as error:
        raise InputError(f"the model cannot be written ({error}): choose another folder", path=folder) from error


def load_manifest(folder: str | Path) -> Manifest:
    """Read ``biosyn.json``.

    Raises
    ------
    InputError
        If the folder is no BioSyn checkpoint, or one of a newer format.
    """
    path = _require(folder, FILES.manifest)
    values = _read_json(path)
    if values.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"format_version is {values.get('format_version')}, this program reads {FORMAT_VERSION}: "
            "use the biosyn that wrote it, or a newer one",
            path=path,
        )
    try:
        manifest = Manifest(
            sparse_weight=float(values["sparse_weight"]),
            max_length=int(values["max_length"]),
            pooling=str(values["pooling"]),
            trained=dict(values["trained"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error
    if not math.isfinite(manifest.sparse_weight) or manifest.max_length < 3 or manifest.pooling != "cls":
        raise InputError("is damaged (sparse_weight, max_length or pooling is no value of ours)", path=path)
    return manifest


def load_sparse_encoder(folder: str | Path) -> SparseEncoder:
    """Read ``sparse_encoder.json``.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    path = _require(folder, FILES.sparse_encoder)
    values = _read_json(path)
    try:
        return SparseEncoder.from_values(dict(values["vocabulary"]), list(values["idf"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error


def load_encoder(
    name_or_path: str | Path, device: torch.device, *, max_length: int = 0
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load an encoder and its tokenizer, from a folder or a Hub id, in float32; never runs remote code.

    Raises
    ------
    InputError
        If a file of the folder is missing or cannot be read, the Hub has no such model, the weights lack some of the
        encoder's, or it has fewer positions than ``max_length``.
    """
    name = os.fspath(name_or_path)
    if os.path.isdir(name):
        _require(name, FILES.encoder_config)
        _require_tokenizer(Path(name))
    try:
        with _no_bars():
            model, report = AutoModel.from_pretrained(
                name, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    # besides OSError and ValueError, a damaged file makes transformers fail in whatever way it happens to
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"no encoder can be loaded ({reason}): give a model folder or a Hub id", path=name) from error
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:  # transformers has filled them with random numbers
        raise InputError(f"the weights lack {missing[0]} and {len(missing) - 1} more: save the model again", path=name)
    positions = getattr(model.config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise InputError(f"--max_length {max_length} is more than the encoder's {positions} positions", path=name)
    return model.to(device), tokenizer


def _require_tokenizer(folder: Path) -> None:
    # without its files transformers makes an empty tokenizer, to which every text is unknown, and says nothing
    known = (FILES.tokenizer, "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
    if not any((folder / name).is_file() for name in known):
        raise InputError(f"the model folder lacks {FILES.tokenizer} (or vocab.txt)", path=folder)


@contextmanager
def _no_bars() -> Iterator[None]:
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


def _require(folder: str | Path, name: str) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such model folder", path=folder)
    if not (folder / name).is_file():
        raise InputError(f"the model folder lacks {name}: give a folder that train.py wrote", path=folder)
    return folder / name


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads("\n".join(line for _, line in read_lines(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"is not valid JSON ({error.msg})", path=path, line=error.lineno) from error
    if not isinstance(values, dict):
        raise InputError("is not a JSON object", path=path)
    return values


def _sparse_to_json(encoder: SparseEncoder) -> dict[str, Any]:
    vocabulary = dict(sorted(encoder.vocabulary.items(), key=lambda item: item[1]))
    return {"analyzer": "char", "ngram_range": [1, 2], "vocabulary": vocabulary, "idf": encoder.idf.tolist()}
