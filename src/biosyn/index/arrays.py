"""The array files of an index: written piece by piece, checked when mapped, and released when read; packed texts."""

import errno
import hashlib
import mmap
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from types import TracebackType
from typing import Any, BinaryIO, Protocol, overload

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


def blake2b_of(block: bytes | memoryview) -> str:
    """Return the blake2b of a block of a file: 128 bits, hexadecimal."""
    return hashlib.blake2b(block, digest_size=16).hexdigest()


def checksums(path: Path) -> dict[str, Any]:
    """Return the ``bytes`` of a file, and the ``blake2b`` and ``crc32`` of every 4 MiB of it, the last one shorter.

    The crc32 finds damage as surely and takes a quarter of the time, so it is what is compared when blocks are read.
    """
    sums: dict[str, Any] = {"bytes": 0, "blake2b": [], "crc32": []}
    with open_regular(path) as file:
        while block := file.read(CHECKSUM_BLOCK):
            sums["bytes"] += len(block)
            sums["blake2b"].append(blake2b_of(block))
            sums["crc32"].append(zlib.crc32(block))
    return sums


# -- reading


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read its bytes; an OSError if it is a pipe or a device, on which a reader could wait for ever."""
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "Not a regular file")
    return file


def map_array(
    file: BinaryIO, path: Path, dtype: np.dtype[Any], shape: Iterable[int | None]
) -> "np.memmap[Any, np.dtype[Any]]":
    """Map an array file whose type and shape are known; an InputError if they are others.

    The mapping is private to this process and may be written to, as torch wants it; the file does not change.

    Parameters
    ----------
    file, path
        The open file, at its start, and its name for errors.
    shape
        None for a length that is not known.
    """
    expected = list(shape)
    try:
        if np.lib.format.read_magic(file) != (1, 0):  # type: ignore[no-untyped-call, unused-ignore]
            raise ValueError("of another version of NumPy's format")
        found_shape, fortran, found = np.lib.format.read_array_header_1_0(file)  # type: ignore[no-untyped-call, unused-ignore]
        fits = len(found_shape) == len(expected) and all(map(_length_fits, expected, found_shape))
        if found != dtype or not fits or fortran:  # compared before it is mapped: an object array is a pickle
            raise InputError(f"is damaged ({found} of shape {found_shape}): remove the index", path=path)
        return np.memmap(file, dtype=dtype, mode="c", shape=found_shape, offset=file.tell())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, EOFError, SyntaxError, OverflowError, MemoryError, TokenError) as error:
        raise InputError(f"is damaged ({str(error).partition(chr(10))[0]}): remove the index", path=path) from error


def _length_fits(expected: int | None, found: int) -> bool:
    return expected in (None, found)


def release(*arrays: Any) -> None:
    """Free the memory of what has been read of mapped arrays; it is read from the file again when needed.

    Pages that were read count as memory of the process until the system is short of it. Nothing is done about arrays
    that are not mapped, and on systems without ``madvise``.

    Parameters
    ----------
    arrays
        NumPy's, or a `MappedArray` with one.
    """
    for array in arrays:
        mapping = getattr(array, "array", array).base  # of a memmap: the mapping itself
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


class Items(Protocol):
    """What `PackedTexts` reads: an array, or a `MappedArray`, which checks what it gives."""

    def __len__(self) -> int: ...
    def __getitem__(self, items: slice, /) -> NDArray[Any]: ...


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

    def __init__(self, blob: Items, offsets: Items):
        self._blob = blob
        self._offsets = offsets

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the texts themselves: a mapping belongs to its process."""
        return tuple, (list(self),)

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
