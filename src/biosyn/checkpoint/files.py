"""The names of a checkpoint's files in one record, and the checks that every reader makes first."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biosyn.errors import InputError
from biosyn.files import read_lines


@dataclass(frozen=True)
class CheckpointFiles:
    """Every file name that this program gives a meaning to in a model folder."""

    # ours
    manifest: str = "biosyn.json"
    sparse_encoder: str = "sparse_encoder.json"
    card: str = "README.md"
    training_log: str = "train_log.jsonl"
    training_states: str = "training_state"
    # the published checkpoints'
    published_sparse_encoder: str = "sparse_encoder.pk"
    published_sparse_weight: str = "sparse_weight.pt"
    # transformers'
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
    # sentence-transformers'
    modules: str = "modules.json"
    transformer_settings: str = "sentence_bert_config.json"
    pooling: str = "1_Pooling/config.json"


FILES = CheckpointFiles()


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


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of the file; anything else is an InputError."""
    try:
        values = json.loads("\n".join(line for _, line in read_lines(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"is not valid JSON ({error.msg})", path=path, line=error.lineno) from error
    except RecursionError as error:
        raise InputError("is not JSON of ours: it is nested too deeply", path=path) from error
    if not isinstance(values, dict):
        raise InputError("is not a JSON object", path=path)
    return values
