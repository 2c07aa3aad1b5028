"""The files of a checkpoint: no pickle, the encoder's and tokenizer's own files, the rest as JSON.

A folder is a checkpoint when it holds the manifest, which is removed first and written last: a crash
while saving leaves a folder that does not load rather than a mixture of two models.
"""

import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from biosyn.checkpoint.encoder import no_bars
from biosyn.checkpoint.files import FILES, read_json, require
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import staged_folder, write_json

FORMAT_VERSION = 1


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
        with staged_folder(folder) as stage, no_bars():
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
    path = require(folder, FILES.manifest)
    values = read_json(path)
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
    path = require(folder, FILES.sparse_encoder)
    values = read_json(path)
    try:
        return SparseEncoder.from_values(dict(values["vocabulary"]), list(values["idf"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error


def _sparse_to_json(encoder: SparseEncoder) -> dict[str, Any]:
    vocabulary = dict(sorted(encoder.vocabulary.items(), key=lambda item: item[1]))
    return {"analyzer": "char", "ngram_range": [1, 2], "vocabulary": vocabulary, "idf": encoder.idf.tolist()}
