"""Write and read a checkpoint folder in our format: the encoder's and tokenizer's own files, the rest as JSON.

A folder is a checkpoint only if it holds the manifest. Saving removes the manifest first and writes it last, so a
crash leaves a folder that does not load, not a mixture of two models.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from biosyn.checkpoint.card import is_own_card, model_card
from biosyn.checkpoint.encoder import no_bars, save_tokenizer
from biosyn.checkpoint.files import FILES, require
from biosyn.checkpoint.manifest import Manifest, load_manifest, write_manifest
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import (
    give_usual_modes,
    library_versions,
    read_json,
    remove_leftovers,
    sha256_of,
    staged_folder,
    write_json,
    write_text,
)
from biosyn.retrieval.confidence import Calibration


def save_checkpoint(
    folder: str | Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sparse_encoder: SparseEncoder,
    manifest: Manifest,
) -> None:
    """Write the checkpoint into the folder, which sentence-transformers can load too; other files there stay.

    The manifest's ``libraries`` and ``files`` are filled in here.
    """
    folder = Path(folder)
    try:
        with staged_folder(folder) as stage, no_bars():
            model.save_pretrained(stage)
            save_tokenizer(tokenizer, stage)
            write_json(stage / FILES.sparse_encoder, _sparse_to_json(sparse_encoder))
            _write_sentence_transformers(stage, manifest, hidden=model.config.hidden_size)
            give_usual_modes(stage)
            names = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
            files = {name: sha256_of(stage / name) for name in names}
            manifest = replace(manifest, libraries=library_versions(), files=files)
            (folder / FILES.manifest).unlink(missing_ok=True)
            for name in names:
                (folder / name).parent.mkdir(exist_ok=True)
                os.replace(stage / name, folder / name)
            _write_card(folder, manifest)
            write_manifest(folder, manifest)
    except (OSError, SafetensorError) as error:
        raise InputError(f"the model cannot be written ({error}): choose another folder", path=folder) from error


def record_figures(folder: str | Path, data_set: str, figures: dict[str, Any]) -> None:
    """Write the accuracy on a data set into the manifest and the model card, in place of an earlier one."""
    _rewrite(Path(folder), figures={**load_manifest(folder).figures, data_set: figures})


def record_calibration(folder: str | Path, score_mode: str, calibration: Calibration) -> None:
    """Write the calibration of a score mode into the manifest and the model card, in place of an earlier one."""
    _rewrite(Path(folder), calibration={**load_manifest(folder).calibration, score_mode: calibration.to_json()})


def _rewrite(folder: Path, **changes: Any) -> None:
    remove_leftovers(folder)
    manifest = replace(load_manifest(folder), **changes)
    write_manifest(folder, manifest)
    _write_card(folder, manifest)


def load_sparse_encoder(folder: str | Path) -> SparseEncoder:
    """Read ``sparse_encoder.json``."""
    path = require(folder, FILES.sparse_encoder)
    values = read_json(path)
    try:
        return SparseEncoder(dict(values["vocabulary"]), list(values["idf"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error


def _sparse_to_json(encoder: SparseEncoder) -> dict[str, Any]:
    vocabulary = dict(sorted(encoder.vocabulary.items(), key=lambda item: item[1]))
    return {"analyzer": "char", "ngram_range": [1, 2], "vocabulary": vocabulary, "idf": encoder.idf.tolist()}


def _write_sentence_transformers(folder: Path, manifest: Manifest, *, hidden: int) -> None:
    """Write sentence-transformers' settings: the encoder at the top of the folder, the pooling, the length 1."""
    pooling = Path(FILES.pooling)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": str(pooling.parent), "type": "sentence_transformers.models.Pooling"},
    ]
    if manifest.similarity == "cosine":  # this module has no settings, so it needs no folder
        modules.append({"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})
    (folder / pooling.parent).mkdir()
    write_json(folder / FILES.modules, modules)
    write_json(folder / FILES.transformer_settings, {"max_seq_length": manifest.max_length, "do_lower_case": False})
    write_json(
        folder / pooling,
        {
            "word_embedding_dimension": hidden,
            "pooling_mode_cls_token": manifest.pooling == "cls",
            "pooling_mode_mean_tokens": manifest.pooling == "mean",
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )


def _write_card(folder: Path, manifest: Manifest) -> None:
    path = folder / FILES.card
    if not path.exists() or is_own_card(path.read_text(encoding="utf-8", errors="replace")):
        write_text(path, model_card(manifest))
