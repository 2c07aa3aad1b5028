"""The array files of an index: written piece by piece, checked when mapped, and released when read; packed texts."""

import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from types import TracebackType
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from biosyn.errors import InputError

TEXT_BLOCK = 16_384  # texts encoded or decoded at a time
OFFSETS_BLOCK = 1 << 20  # offsets checked at a time
CHECKSUM_BLOCK = 4 << 20  # bytes


# -- writing


class ArrayWriter:
    """Writes a one-dimensional ``.npy`` file piece by piece; its length is not known before the end."""

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

    The zeros are really written: a full disk is an OSError here, and not a signal that ends the process at the first
    write to a page without room.
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
    return map_for_writing(path)


def map_for_writing(path: Path) -> "np.memmap[Any, np.dtype[Any]]":
    """Map a ``.npy`` file that `allocate` made; one of another size would grow, so check that first."""
    return np.lib.format.open_memmap(path, mode="r+")  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def checksums(path: Path) -> list[str]:
    """Return the blake2b (128 bits, hexadecimal) of every 4 MiB of a file, the last one shorter."""
    sums = []
    with path.open("rb") as file:
        while block := file.read(CHECKSUM_BLOCK):
            sums.append(hashlib.blake2b(block, digest_size=16).hexdigest())
    return sums


# -- reading


def map_array(path: Path, size: int | None, dtype: np.dtype[Any], shape: Iterable[int | None]) -> NDArray[Any]:
    """Map an array file whose size, type and shape are known; an InputError if they are others.

    The mapping is private to this process and may be written to, as torch wants it; the file does not change.

    Parameters
    ----------
    size
        The bytes of the whole file.
    shape
        None for a length that is not known.
    """
    expected = list(shape)
    try:
        found = path.stat().st_size
        if found != size:
            raise InputError(f"is damaged ({found} bytes, not {size}): remove the index", path=path)
        array = np.lib.format.open_memmap(path, mode="c")  # never a pickle: an object array is a ValueError
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, EOFError, SyntaxError, OverflowError, MemoryError, TokenError) as error:
        raise InputError(f"is damaged ({str(error).partition(chr(10))[0]}): remove the index", path=path) from error
    fits = len(array.shape) == len(expected) and all(
        length in (None, found_length) for length, found_length in zip(expected, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits or np.isfortran(array):
        raise InputError(f"is damaged ({array.dtype} of shape {array.shape}): remove the index", path=path)
    return array


def release(*arrays: NDArray[Any]) -> None:
    """Free the memory of what has been read of mapped arrays; it is read from the file again when needed.

    Pages that were read count as memory of the process until the system is short of it. Nothing is done about arrays
    that are not mapped, and on systems without ``madvise``.
    """
    for array in arrays:
        mapping: Any = array.base  # of a memmap: the mapping itself
        if isinstance(mapping, mmap.mmap) and hasattr(mapping, "madvise"):
            mapping.madvise(mmap.MADV_DONTNEED)


def offsets_fit(offsets: NDArray[np.int64], end: int) -> bool:
    """Return whether offsets begin at 0, never fall, and end with the length of their array; read a block at a time.

    Examples
    --------
    >>> offsets_fit(np.array([0, 2, 2, 5]), 5), offsets_fit(np.array([0, 3, 2, 5]), 5)
    (True, False)
    """
    last = 0
    for start in range(0, len(offsets), OFFSETS_BLOCK):
        block = offsets[start : start + OFFSETS_BLOCK]
        if block[0] < last or np.any(block[1:] < block[:-1]):
            return False
        last = int(block[-1])
        release(offsets)
    return len(offsets) > 0 and offsets[0] == 0 and last == end


# -- texts


class PackedTexts(Sequence[str]):
    """N strings in two arrays; a string becomes a Python object only when it is asked for.

    A sequence like a list of strings, so that a dictionary's names may be either; without rows counted from the end.

    Parameters
    ----------
    blob
        The UTF-8 of all of them, uint8 of shape (bytes,).
    offsets
        Where each begins, and where the last ends: int64 of shape (N + 1,).

    Examples
    --------
    >>> texts = PackedTexts(np.frombuffer(b"abc", dtype=np.uint8), np.array([0, 2, 2, 3]))
    >>> texts[0], texts[1:], list(texts)
    ('ab', ['', 'c'], ['ab', '', 'c'])
    """

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]):
        self._blob = blob
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            start, stop, step = row.indices(len(self))
            if step != 1:
                raise ValueError("only neighbouring rows are sliced")
            return self._block(start, max(start, stop))
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self._block(row, row + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), TEXT_BLOCK):
            yield from self[start : start + TEXT_BLOCK]
            release(self._blob, self._offsets)

    def _block(self, start: int, stop: int) -> list[str]:
        ends = self._offsets[start : stop + 1].tolist()
        raw = self._blob[ends[0] : ends[-1]].tobytes()
        try:
            return [raw[begin - ends[0] : end - ends[0]].decode() for begin, end in pairwise(ends)]
        except UnicodeDecodeError as error:
            message = f"rows {start} to {stop - 1} of a dictionary index are damaged: remove the index"
            raise InputError(message) from error


def text_blocks(texts: Sequence[str]) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    """Yield the UTF-8 of block after block of texts, and where each text ends, counted from the first block's start."""
    total = 0
    for start in range(0, len(texts), TEXT_BLOCK):
        encoded = [text.encode() for text in texts[start : start + TEXT_BLOCK]]
        ends = total + np.cumsum([len(text) for text in encoded], dtype=np.int64)
        total = int(ends[-1])
        yield b"".join(encoded), ends
