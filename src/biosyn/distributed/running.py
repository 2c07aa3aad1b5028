"""Joining the other processes of a run that torchrun started, and ending with them."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from biosyn.distributed.environment import RankLostError, launched, launched_rank, local_rank
from biosyn.distributed.ranks import take_place, wait_for_all
from biosyn.errors import InputError

# A rank that dies is known at once, from its closed connections and from torchrun. This is for one that hangs: the
# longest wait of a sound run is for rank 0, which reads a file of mentions or writes a dictionary's TF-IDF.
TIMEOUT = timedelta(hours=6)
LOOK_FOR = 3.0  # seconds until a dead process has been collected by torchrun


class _TerminatedError(BaseException):
    """SIGTERM: from torchrun, because another rank has ended, or from the user."""


class _Peers(NamedTuple):
    """Where the ranks run, and the store that outlives them: it belongs to torchrun."""

    store: Any
    rank: int
    places: list[str]  # machine and process id of each rank

    def lost(self) -> list[int]:
        """Return the ranks on this machine that have ended, which may take a moment to be seen."""
        until = time.monotonic() + LOOK_FOR
        while True:
            gone = [rank for rank in self.local() if not _is_alive(int(self.places[rank].split()[1]))]
            if gone or time.monotonic() > until:
                return gone
            time.sleep(0.05)

    def local(self) -> list[int]:
        """Return the ranks on this machine."""
        return [rank for rank, place in enumerate(self.places) if place.split()[0] == socket.gethostname()]

    def tells(self, gone: list[int]) -> bool:
        """Say whether this rank is to tell what happened: one a machine, and none where the lost one tells it."""
        with suppress(RuntimeError):  # torchrun itself may be gone
            if self.store.check(["told"]):
                return False
        return self.rank == min(set(self.local()) - set(gone), default=self.rank)


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Work with the other ranks in this block, over gloo, and over NCCL between GPUs; alone, nothing happens.

    Parameters
    ----------
    device
        As the user named it: ``cpu`` needs no NCCL.

    Raises
    ------
    RankLostError
        If another rank ends before its time, or SIGTERM comes.
    InputError
        If this machine has more ranks than GPUs, or the rank cannot reach the others.
    """
    if launched() == 1:
        yield
        return
    peers = _join(device)
    earlier = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
        wait_for_all()
        dist.destroy_process_group()
    except InputError:
        peers.store.set("told", "by the rank itself")
        raise
    except (RuntimeError, _TerminatedError) as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it comes when this rank, too, has seen the end of another
        _end(peers, error)
    finally:
        take_place()
        signal.signal(signal.SIGTERM, earlier)


def _join(device: str) -> _Peers:
    on_gpus = device != "cpu" and torch.cuda.is_available()
    if on_gpus:
        found = torch.cuda.device_count()
        if local_rank() >= found:
            raise InputError(f"rank {launched_rank()} has no GPU: --nproc_per_node {found}, or --device cpu")
        torch.cuda.set_device(local_rank())
    try:
        store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
        store.set(f"rank {rank}", f"{socket.gethostname()} {os.getpid()}")
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpus else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=TIMEOUT,
        )
        places = [store.get(f"rank {number}").decode() for number in range(size)]
    except (RuntimeError, ValueError) as error:
        raise InputError(f"rank {launched_rank()} cannot reach the others: {error}") from error
    take_place(rank, size)
    return _Peers(store, rank, places)


def _end(peers: _Peers, error: BaseException) -> NoReturn:
    """Say in one line which rank is lost; an error that has nothing to do with that goes on."""
    gone = peers.lost()
    if not gone and isinstance(error, RuntimeError) and not isinstance(error, dist.DistError):
        raise error
    if not peers.tells(gone):
        time.sleep(LOOK_FOR)  # or else the rank that tells it would count this one among the lost
        raise RankLostError from error
    lost = "rank " + " and rank ".join(map(str, gone)) if gone else "a rank on another machine"
    if gone or not isinstance(error, _TerminatedError):
        raise RankLostError(f"{lost} of {len(peers.places)} died, which ends the others") from error
    raise RankLostError("terminated") from error


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _terminate(*_: object) -> NoReturn:
    raise _TerminatedError
