"""How the ranks that torchrun has started find each other."""

import os
import socket
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from biosyn.distributed.environment import launched_rank, local_rank
from biosyn.distributed.peers import Peers
from biosyn.distributed.ranks import take_place
from biosyn.errors import InputError

# A rank that dies is known at once, from its closed connections and from torchrun. This is for one that hangs: the
# longest wait of a sound run is for rank 0, which reads a file of mentions or writes a dictionary's TF-IDF.
TIMEOUT = timedelta(hours=6)
ALL_THERE = 900.0  # seconds until the last rank has started


def meet(device: str) -> Peers:
    """Wait for the other ranks, and connect to them over gloo, and over NCCL between GPUs.

    Raises
    ------
    InputError
        If this machine has more ranks than GPUs, or the others do not come.
    """
    on_gpus = device != "cpu" and torch.cuda.is_available()
    if on_gpus:
        found = torch.cuda.device_count()
        if local_rank() >= found:
            raise InputError(f"rank {launched_rank()} has no GPU: --nproc_per_node {found}, or --device cpu")
        torch.cuda.set_device(local_rank())
    try:
        store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
        store = dist.PrefixStore(agreed_name(store, rank, size), store)  # type: ignore[attr-defined]
        store.set(f"rank {rank}", f"{socket.gethostname()} {os.getpid()}")
        backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
        places = [store.get(f"rank {number}").decode() for number in range(size)]
    except (RuntimeError, ValueError) as error:
        raise InputError(f"rank {launched_rank()} cannot reach the others: {error}") from error
    take_place(rank, size)
    return Peers(store, rank, places)


def agreed_name(store: Any, rank: int, size: int) -> str:
    """Return a name, the same on all ranks, that no earlier ranks have used.

    Where torchrun restarts the ranks, its store still holds what the dead ones have written, addresses among it; nor
    does each of several machines count the same restarts. So every rank gives rank 0 a word, and believes the name
    that comes with this word.

    Parameters
    ----------
    store
        A torch.distributed store that all ranks see.

    Raises
    ------
    RuntimeError
        If a rank does not come.
    """
    word, until = uuid4().hex, time.monotonic() + ALL_THERE
    if rank > 0:
        store.set(f"word {rank}", word)
    missing = set(range(1, size)) if rank == 0 else {0}
    name = word
    while missing:
        if time.monotonic() > until:
            raise RuntimeError(f"rank {min(missing)} of {size} has not come within {ALL_THERE:.0f} s")
        time.sleep(0.02)
        if rank == 0:
            missing = {other for other in missing if not _has_heard(store, other, name)}
        elif (found := _read(store, f"name for {rank}").split())[:1] == [word]:
            name, missing = found[1], set()
            store.set(f"heard {rank}", name)
    return name


def _has_heard(store: Any, other: int, name: str) -> bool:
    """Give another rank the name, with its own word, and say whether it has read it."""
    store.set(f"name for {other}", f"{_read(store, f'word {other}')} {name}")
    return _read(store, f"heard {other}") == name


def _read(store: Any, key: str) -> str:
    return store.get(key).decode() if store.check([key]) else ""
