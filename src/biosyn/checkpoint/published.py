"""Read the two files that only published BioSyn checkpoints have: a pickled TfidfVectorizer, and w.

The pickle is never executed: its vocabulary and idf are read as data. The result does not depend on the installed
scikit-learn, which since 1.5 ignores the idf of older files.
"""

import io
import math
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biosyn.checkpoint.files import FILES, require
from biosyn.checkpoint.pickle_reader import DAMAGED, Made, Name, TreeError, read_tree
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.retrieval.search import LARGEST_SPARSE_WEIGHT

# Enough for 400,000 n-grams, at 40 bytes each in our export. A hostile file gives a tree of up to 80 times its size.
LARGEST_ENCODER = 16 * 2**20  # bytes
LARGEST_WEIGHT = 64 * 2**10  # bytes; a published file has 1.7 kB

VECTORIZER = "sklearn.feature_extraction.text.TfidfVectorizer"
TRANSFORMER = "sklearn.feature_extraction.text.TfidfTransformer"
# The names in numpy and scipy of every version, and the builtins under Python 3's name and the one protocol 2 writes.
_NUMPY_CORES = ("numpy.core", "numpy._core")
RECONSTRUCT = frozenset(f"{core}.multiarray._reconstruct" for core in _NUMPY_CORES)
SCALAR = frozenset(f"{core}.multiarray.scalar" for core in _NUMPY_CORES)
FROM_BUFFER = frozenset(f"{core}.numeric._frombuffer" for core in _NUMPY_CORES)
MATRICES = {
    f"scipy.sparse{module}.{kind}_{suffix}": kind
    for kind in ("csr", "csc", "dia", "coo")
    for module in ("", f".{kind}", f"._{kind}")
    for suffix in ("matrix", "array")
}
ALLOWED = frozenset(
    {VECTORIZER, TRANSFORMER, "numpy.ndarray", "numpy.dtype", "numpy.float64"}
    | {"builtins.set", "__builtin__.set", "_codecs.encode"}
    | {*RECONSTRUCT, *SCALAR, *FROM_BUFFER, *MATRICES}
)

# BioSyn's settings. Vectorizers of old versions keep those of the weighting in the transformer only.
WEIGHTING = {"norm": "l2", "use_idf": True, "sublinear_tf": False}
COUNTING = {
    "analyzer": "char",
    "ngram_range": (1, 2),
    "lowercase": True,
    "binary": False,
    "strip_accents": None,
    "preprocessor": None,
    "tokenizer": None,
    "stop_words": None,
}
SAME_IDF = 1e-12  # relative


def is_published(folder: str | Path) -> bool:
    """Say whether the folder holds a checkpoint in upstream's format, and none in ours."""
    folder = Path(folder)
    return (folder / FILES.published_sparse_encoder).is_file() and not (folder / FILES.manifest).exists()


def load_published_sparse_encoder(folder: str | Path) -> SparseEncoder:
    """Read ``sparse_encoder.pk`` as data: its vocabulary of V n-grams and their V idf weights.

    A pickle is refused if it asks for anything that a TfidfVectorizer does not need, and a TfidfVectorizer if its
    settings are not BioSyn's.
    """
    path = require(folder, FILES.published_sparse_encoder)
    data = _read(path, LARGEST_ENCODER)
    try:
        return _sparse_encoder(read_tree(data, ALLOWED))
    except TreeError as error:
        raise InputError(str(error), path=path) from error


def load_published_sparse_weight(folder: str | Path) -> float:
    """Read w, the one finite number in ``sparse_weight.pt``, on whatever device it was saved."""
    path = require(folder, FILES.published_sparse_weight)
    data = io.BytesIO(_read(path, LARGEST_WEIGHT))
    try:
        # torch does not check the checksums, so a changed bit would give another weight
        if zipfile.is_zipfile(data) and zipfile.ZipFile(data).testzip() is not None:
            raise zipfile.BadZipFile
        data.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about old formats, about which the user can do nothing
            weight = torch.load(data, weights_only=True, map_location="cpu")
            one = isinstance(weight, torch.Tensor) and weight.is_floating_point() and weight.numel() == 1
            value = float(weight.item()) if one else math.nan
    except Exception as error:  # on a damaged file, torch raises errors of any type
        raise InputError(f"cannot be read as a tensor ({type(error).__name__}): {DAMAGED}", path=path) from error
    if not abs(value) <= LARGEST_SPARSE_WEIGHT:  # NaN is not
        raise InputError(f"is not one finite number, the sparse weight: {DAMAGED}", path=path)
    return value


