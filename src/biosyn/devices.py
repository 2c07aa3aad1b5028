"""The device, decided once at the edge; and the seeds, set in one place."""

import ctypes
import random
import sys
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from biosyn.distributed.environment import local_rank
from biosyn.distributed.ranks import size
from biosyn.errors import InputError

RETURN_MEMORY_EVERY = 10  # steps of a training; each one would cost a tenth of the time, and save hardly more


def resolve_device(name: str) -> torch.device:
    """Return the torch device for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; of several ranks, each its GPU.

    Raises
    ------
    InputError
        If the name is unknown, or this machine has no such device.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device '{name}': use --device auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"no CUDA device for '{name}' on this machine: run with --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("no Apple GPU (mps) on this machine: run with --device cpu")
    if size() > 1 and (device.type == "mps" or device.index is not None):
        raise InputError(f"'{name}' is one device, not one for each of {size()} ranks: use --device cuda or cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"unknown device '{name}': use --device auto, cpu, cuda, cuda:N or mps")
    return torch.device("cuda", local_rank()) if size() > 1 and device.type == "cuda" else device


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on the device, without waiting for the work that is queued there."""
    if device.type == "cuda" and tensor.device.type == "cpu":  # a copy from memory that may be paged out would wait
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the context in which matrix products are computed in ``bfloat16`` or ``float16``; float32 changes nothing.

    Source: torch.autocast; weights, sums and what is sensitive to rounding stay float32.
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def room_for_vectors(device: torch.device) -> int:
    """Return how many bytes of a dictionary's vectors are held: half of a GPU's free memory, elsewhere 2 GB.

    What is larger is read from disk block by block at each search. 2 GB are a million names of 384 numbers.
    """
    if device.type != "cuda":
        return 2 * 10**9
    free, _ = torch.cuda.mem_get_info(device)
    return free // 2


def return_freed_memory() -> None:
    """Give memory that is free again back to the system, where the C library (glibc) would keep it for later.

    The activations of each batch have sizes of their own, so what is kept grows from batch to batch: half a gigabyte in
    an epoch of MiniLM.
    """
    trim = None if sys.platform == "win32" else getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
