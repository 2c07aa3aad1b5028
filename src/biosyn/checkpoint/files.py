"""The names of a checkpoint's files in one record, and the checks that every reader makes first."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biosyn.errors import InputError
from biosyn.files import canonical_json, read_json, require_folder, sha256_of, write_json


@dataclass(frozen=True)
class CheckpointFiles:
    """Every file name in a model folder that this program reads or writes."""

    # of our own format
    manifest: str = "biosyn.json"
    sparse_encoder: str = "sparse_encoder.json"
    card: str = "README.md"
    training_log: str = "train_log.jsonl"
    training_states: str = "training_state"
    # of the published checkpoints
    published_sparse_encoder: str = "sparse_encoder.pk"
    published_sparse_weight: str = "sparse_weight.pt"
    # of transformers
    encoder_config: str = "config.json"
    weights: str = "model.safetensors"
    weights_index: str = "model.safetensors.index.json"
    old_weights: str = "pytorch_model.bin"
    old_weights_index: str = "pytorch_model.bin.index.json"
    tokenizer: str = "tokenizer.json"
    tokenizer_config: str = "tokenizer_config.json"
    vocabularies: tuple[str, ...] = (
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tokenizer.model",
    )
    tokenizer_extras: tuple[str, ...] = ("special_tokens_map.json", "added_tokens.json")
    # of sentence-transformers
    modules: str = "modules.json"
    transformer_settings: str = "sentence_bert_config.json"
    pooling: str = "1_Pooling/config.json"


FILES = CheckpointFiles()
ENCODERS = "encoders.json"
_TOKENIZER_FILES = {FILES.tokenizer, FILES.tokenizer_config, *FILES.vocabularies, *FILES.tokenizer_extras}
_ENCODER_FILES = {FILES.encoder_config, FILES.weights_index, FILES.old_weights_index, "adapter_config.json"}
_WEIGHTS = {".safetensors", ".bin"}


def require(folder: str | Path, name: str) -> Path:
    """Return the path of the folder's file, or raise an InputError that names what is missing."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such model folder", path=folder)
    if not (folder / name).is_file():
        raise InputError(
            f"the model folder lacks {name}: give a folder that train.py wrote, or download the model again",
            path=folder,
        )
    return folder / name


def encoder_sha256(folder: str | Path, cache_dir: str | Path) -> str:
    """Return one sha256 for a model folder's config, weights and tokenizer files.

    Raises
    ------
    InputError
        If there is no such folder, or a file cannot be read.
    """
    return _sha256_of_hashes(file_hashes(folder, cache_dir))


def tokenizer_sha256(folder: str | Path, cache_dir: str | Path) -> str:
    """Return one sha256 for the tokenizer files alone; errors as `encoder_sha256`."""
    hashes = file_hashes(folder, cache_dir)
    return _sha256_of_hashes({name: digest for name, digest in hashes.items() if name in _TOKENIZER_FILES})


def file_hashes(folder: str | Path, cache_dir: str | Path) -> dict[str, str]:
    """Return file name -> sha256 of what an encoder is loaded from, in the order of the names.

    They are remembered in ``<cache_dir>/encoders.json`` by the path, size, time and inode of every file, so that
    hundreds of megabytes are not read at each start. A record that is damaged or cannot be written is done without.
    """
    folder = Path(os.path.abspath(require_folder(folder)))  # noqa: PTH100 (a Hub snapshot's links stay as they are)
    record = Path(cache_dir, ENCODERS)
    stamps = _stamps(folder)
    known = _remembered(record)
    found = known.get(str(folder))
    if found is not None and found["stamps"] == stamps:
        return dict(found["sha256"])
    hashes = {name: sha256_of(folder / name) for name in stamps}
    if _stamps(folder) == stamps:  # or else it was changed meanwhile
        kept = {path: value for path, value in known.items() if Path(path).is_dir()}
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            write_json(record, {**kept, str(folder): {"stamps": stamps, "sha256": hashes}})
        except (OSError, InputError):
            pass  # the caller is told when the index itself cannot be written
    return hashes


def is_encoder_file(path: Path) -> bool:
    """Say whether an encoder and its tokenizer are loaded from it: a file whose name is one of theirs."""
    return (path.name in _TOKENIZER_FILES | _ENCODER_FILES or path.suffix in _WEIGHTS) and path.is_file()


def _stamps(folder: Path) -> dict[str, list[int]]:
    """Return file name -> [size, mtime in ns, inode] of what an encoder is loaded from, sorted by name."""
    stamps = {}
    try:
        for path in sorted(folder.iterdir()):
            if is_encoder_file(path):
                status = path.stat()
                stamps[path.name] = [status.st_size, status.st_mtime_ns, status.st_ino]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=folder) from error
    return stamps


def _remembered(record: Path) -> dict[str, Any]:
    try:
        known = read_json(record)
    except InputError:  # not there yet, or damaged: it is written anew
        return {}
    return {path: value for path, value in known.items() if _is_record(value)}


def _is_record(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(value.get(part), dict) for part in ("stamps", "sha256")):
        return False
    hashes = value["sha256"]
    return value["stamps"].keys() == hashes.keys() and all(isinstance(digest, str) for digest in hashes.values())


def _sha256_of_hashes(hashes: Mapping[str, str]) -> str:
    return hashlib.sha256(canonical_json(dict(hashes))).hexdigest()
