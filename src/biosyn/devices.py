"""The device, decided once at the edge; and the seeds, set in one place."""

import random

import numpy as np
import torch

from biosyn.errors import InputError


def resolve_device(name: str) -> torch.device:
    """Return the torch device for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

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
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device '{name}': use --device auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"no CUDA device for '{name}' on this machine: run with --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("no Apple GPU (mps) on this machine: run with --device cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"unknown device '{name}': use --device auto, cpu, cuda, cuda:N or mps")
    return device


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
