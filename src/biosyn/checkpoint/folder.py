"""Write and read a checkpoint folder in our format: the encoder's and tokenizer's own files, the rest as JSON.

A folder is a checkpoint only if it holds the manifest. Saving removes the manifest first and writes it last, so a
crash leaves a folder that does not load, not a mixture of two models.
"""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from biosyn.checkpoint.card import is_own_card, model_card
from biosyn.checkpoint.encoder import no_bars
from biosyn.checkpoint.files import FILES, require
from biosyn.checkpoint.manifest import Manifest, load_manifest, write_manifest
from biosyn.checkpoint.tokenizer import save_tokenizer
from biosyn.checkpoint.weights import is_finite
from biosyn.data.annotations import Annotations
from biosyn.encoders.pooling import Pooling
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import json_text, library_versions, read_json, sha256_of
from biosyn.retrieval.confidence import Calibration
from biosyn.retrieval.evidence import Reranking
from biosyn.writing import give_usual_modes, remove_leftovers, staged_folder, write_json, write_text

# sentence-transformers' modules that the manifest's pooling and similarity stand for, under the paths of all versions
_MODULES = {"Transformer", "Pooling", "Normalize", "Dropout"}
_POOLING_KEYS = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens"}


def save_checkpoint(
    folder: str | Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sparse_encoder: SparseEncoder,
    manifest: Manifest,
    annotations: Annotations | None = None,
) -> None:
    """Write the checkpoint into the folder, which sentence-transformers can load too; other files there stay.

    The manifest's ``libraries`` and ``files`` are filled in here. Counts of annotations that an earlier model left are
    removed if this one has none.
    """
    folder = Path(folder)
    _require_finite(model, manifest)
    try:
        with staged_folder(folder) as stage, no_bars():
            model.save_pretrained(stage)
            save_tokenizer(tokenizer, stage)
            write_json(stage / FILES.sparse_encoder, _sparse_to_json(sparse_encoder))
            if annotations is not None:
                write_json(stage / FILES.annotations, annotations.to_json())
            _write_sentence_transformers(stage, manifest, hidden=model.config.hidden_size)
            give_usual_modes(stage)
            names = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
            files = {name: sha256_of(stage / name) for name in names}
            manifest = replace(manifest, libraries=library_versions(), files=files)
            (folder / FILES.manifest).unlink(missing_ok=True)
            (folder / FILES.annotations).unlink(missing_ok=True)
            for name in names:
                (folder / name).parent.mkdir(exist_ok=True)
                os.replace(stage / name, folder / name)
            _write_card(folder, manifest)
            write_manifest(folder, manifest)
    except (OSError, SafetensorError) as error:
        raise InputError(f"the model cannot be written ({error}): choose another folder", path=folder) from error


def _require_finite(model: PreTrainedModel, manifest: Manifest) -> None:
    """Refuse a model that a training has ruined, before it replaces another one."""
    json_text(asdict(manifest))
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not is_finite(value):
            raise InputError(f"the model is not saved: {name} is not finite, the training has diverged: train it again")


def record_figures(folder: str | Path, data_set: str, figures: dict[str, Any]) -> None:
    """Write the accuracy on a data set into the manifest and the model card, in place of an earlier one."""
    _rewrite(Path(folder), figures={**load_manifest(folder).figures, data_set: figures})


def rename_figures(folder: str | Path, data_set: str, name: str) -> None:
    """Give the accuracy on a data set another name in the manifest and the model card."""
    figures = load_manifest(folder).figures
    _rewrite(Path(folder), figures={(name if key == data_set else key): value for key, value in figures.items()})


def record_calibration(folder: str | Path, score_mode: str, calibration: Calibration) -> None:
    """Write the calibration of a score mode into the manifest and the model card, in place of an earlier one."""
    _rewrite(Path(folder), calibration={**load_manifest(folder).calibration, score_mode: calibration.to_json()})


def record_reranking(folder: str | Path, score_mode: str, reranking: Reranking) -> None:
    """Write the weights of the second look for a score mode into the manifest and the model card."""
    _rewrite(Path(folder), reranking={**load_manifest(folder).reranking, score_mode: reranking.to_json()})


def rewritten_files(folder: str | Path) -> list[Path]:
    """Return the files that recording figures, a calibration or a reranking rewrites."""
    return [Path(folder, FILES.manifest), Path(folder, FILES.card)]


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
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error


def load_annotations(folder: str | Path, manifest: Manifest) -> Annotations | None:
    """Read ``annotations.json``; None where the manifest does not list it: before format 4, and without mentions."""
    if FILES.annotations not in manifest.files:
        return None
    path = require(folder, FILES.annotations)
    values = read_json(path)
    try:
        return Annotations.from_json(values)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error


def _sparse_to_json(encoder: SparseEncoder) -> dict[str, Any]:
    vocabulary = dict(sorted(encoder.vocabulary.items(), key=lambda item: item[1]))
    return {"analyzer": "char", "ngram_range": [1, 2], "vocabulary": vocabulary, "idf": encoder.idf.tolist()}


def read_sentence_transformers(folder: Path) -> Pooling | None:
    """Return how a sentence-transformers model makes its vectors; None if it is none, or does it in another way.

    Raises
    ------
    InputError
        If it has a module, such as Dense, that changes the vectors after the pooling, or that is code of its own.
    """
    path = folder / FILES.modules
    if not path.is_file():
        return None
    try:
        kinds = [str(module["type"]) for module in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"is damaged ({error!r}): download the model again", path=path) from error
    for kind in kinds:
        if not kind.startswith("sentence_transformers.") or kind.rpartition(".")[2] not in _MODULES:
            raise InputError(
                f"the model has the module {ascii(kind[:80])}, which is not applied here, so that its vectors would be "
                "others: to use its encoder alone, remove this file from a copy of the folder",
                path=path,
            )
    settings = read_json(folder / FILES.pooling) if (folder / FILES.pooling).is_file() else {}
    # since version 6 a name, before that a truth value for each
    modes = {mode for mode, key in _POOLING_KEYS.items() if settings.get(key) or settings.get("pooling_mode") == mode}
    similarity = "cosine" if any(kind.endswith(".Normalize") for kind in kinds) else "inner"
    return Pooling(modes.pop(), similarity) if len(modes) == 1 else None


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
