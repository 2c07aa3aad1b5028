"""A mapped array file of an index: kept open, and compared with its checksums as it is read."""

import os
import time
import weakref
import zlib
from collections.abc import Iterable, Mapping
from mmap import mmap
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.index.arrays import CHECKSUM_BLOCK, blake2b_of, map_array, open_regular, release

RELEASED_EVERY = 16  # blocks: a check of a whole file keeps 64 MiB of it in memory
CLOCK_GRAIN = 50 * 10**6  # ns: a file that was written to so lately may be written to again under the same time stamp
FINITE_BITS = {np.dtype(np.float16): (np.uint16, 0x7C00), np.dtype(np.float32): (np.uint32, 0x7F800000)}
Stamp = tuple[int, int, int]  # size, mtime and ctime of a file


class MappedArray:
    """One array file of an index. Slicing it checks what is given; who reads ``array`` itself calls `check` first.

    The file stays open: it goes on to be read when its name is removed, or is another file's. A block of it is compared
    with its checksum when it is first read. When the file's time stamps change, everything that was found sound is
    compared once more. What changes between a check and the use of what was checked is found by the next check alone;
    and if the file is cut meanwhile, the system ends the process (SIGBUS).

    Parameters
    ----------
    path
        The ``.npy`` file.
    entry
        What `checksums` returned when it was written; an index of an earlier version of the program has no crc32.
    dtype, shape
        What it must hold; None for a length that is not known.

    Raises
    ------
    InputError
        Here if the file is missing or of another size, type or shape; by the other methods if a block that they read is
        damaged or has a number that is not finite, or if the file has another size by now.
    """

    def __init__(self, path: Path, entry: Mapping[str, Any], dtype: np.dtype[Any], shape: Iterable[int | None]):
        self.path = path
        self._n_bytes = entry.get("bytes")
        try:
            file = open_regular(path)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=path) from error
        weakref.finalize(self, file.close)
        self._descriptor = file.fileno()
        self._stamp: Stamp | None = None
        self._sound = bytearray()  # of each block: whether it was compared
        self._forget_if_changed()
        mapped = map_array(file, path, dtype, shape)
        self.array: NDArray[Any] = mapped
        self._bytes = memoryview(cast(mmap, mapped.base))  # the whole file
        self._offset = int(mapped.offset)  # where the first item is
        self._sums = entry.get("crc32") or entry.get("blake2b") or []
        if len(self._sums) != -(-len(self._bytes) // CHECKSUM_BLOCK):
            raise InputError("is damaged (it has more or fewer checksums than blocks): remove the index", path=path)
        self._sound = bytearray(len(self._sums))

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, items: slice) -> NDArray[Any]:
        start, stop, _ = items.indices(len(self))
        self.check(start, stop)
        return self.array[items]

    @property
    def _item_bytes(self) -> int:
        return self.array.strides[0]

    def check(self, start: int = 0, stop: int | None = None) -> None:
        """Check items ``start`` to ``stop`` (the end), rows of a matrix: those that are read next."""
        stop = len(self) if stop is None else stop
        first = self._offset + start * self._item_bytes
        last = self._offset + stop * self._item_bytes
        blocks = range(first // CHECKSUM_BLOCK if start else 0, -(-last // CHECKSUM_BLOCK))
        self._check_blocks(blocks if stop > start else range(0))

    def check_items(self, items: NDArray[np.int64]) -> None:
        """Check single items, rows of a matrix, int64 of shape (R,)."""
        self._forget_if_changed()
        if 0 not in self._sound:
            return
        first = self._offset + items * self._item_bytes
        touched = np.concatenate([first, first + self._item_bytes - 1]) // CHECKSUM_BLOCK  # an item is in two at most
        self._check_blocks(np.unique(touched).tolist())

    def check_all(self, *, anew: bool = False) -> None:
        """Check the whole file; ``anew`` also what was found sound before."""
        if anew:
            self._sound = bytearray(len(self._sound))
        for start in range(0, len(self._sound), RELEASED_EVERY):
            self._check_blocks(range(start, min(start + RELEASED_EVERY, len(self._sound))))
            if len(self._sound) > RELEASED_EVERY:
                release(self.array)

    def _check_blocks(self, blocks: Iterable[int]) -> None:
        self._forget_if_changed()
        sound = self._sound  # this one: another thread may forget it meanwhile
        for block in blocks:
            if not sound[block]:
                self._compare(block)
                sound[block] = True

    def _forget_if_changed(self) -> None:
        """Compare what was found sound once more if the file was written to since, or removed, renamed, touched."""
        found = os.fstat(self._descriptor)
        stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if stamp == self._stamp:
            return
        if found.st_size != self._n_bytes:
            raise InputError(
                f"is damaged ({found.st_size} bytes, not {self._n_bytes}): remove the index", path=self.path
            )
        known, self._sound = self._sound, bytearray(len(self._sound))
        self._stamp = None if 0 <= time.time_ns() - max(stamp[1:]) < CLOCK_GRAIN else stamp
        for block in np.flatnonzero(np.frombuffer(known, dtype=np.uint8)).tolist():
            self._compare(block)
            self._sound[block] = True

    def _compare(self, block: int) -> None:
        first = block * CHECKSUM_BLOCK
        data, expected = self._bytes[first : first + CHECKSUM_BLOCK], self._sums[block]
        if expected != (zlib.crc32(data) if isinstance(expected, int) else blake2b_of(data)):
            raise damaged_block(self.path, block)
        if self.array.dtype in FINITE_BITS:
            kind, bits = FINITE_BITS[self.array.dtype]
            numbers = np.frombuffer(data[max(0, self._offset - first) :], dtype=kind)
            if ((numbers & bits) == bits).any():
                raise InputError("has numbers that are not finite: remove the index", path=self.path)


def damaged_block(path: Path, block: int) -> InputError:
    """Return the error that names a block with another checksum."""
    first = block * CHECKSUM_BLOCK
    last = first + CHECKSUM_BLOCK - 1
    return InputError(f"is damaged in block {block} (bytes {first} to {last}): remove the index", path=path)