def _read(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > largest:
                raise InputError(
                    f"is larger than {largest} bytes, unlike any BioSyn checkpoint's: {DAMAGED}", path=path
                )
            return file.read()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}): check the file", path=path) from error


# -- from the tree to the encoder; any part of the tree can have any type


def _wrong(what: str) -> TreeError:
    return TreeError(f"is damaged ({what}): {DAMAGED}")


def _sparse_encoder(tree: object) -> SparseEncoder:
    vectorizer = _state_of(tree, VECTORIZER)
    transformer = _state_of(vectorizer.get("_tfidf"), TRANSFORMER)
    _check_settings(vectorizer, COUNTING)
    _check_settings(vectorizer, {name: value for name, value in WEIGHTING.items() if name in vectorizer})
    _check_settings(transformer, WEIGHTING)
    vocabulary = _vocabulary(vectorizer.get("vocabulary_"))
    idf = _idf(transformer, len(vocabulary))
    try:
        return SparseEncoder(vocabulary, idf.tolist())
    except ValueError as error:
        raise _wrong(str(error)) from error


def _state_of(tree: object, name: str) -> dict[str, Any]:
    if not isinstance(tree, Made) or tree.name != name:
        raise _wrong(f"it holds {_shown(tree)} in place of a {name.rpartition('.')[2]}")
    if not isinstance(tree.state, dict):
        raise _wrong(f"the {name.rpartition('.')[2]} has no attributes")
    return tree.state


