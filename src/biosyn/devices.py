"""The device and the precision, resolved once, and after a fork; autocast, memory, and seeds, set in one place."""

import ctypes
import os
import random
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from biosyn.distributed.environment import local_rank
from biosyn.distributed.ranks import from_first, size
from biosyn.errors import InputError

RETURN_MEMORY_EVERY = 10  # training steps; doing it in each one takes a tenth of the time and saves hardly more


_gpu_in_use = False  # at the last fork of this process
_gpu_lost = False  # this process was forked from one that used its GPU


def resolve_device(name: str) -> torch.device:
    """Return the torch device for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; each rank has its own GPU.

    Raises
    ------
    InputError
        If there is no such device, or none that this process can use.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = existing_device(name)
    if size() > 1 and (device.type == "mps" or device.index is not None):
        raise InputError(f"'{name}' is one device, not one for each of {size()} ranks: use --device cuda or cpu")
    return torch.device("cuda", local_rank()) if size() > 1 and device.type == "cuda" else device


def existing_device(name: torch.device | str) -> torch.device:
    """Return the torch device of this name, or this device; an InputError if this machine has none."""
    unknown = InputError(f"unknown device '{name}': use --device auto, cpu, cuda, cuda:N or mps")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise unknown from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise unknown
    require_usable(device)
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"no CUDA device for '{name}' on this machine: run with --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("no Apple GPU (mps) on this machine: run with --device cpu")
    return device


def require_usable(device: torch.device) -> None:
    """Refuse a GPU in a process that was forked after the GPU had been used: it has no access to it, and may hang."""
    if _gpu_lost and device.type != "cpu":
        raise InputError(
            f"'{device}' cannot be used here: this process was forked from one that used the GPU; start processes by "
            "multiprocessing's 'spawn', or run with --device cpu"
        )


def _before_fork() -> None:
    global _gpu_in_use
    _gpu_in_use = torch.cuda.is_initialized() or torch.backends.mps.is_available()


def _after_fork() -> None:
    """Compute in one thread: the others stayed in the parent, and OpenMP would wait for them for ever."""
    global _gpu_lost
    _gpu_lost = _gpu_lost or _gpu_in_use
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on the device, without waiting for the work that is queued there."""
    if device.type == "cuda" and tensor.device.type == "cpu":  # a copy from pageable memory would wait
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def resolve_precision(name: str, device: torch.device) -> str:
    """Return the precision to compute in: for ``auto`` bfloat16 where the device multiplies it natively, else float32.

    All ranks call it together, and compute in what suits the first one's device: they share one index.

    Examples
    --------
    >>> resolve_precision("float16", torch.device("cpu"))
    'float16'
    """
    if name != "auto":
        return name
    return from_first("bfloat16" if _multiplies_bfloat16(device) else "float32")


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # earlier versions of torch do not say
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return a context that computes matrix products in ``bfloat16`` or ``float16``; for ``float32`` it does nothing.

    Source: torch.autocast; weights, sums and operations that are sensitive to rounding stay in float32.
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def room_for_vectors(device: torch.device) -> int:
    """Return how many bytes of a dictionary's vectors are kept in memory: half of a GPU's free memory, otherwise 2 GB.

    Larger dictionaries are read from disk block by block at each search. 2 GB are a million names of 384 numbers.
    """
    if device.type != "cuda":
        return 2 * 10**9
    free, _ = torch.cuda.mem_get_info(device)
    return free // 2


def return_freed_memory() -> None:
    """Return freed memory to the system, which the C library (glibc) otherwise keeps for later.

    The activations of each batch differ in size, so the kept memory grows from batch to batch: by half a gigabyte in an
    epoch of MiniLM.
    """
    trim = None if sys.platform == "win32" else getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
