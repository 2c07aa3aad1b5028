"""What an index of a dictionary is called and made of: its key, the hashes in it, its header and its array files."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from biosyn.checkpoint.files import FILES, read_json
from biosyn.checkpoint.manifest import library_versions
from biosyn.config import INDEX_PRECISIONS
from biosyn.errors import InputError
from biosyn.files import require_folder, sha256_of, write_json

FORMAT = "biosyn dictionary index"
FORMAT_VERSION = 1
HEADER = "header.json"
ENCODERS = "encoders.json"
PAPERS_POOLING = "cls inner"
DIGEST_LENGTH = 32  # hexadecimal digits of a key
CHECKSUM_BLOCK = 4 << 20  # bytes
TEXT_BLOCK = 16_384  # names turned to bytes at a time

_COUNTS = ("names", "hidden", "ngrams", "nonzero")  # N, H, V and the stored TF-IDF weights


# -- the key


@dataclass(frozen=True)
class IndexKey:
    """All that the vectors of a dictionary depend on; another value of any part is another index.

    Parameters
    ----------
    encoder, tokenizer
        `encoder_sha256` and `tokenizer_sha256` of the model folder.
    tfidf
        `tfidf_sha256` of the sparse encoder.
    max_length
        Tokens kept of a name, [CLS] and [SEP] included.
    precision
        How the dense vectors are stored: ``float32`` or ``float16``.
    dictionary
        `dictionary_sha256` of the names and ids.
    compute
        What the encoder computed in, such as ``bfloat16`` under autocast.
    pooling
        How vectors are made of the hidden states, and their similarity, a space between the two.
    """

    encoder: str
    tokenizer: str
    tfidf: str
    max_length: int
    precision: str
    dictionary: str
    compute: str = "float32"
    pooling: str = PAPERS_POOLING

    def __post_init__(self) -> None:
        if self.precision not in INDEX_PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is none of {', '.join(INDEX_PRECISIONS)}")

    def digest(self) -> str:
        """Return the name of the index's folder: 32 hexadecimal digits.

        Examples
        --------
        >>> key = IndexKey("a", "b", "c", 25, "float32", "d")
        >>> len(key.digest()), key.digest() == IndexKey("a", "b", "c", 24, "float32", "d").digest()
        (32, False)
        """
        parts = {"format_version": FORMAT_VERSION, **asdict(self)}
        if self.pooling == PAPERS_POOLING:  # indexes of before there was another keep their names
            del parts["pooling"]
        return hashlib.sha256(canonical_json(parts)).hexdigest()[:DIGEST_LENGTH]

    def same_encoders(self, other: "IndexKey") -> bool:
        """Whether a name that both dictionaries hold has the same vector."""
        return {**asdict(self), "dictionary": ""} == {**asdict(other), "dictionary": ""}


def canonical_json(value: Any) -> bytes:
    """Return the one way to write a JSON value: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def dictionary_sha256(names: Sequence[str], cuis: Sequence[str]) -> str:
    """Return the sha256 of names and ids in their order; where one ends and the next begins counts too.

    Examples
    --------
    >>> dictionary_sha256(["ab", "c"], ["D1", "D2"]) == dictionary_sha256(["a", "bc"], ["D1", "D2"])
    False
    """
    digest = hashlib.sha256(f"{len(names)} {len(cuis)}\n".encode())
    for texts in (names, cuis):
        for blob, ends in text_blocks(texts):
            digest.update(blob)
            digest.update(ends.astype("<i8").tobytes())
    return digest.hexdigest()


def tfidf_sha256(vocabulary: Mapping[str, int], idf: NDArray[np.float64]) -> str:
    """Return the sha256 of a TF-IDF: its n-grams with their columns, and the V idf weights, shape (V,)."""
    digest = hashlib.sha256(canonical_json(dict(vocabulary)))
    digest.update(np.asarray(idf, dtype="<f8").tobytes())
    return digest.hexdigest()


# -- the cache folder and what is remembered of encoders in it