def _check_settings(state: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if name not in state:
            raise _wrong(f"the setting {name} is missing")
        found = state[name]
        if type(found) is not type(value) or found != value:  # 1 is not True
            raise TreeError(
                f"is a TF-IDF of another kind ({name} is {_shown(found)}, BioSyn's is {value!r}): "
                "give a checkpoint that BioSyn wrote"
            )


def _vocabulary(tree: object) -> dict[str, int]:
    """Return n-gram -> column."""
    if not isinstance(tree, dict) or not tree:
        raise _wrong(f"the vocabulary is {_shown(tree)}")
    for ngram in tree:
        # no text has a lone surrogate, and it could not be written to a file
        if len(ngram) not in (1, 2) or any("\ud800" <= character <= "\udfff" for character in ngram):
            raise _wrong("the vocabulary holds something that is not a character 1- or 2-gram")
    columns = {ngram: _integer(column) for ngram, column in tree.items()}
    if not all(0 <= column < len(columns) for column in columns.values()):  # first: sorting huge numbers takes hours
        raise _wrong("the vocabulary's columns are not 0 .. V - 1")
    return columns


def _idf(transformer: dict[str, Any], size: int) -> NDArray[np.float64]:
    """Return the idf weights, shape (V,), from ``_idf_diag`` (scikit-learn until 1.4) or ``idf_`` (from 1.5 on)."""
    found = []
    if transformer.get("idf_") is not None:
        found.append(_array(transformer["idf_"], "f"))
    if transformer.get("_idf_diag") is not None:
        found.append(_diagonal(transformer["_idf_diag"], size))
    if not found:
        raise _wrong("there are no idf weights")
    if any(idf.shape != (size,) for idf in found):
        raise _wrong(f"there are not as many idf weights as n-grams, {size}")
    with np.errstate(all="ignore"):  # SparseEncoder checks later that they are finite
        agree = np.allclose(found[0], found[-1], rtol=SAME_IDF, atol=0.0, equal_nan=True)
    if not agree:
        raise _wrong("its idf_ and _idf_diag differ")
    return found[0]


def _diagonal(tree: object, size: int) -> NDArray[np.float64]:
    """Return the diagonal of a (V, V) sparse matrix, shape (V,); numbers off the diagonal are an error."""
    kind = MATRICES.get(tree.name) if isinstance(tree, Made) else None
    state = tree.state if isinstance(tree, Made) else None
    if kind is None or not isinstance(state, dict):
        raise _wrong(f"_idf_diag is {_shown(tree)}")
    shape = state.get("_shape")
    if not isinstance(shape, tuple) or [_integer(length) for length in shape] != [size, size]:
        raise _wrong(f"_idf_diag is not a matrix of {size} x {size}, the number of n-grams")
    columns = np.arange(size)
    expected: dict[str, NDArray[Any]]
    if kind == "dia":
        expected = {"offsets": np.zeros(1)}
    elif kind == "coo":
        rows = state.get("coords")  # in newer versions of scipy
        state = {**state, "row": rows[0], "col": rows[1]} if isinstance(rows, tuple) and len(rows) == 2 else state
        expected = {"row": columns, "col": columns}
    else:
        expected = {"indices": columns, "indptr": np.arange(size + 1)}
    if not all(np.array_equal(_array(state.get(name), "i"), value) for name, value in expected.items()):
        raise _wrong("_idf_diag is not a diagonal matrix")
    return _array(state.get("data"), "f")


# -- numpy's values; kind is "f" for floats or "i" for integers


def _array(tree: object, kind: str) -> NDArray[Any]:
    """Return the numbers of an array of shape (n,) or (1, n), shape (n,)."""
    shape: object = None
    dtype: object = None
    data: object = None
    if isinstance(tree, Made) and tree.name in RECONSTRUCT and isinstance(tree.state, tuple) and len(tree.state) == 5:
        _, shape, dtype, _, data = tree.state  # (version, shape, dtype, Fortran order, bytes)
    elif isinstance(tree, Made) and tree.name in FROM_BUFFER and len(tree.args) == 4 and tree.state is None:
        data, dtype, shape, _ = tree.args  # C or Fortran order is the same for one row
    values = _numbers(dtype, data, kind)
    if not isinstance(shape, tuple) or shape not in ((len(values),), (1, len(values))):
        raise _wrong("an array's shape is not that of its bytes")
    return values


def _numbers(dtype: object, data: object, kind: str) -> NDArray[Any]:
    """Return the numbers in the bytes, shape (n,), in this machine's byte order."""
    if not isinstance(dtype, Made) or dtype.name != "numpy.dtype" or not dtype.args:
        raise _wrong(f"an array is {_shown(dtype)}")
    code, state = dtype.args[0], dtype.state
    sizes = (f"{kind}4", f"{kind}8")
    # (version, byte order, then six values for structured and other types)
    if not isinstance(code, str) or code not in sizes or not isinstance(state, tuple) or len(state) != 8:
        raise _wrong(f"an array's type is {_shown(code)}, not one of {' and '.join(sizes)}")
    order = state[1]
    if not isinstance(order, str) or order not in ("<", ">"):
        raise _wrong(f"an array's byte order is {_shown(order)}")
    data = _bytes(data)
    if len(data) % int(code[1]):
        raise _wrong("an array's last number is cut short")
    return np.frombuffer(data, dtype=order + code).astype(f"{kind}8")


def _bytes(tree: object) -> bytes:
    if isinstance(tree, Made) and tree.name == "_codecs.encode" and tree.state is None:  # bytes in protocol 2
        if len(tree.args) != 2 or not isinstance(tree.args[0], str) or tree.args[1] not in ("latin1", "latin-1"):
            raise _wrong("bytes are not written as Latin-1")
        try:
            return tree.args[0].encode("latin-1")
        except UnicodeEncodeError as error:
            raise _wrong("bytes are not Latin-1") from error
    if not isinstance(tree, bytes):
        raise _wrong(f"an array's numbers are {_shown(tree)}")
    return tree


def _integer(tree: object) -> int:
    if isinstance(tree, Made) and tree.name in SCALAR and len(tree.args) == 2 and tree.state is None:
        values = _numbers(tree.args[0], tree.args[1], "i")
        if len(values) == 1:
            return int(values[0])
    if type(tree) is not int:
        raise _wrong(f"a number is {_shown(tree)}")
    return tree


def _shown(tree: object) -> str:
    """Return the value if it is short and plain, else its type: a foreign tree may be deep, huge or cyclic."""
    if tree is None or type(tree) in (bool, float):
        return repr(tree)
    if type(tree) is str and len(tree) <= 100:
        return ascii(tree)
    if type(tree) is int and tree.bit_length() <= 64:
        return repr(tree)
    if type(tree) is tuple and len(tree) <= 3 and all(type(part) in (int, str, type(None)) for part in tree):
        return f"({', '.join(map(_shown, tree))})"
    if isinstance(tree, Made):
        return f"a {tree.name}"
    return tree.path if isinstance(tree, Name) else f"a {type(tree).__name__}"
