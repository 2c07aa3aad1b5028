"""Array files mapped into memory: checked when opened, and given back when a part has been read."""

import mmap
from collections.abc import Iterable
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError

OFFSETS_BLOCK = 1 << 20  # offsets checked at a time


def map_array(path: Path, size: int | None, dtype: np.dtype[Any], shape: Iterable[int | None]) -> NDArray[Any]:
    """Map an array file whose size, type and shape are known, private to this process, so that torch may take it.

    Parameters
    ----------
    size
        Of the whole file, in bytes.
    shape
        None stands for a length that nothing tells.

    Raises
    ------
    InputError
        If the file is another one.
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
    """Give back the memory of what has been read of mapped arrays; it is read from the file again when needed.

    Pages that were read count as memory of the process until the system is short of it. Arrays that are not mapped stay
    as they are, and so does everything on a system without ``madvise``.
    """
    for array in arrays:
        mapping: Any = array.base  # of a memmap: the mapping itself
        if isinstance(mapping, mmap.mmap) and hasattr(mapping, "madvise"):
            mapping.madvise(mmap.MADV_DONTNEED)


def offsets_fit(offsets: NDArray[np.int64], end: int) -> bool:
    """Say whether offsets begin at 0, never fall, and stop at the end of their array; read a block at a time.

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