def default_cache_dir() -> Path:
    """Return $BIOSYN_CACHE, or else ``biosyn`` in the platform's folder for caches."""
    chosen = os.environ.get("BIOSYN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        xdg = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"  # a relative one is to be ignored
    return base / "biosyn"


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


_TOKENIZER_FILES = {FILES.tokenizer, FILES.tokenizer_config, *FILES.vocabularies, *FILES.tokenizer_extras}
_ENCODER_FILES = {FILES.encoder_config, FILES.weights_index, FILES.old_weights_index, "adapter_config.json"}
_WEIGHTS = {".safetensors", ".bin"}


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


# -- texts as one blob


def text_blocks(texts: Sequence[str]) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    """Yield the UTF-8 of some texts after another and where each ends, counted from the start of the first block."""
    total = 0
    for start in range(0, len(texts), TEXT_BLOCK):
        encoded = [text.encode() for text in texts[start : start + TEXT_BLOCK]]
        ends = total + np.cumsum([len(text) for text in encoded], dtype=np.int64)
        total = int(ends[-1])
        yield b"".join(encoded), ends


# -- array files


class ArrayWriter:
    """Writes a one-dimensional ``.npy`` file piece by piece, its length not known before the end."""

    def __init__(self, path: Path, dtype: DTypeLike):
        self._dtype = np.dtype(dtype)
        self._length = 0
        self._file = path.open("wb")
        self._write_header()
        self._start = self._file.tell()

    def append(self, values: NDArray[Any]) -> None:
        """Add values, cast to the file's type."""
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).data)
        self._length += len(values)

    def _write_header(self) -> None:
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._length,)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()  # NumPy leaves room in it for a first axis that grows
                if self._file.tell() != self._start:
                    raise RuntimeError("NumPy's header grew with the length of the array")
                self._file.flush()
                os.fsync(self._file.fileno())


def allocate(path: Path, shape: tuple[int, int], dtype: DTypeLike) -> "np.memmap[Any, np.dtype[Any]]":
    """Make a ``.npy`` file of zeros and map it for writing.

    The zeros are really written: a full disk is an OSError here, and not the death of the process at the first
    touch of a page that has no place.
    """
    dtype = np.dtype(dtype)
    with path.open("wb") as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        left = shape[0] * shape[1] * dtype.itemsize
        zeros = bytes(min(left, CHECKSUM_BLOCK))
        while left:
            left -= file.write(zeros[:left])
        file.flush()
        os.fsync(file.fileno())
    return np.lib.format.open_memmap(path, mode="r+")  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def checksums(path: Path) -> list[str]:
    """Return the blake2b (128 bits, hexadecimal) of every 4 MiB of a file, the last one shorter."""
    sums = []
    with path.open("rb") as file:
        while block := file.read(CHECKSUM_BLOCK):
            sums.append(hashlib.blake2b(block, digest_size=16).hexdigest())
    return sums


# -- the header


@dataclass(frozen=True)
class Header:
    """``header.json``: what an index holds.

    Parameters
    ----------
    key
        What it was made of.
    counts
        ``names`` N, ``hidden`` H, ``ngrams`` V and ``nonzero``, the stored TF-IDF weights.
    files
        File name -> ``{"bytes": ..., "blake2b": [one for each 4 MiB]}``.
    libraries
        Versions that it was made with.
    """

    key: IndexKey
    counts: dict[str, int]
    files: dict[str, dict[str, Any]]
    libraries: dict[str, str]


def write_header(folder: Path, key: IndexKey, counts: dict[str, int], names: Iterable[str]) -> None:
    """Write ``header.json`` over the array files of the folder, which are complete by now."""
    files = {name: {"bytes": (folder / name).stat().st_size, "blake2b": checksums(folder / name)} for name in names}
    values = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "key": asdict(key),
        "counts": counts,
        "files": files,
        "libraries": library_versions(),
    }
    write_json(folder / HEADER, {**values, "sha256": hashlib.sha256(canonical_json(values)).hexdigest()})


def read_header(folder: Path) -> Header:
    """Read ``header.json``.

    Raises
    ------
    InputError
        If the folder is no index of ours, one of another format, or its header is damaged.
    """
    path = require_folder(folder) / HEADER
    if not path.is_file():
        raise InputError(f"is no dictionary index: it lacks {HEADER}", path=folder)
    values = read_json(path)
    if values.get("format") != FORMAT:
        raise InputError("is not the header of a dictionary index", path=path)
    if values.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"format_version is {values.get('format_version')}, this program reads {FORMAT_VERSION}: remove the index",
            path=path,
        )
    if values.pop("sha256", None) != hashlib.sha256(canonical_json(values)).hexdigest():
        raise InputError("is damaged (its own sha256 differs): remove the index", path=path)
    try:
        return Header(
            key=IndexKey(**values["key"]),
            counts={name: int(values["counts"][name]) for name in _COUNTS},
            files={str(name): dict(entry) for name, entry in values["files"].items()},
            libraries=dict(values["libraries"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"is damaged ({error!r}): remove the index", path=path) from error
