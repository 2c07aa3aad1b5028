"""A checkpoint in upstream's files, for the programs that read those: the only place where a pickle is written.

They call ``pickle.load``, ``torch.load`` and ``AutoModel.from_pretrained``, under libraries of many years: what is
written here is made of the parts that all of them know. Nothing here unpickles.
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

from biosyn.checkpoint.encoder import no_bars, save_tokenizer
from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.published import COUNTING, WEIGHTING
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import read_json, staged_folder, write_json, write_lines

PICKLE_PROTOCOL = 3  # the newest that spells every class out in one opcode, GLOBAL; Python 3.7's own

# Where numpy >= 2 and scipy >= 1.8 say their parts live -> a name that older and newer ones import, without a warning.
NAMES_OF_EVERY_VERSION = {
    "numpy._core.multiarray _reconstruct": "numpy.core.multiarray _reconstruct",
    "scipy.sparse._csr csr_matrix": "scipy.sparse csr_matrix",
}

# What BioSyn's TF-IDF is, and scikit-learn's defaults beside it, spelled out: an unpickled object has only the
# parameters that its pickle holds.
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
    ``sparse_encoder.pk`` and ``sparse_weight.pt``. The first is removed first and comes back last: a crash while
    saving leaves a folder that does not load.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds a model's file that would be read beside these, or in their place.
    """
    folder = Path(folder)
    try:
        with staged_folder(folder) as stage, no_bars():
            _write_encoder(stage, model)
            _write_tokenizer(stage, tokenizer)
            (stage / FILES.published_sparse_encoder).write_bytes(_pickled(sparse_encoder))
            weight = torch.nn.Parameter(torch.tensor([sparse_weight], dtype=torch.float32))  # (1,)
            _torch_save(weight, stage / FILES.published_sparse_weight)
            _refuse_a_mixture(folder, {path.name for path in stage.iterdir()})
            (folder / FILES.encoder_config).unlink(missing_ok=True)
            for path in sorted(stage.iterdir(), key=lambda path: (path.name == FILES.encoder_config, path.name)):
                os.replace(path, folder / path.name)
    except (OSError, SafetensorError) as error:
        raise InputError(f"the model cannot be written ({error}): choose another folder", path=folder) from error


def _write_encoder(stage: Path, model: PreTrainedModel) -> None:
    # by way of transformers' own file: its names and its choice of weights, whatever has been done to the modules
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
        return  # its slow tokenizer has files of its own
    rows = sorted((row, piece) for piece, row in backend.get_vocab(with_added_tokens=False).items())
    # A piece's id is its line; where that cannot be, tokenizer.json alone must do.
    if [row for row, _ in rows] == list(range(len(rows))):
        write_lines(stage / "vocab.txt", (piece for _, piece in rows))


def _torch_save(value: Any, path: Path) -> None:
    try:
        torch.save(value, path)
    except RuntimeError as error:  # so torch calls a full disk
        raise OSError(str(error).splitlines()[0]) from error


def _refuse_a_mixture(folder: Path, written: set[str]) -> None:
    """Refuse a folder with a model's file that the export does not replace: our manifest, newer weights."""
    for name in _file_names():
        if name not in written and name != FILES.card and (folder / name).exists():
            raise InputError(
                f"holds {name} already, which would be read with the exported files: choose another folder", path=folder
            )


def _file_names() -> Iterator[str]:
    for value in asdict(FILES).values():
        yield from (value,) if isinstance(value, str) else value


def _pickled(encoder: SparseEncoder) -> bytes:
    """Return the encoder as a pickled TfidfVectorizer that computes right under scikit-learn 0.18 to 1.9.

    Until 1.4 scikit-learn multiplies by ``_idf_diag``, from 1.5 on by ``idf_``, and neither looks for the other: so
    both are there.

    scikit-learn adds its ``_sklearn_version``, and warns when it loads under another. Under another it warns without
    one too ("from version pre-0.18"), so the true one stays: it is silent where it was written, and right elsewhere.
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
    # The pickle of equal strings depends on whether they are one object, so they are made to be.
    vocabulary = {
        intern(ngram): column for ngram, column in sorted(encoder.vocabulary.items(), key=lambda item: item[1])
    }
    counting = {
        **ALL_WEIGHTING,
        **ALL_COUNTING,
        "fixed_vocabulary_": False,
        "vocabulary_": vocabulary,
        "stop_words_": None,  # what fit() cut away, kept for a look until 1.4; its documentation allows None
        "_tfidf": _with_state(TfidfTransformer, weighting),
    }
    return _renamed(pickle.dumps(_with_state(TfidfVectorizer, counting), protocol=PICKLE_PROTOCOL))


def _with_state(kind: type[Any], state: dict[str, Any]) -> Any:
    # past the constructor, whose parameters and private attributes are the installed version's
    estimator: Any = object.__new__(kind)
    vars(estimator).update(state)
    return estimator


def _renamed(pickled: bytes) -> bytes:
    """Give the classes the names that every version of their libraries knows; not a byte of the data is looked at."""
    parts, done = [], 0
    for opcode, argument, position in pickletools.genops(pickled):
        if opcode.name == "GLOBAL" and position is not None and argument in NAMES_OF_EVERY_VERSION:
            parts += [pickled[done:position], _global(NAMES_OF_EVERY_VERSION[argument])]
            done = position + len(_global(argument))
    return b"".join([*parts, pickled[done:]])


def _global(name: str) -> bytes:
    module, attribute = name.split(" ")
    return f"c{module}\n{attribute}\n".encode("ascii")
