"""The names of a checkpoint's files, and which of them an encoder is loaded from."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import canonical_json, require_folder, sha256_of


@dataclass(frozen=True)
class CheckpointFiles:
    """Every file name in a model folder that this program reads or writes."""

    # of our own format
    manifest: str = "biosyn.json"
    sparse_encoder: str = "sparse_encoder.json"
    annotations: str = "annotations.json"
    card: str = "README.md"
    training_log: str = "train_log.jsonl"
    training_states: str = "training_state"
    training_lock: str = ".training.lock"
    # of the published checkpoints
    published_sparse_encoder: str = "sparse_encoder.pk"
    published_sparse_weight: str = "sparse_weight.pt"
    # of transformers
    encoder_config: str = "config.json"
    weights: str = "model.safetensors"
    weights_index: str = "model.safetensors.index.json"
    old_weights: str = "pytorch_model.bin"
    old_weights_index: str = "pytorch_model.bin.index.json"
    adapter: str = "adapter_config.json"
    tokenizer: str = "tokenizer.json"
    tokenizer_config: str = "tokenizer_config.json"
    vocabularies: tuple[str, ...] = (
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "spm.model",
        "sentencepiece.bpe.model",
        "tokenizer.model",
    )
    tokenizer_extras: tuple[str, ...] = ("special_tokens_map.json", "added_tokens.json")
    # of sentence-transformers
    modules: str = "modules.json"
    transformer_settings: str = "sentence_bert_config.json"
    pooling: str = "1_Pooling/config.json"


FILES = CheckpointFiles()
# the files of the weights: whole, the list of their parts, a part; the first kind that is there is read
WEIGHTS = (
    (FILES.weights, FILES.weights_index, re.compile(r"model-[0-9]{5}-of-[0-9]{5}\.safetensors")),
    (FILES.old_weights, FILES.old_weights_index, re.compile(r"pytorch_model-[0-9]{5}-of-[0-9]{5}\.bin")),
)
_TOKENIZER_FILES = {FILES.tokenizer, FILES.tokenizer_config, *FILES.vocabularies, *FILES.tokenizer_extras}
_ENCODER_FILES = {FILES.encoder_config, FILES.weights_index, FILES.old_weights_index, FILES.adapter}
_WEIGHT_SUFFIXES = {".safetensors", ".bin"}


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


def is_encoder_file(path: Path) -> bool:
    """Return whether an encoder and its tokenizer are loaded from the file: its name is one of theirs."""
    return _is_encoder_name(path) and path.is_file()


def _is_encoder_name(path: Path) -> bool:
    return path.name in _TOKENIZER_FILES | _ENCODER_FILES or path.suffix in _WEIGHT_SUFFIXES


def model_files(folder: Path) -> list[Path]:
    """Return what has the name of a model's file in a folder: all that loading reads, and saving replaces."""
    if not folder.is_dir():
        return []
    names = {name for name in astuple(FILES) if isinstance(name, str)} - {FILES.training_states, FILES.training_lock}
    found = [path for path in folder.iterdir() if path.name in names or _is_encoder_name(path)]
    return [*sorted(found), folder / FILES.pooling]


def encoder_sha256(folder: str | Path, known: Mapping[str, str]) -> str:
    """Return one sha256 for a model folder's config, weights and tokenizer files.

    Parameters
    ----------
    known
        File name -> sha256, of files that have just been hashed; the others are hashed here.
    """
    folder = require_folder(folder)
    try:
        names = sorted(path.name for path in folder.iterdir() if is_encoder_file(path))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=folder) from error
    hashes = {name: known.get(name) or sha256_of(folder / name) for name in names}
    return hashlib.sha256(canonical_json(hashes)).hexdigest()
