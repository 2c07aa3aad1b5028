"""Write a checkpoint in upstream's files, for the programs that read those; no other module writes a pickle.

These programs call ``pickle.load``, ``torch.load`` and ``AutoModel.from_pretrained`` of old and new library versions,
so the files contain only names that every version knows. Nothing here unpickles.
"""

import os
import pickle
import pickletools
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from tokenizers.models import WordPiece
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from biosyn.checkpoint.encoder import no_bars
from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.published import COUNTING, WEIGHTING
from biosyn.checkpoint.tokenizer import save_tokenizer
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import read_json
from biosyn.writing import give_usual_modes, staged_folder, write_json, write_lines

PICKLE_PROTOCOL = 3  # the newest that writes a class as one opcode, GLOBAL; the default of Python 3.7

# A name as numpy >= 2 and scipy >= 1.8 pickle it -> one that older and newer versions import without a warning.
NAMES_OF_EVERY_VERSION = {
    "numpy._core.multiarray _reconstruct": "numpy.core.multiarray _reconstruct",
    "scipy.sparse._csr csr_matrix": "scipy.sparse csr_matrix",
}

# The settings of BioSyn's TF-IDF and scikit-learn's defaults for the rest: an unpickled object has only the parameters
# that its pickle holds.
ALL_WEIGHTING = {**WEIGHTING, "smooth_idf": True}
ALL_COUNTING = {
    **COUNTING,
    "input": "content",
    "encoding": "utf-8",
    "decode_error": "strict",
    "token_pattern": r"(?u)\b\w\w+\b",
    "max_df": 1.0,
    "min_df": 1,
    "max_features": None,
    "vocabulary": None,
    "dtype": np.float64,
}


def save_upstream(
    folder: str | Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sparse_encoder: SparseEncoder,
    sparse_weight: float,
) -> None:
    """Write the checkpoint into the folder in upstream's format; other files there stay.

    The files are ``config.json``, ``pytorch_model.bin``, the tokenizer's (with ``vocab.txt``, if it is WordPiece),
    ``sparse_encoder.pk`` and ``sparse_weight.pt``. ``config.json`` is removed first and written last, so a crash leaves
    a folder that does not load. A folder is refused if it holds a model file that would be read with or instead of
    these.
    """
    folder = Path(folder)
    try:
        with staged_folder(folder) as stage, no_bars():
            _write_encoder(stage, model)
            _write_tokenizer(stage, tokenizer)
            (stage / FILES.published_sparse_encoder).write_bytes(_pickled(sparse_encoder))
            weight = torch.nn.Parameter(torch.tensor([sparse_weight], dtype=torch.float32))  # (1,)
            _torch_save(weight, stage / FILES.published_sparse_weight)
            give_usual_modes(stage)
            _refuse_a_mixture(folder, {path.name for path in stage.iterdir()})
            (folder / FILES.encoder_config).unlink(missing_ok=True)
            for path in sorted(stage.iterdir(), key=lambda path: (path.name == FILES.encoder_config, path.name)):
                os.replace(path, folder / path.name)
    except (OSError, SafetensorError) as error:
        raise InputError(f"the model cannot be written ({error}): choose another folder", path=folder) from error


def _write_encoder(stage: Path, model: PreTrainedModel) -> None:
    # via transformers' own file, which has the right names and weights even if modules have been replaced
    model.save_pretrained(stage)
    weights = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(stage / FILES.weights).items()
    }
    (stage / FILES.weights).unlink()
    _torch_save(weights, stage / FILES.old_weights)
    config = read_json(stage / FILES.encoder_config)
    write_json(stage / FILES.encoder_config, {**config, "dtype": "float32"})  # as the weights are


def _write_tokenizer(stage: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    save_tokenizer(tokenizer, stage)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not isinstance(backend.model, WordPiece):
        return  # other slow tokenizers have their own files
    rows = sorted((row, piece) for piece, row in backend.get_vocab(with_added_tokens=False).items())
    # the line of a piece is its id, so ids with gaps are in tokenizer.json alone
    if [row for row, _ in rows] == list(range(len(rows))):
        write_lines(stage / "vocab.txt", (piece for _, piece in rows))


def _torch_save(value: Any, path: Path) -> None:
    try:
        torch.save(value, path)
    except RuntimeError as error:  # torch reports a full disk as one
        raise OSError(str(error).splitlines()[0]) from error


def _refuse_a_mixture(folder: Path, written: set[str]) -> None:
    """Refuse a folder with a model file that the export does not replace, such as our manifest or newer weights."""
    for name in _file_names():
        if name not in written and name != FILES.card and (folder / name).exists():
            raise InputError(
                f"already holds {name}, which would be read with the exported files: choose another folder", path=folder
            )


def _file_names() -> Iterator[str]:
    for value in asdict(FILES).values():
        yield from (value,) if isinstance(value, str) else value


def _pickled(encoder: SparseEncoder) -> bytes:
    """Return the encoder as a pickled TfidfVectorizer that gives the right vectors under scikit-learn 0.18 to 1.9.

    scikit-learn multiplies by ``_idf_diag`` until 1.4 and by ``idf_`` from 1.5 on, so the pickle has both.

    scikit-learn adds ``_sklearn_version`` to a pickle, and warns when another version loads it. Without the entry it
    would warn as well ("from version pre-0.18"), so the true version stays.
    """
    idf = np.array(encoder.idf, dtype=np.float64)  # (V,)
    size = len(idf)
    columns, ends = np.arange(size, dtype=np.int32), np.arange(size + 1, dtype=np.int32)  # (V,), (V + 1,)
    weighting = {
        **ALL_WEIGHTING,
        "n_features_in_": size,
        "idf_": idf,
        "_idf_diag": sparse.csr_matrix((idf.copy(), columns, ends), shape=(size, size)),
    }
    # Equal strings are pickled differently if they are separate objects, so they are interned.
    vocabulary = {
        intern(ngram): column for ngram, column in sorted(encoder.vocabulary.items(), key=lambda item: item[1])
    }
    counting = {
        **ALL_WEIGHTING,
        **ALL_COUNTING,
        "fixed_vocabulary_": False,
        "vocabulary_": vocabulary,
        "stop_words_": None,  # the terms that fit() dropped, kept for inspection until 1.4; documented to allow None
        "_tfidf": _with_state(TfidfTransformer, weighting),
    }
    return _renamed(pickle.dumps(_with_state(TfidfVectorizer, counting), protocol=PICKLE_PROTOCOL))


def _with_state(kind: type[Any], state: dict[str, Any]) -> Any:
    # without the constructor, whose parameters and private attributes depend on the installed version
    estimator: Any = object.__new__(kind)
    vars(estimator).update(state)
    return estimator


def _renamed(pickled: bytes) -> bytes:
    """Replace the names of classes by ones that every version of their libraries knows; data is left as it is."""
    parts, done = [], 0
    for opcode, argument, position in pickletools.genops(pickled):
        if opcode.name == "GLOBAL" and position is not None and argument in NAMES_OF_EVERY_VERSION:
            parts += [pickled[done:position], _global(NAMES_OF_EVERY_VERSION[argument])]
            done = position + len(_global(argument))
    return b"".join([*parts, pickled[done:]])


def _global(name: str) -> bytes:
    module, attribute = name.split(" ")
    return f"c{module}\n{attribute}\n".encode("ascii")
