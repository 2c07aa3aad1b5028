"""Joining the other processes of a run that torchrun started, and ending with them."""

import gc
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn
from uuid import uuid4

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from biosyn.distributed.environment import RankLostError, launched, launched_rank, local_rank, restarts, run_id
from biosyn.distributed.ranks import gathered_objects, set_rank, summed
from biosyn.errors import InputError

# A rank that dies is known at once, from its closed connections and from torchrun. This is for one that hangs: the
# longest wait of a sound run is for rank 0, which reads a file of mentions or writes a dictionary's TF-IDF.
TIMEOUT = timedelta(hours=6)
START_TIMEOUT = 900.0  # seconds until the last rank has started
DEATH_SEEN = 3.0  # seconds until torchrun has collected a dead process


class _TerminatedError(BaseException):
    """SIGTERM: from torchrun, because another rank has ended, or from the user."""


class _Group(NamedTuple):
    """The processes of a run, and a store that outlives them: torchrun's."""

    store: Any
    rank: int
    processes: list[str]  # host name and process id of each rank

    def local(self) -> list[int]:
        """Return the ranks on this machine."""
        return [rank for rank, process in enumerate(self.processes) if process.split()[0] == socket.gethostname()]

    def dead(self) -> list[int]:
        """Return the ranks on this machine that have ended, which may take a moment to be seen."""
        until = time.monotonic() + DEATH_SEEN
        while True:
            dead = [rank for rank in self.local() if not _is_alive(int(self.processes[rank].split()[1]))]
            if dead or time.monotonic() > until:
                return dead
            time.sleep(0.05)

    def set_flag(self, name: str) -> None:
        """Let the other ranks know something."""
        with suppress(RuntimeError):  # torchrun itself may have ended
            self.store.set(name, "")

    def has_flag(self, name: str) -> bool:
        """Say whether a rank has set the flag."""
        with suppress(RuntimeError):
            return bool(self.store.check([name]))
        return False


@contextmanager
def joined(device: str) -> Iterator[bool]:
    """Work with the other ranks in this block, over gloo, and over NCCL between GPUs; alone, nothing happens.

    It gives whether torchrun has restarted the run, which then goes on as with ``--resume``.

    Parameters
    ----------
    device
        As the user named it: ``cpu`` needs no NCCL.

    Raises
    ------
    RankLostError
        If another rank ends too early, or SIGTERM comes.
    InputError
        If this machine has more ranks than GPUs, or the rank cannot reach the others.
    """
    if launched() == 1:
        yield restarts() > 0
        return
    group = _join(device)
    earlier = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield any(gathered_objects(restarts() > 0))
        summed(torch.zeros(1))  # no rank leaves before all are done
        gc.collect()  # a DistributedDataParallel that outlives its group can wait for ever
        dist.destroy_process_group()
    except InputError:
        group.set_flag("reported")
        raise
    except (RuntimeError, _TerminatedError) as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it comes when this rank, too, has seen the end of another
        _end(group, error)
    finally:
        set_rank()
        signal.signal(signal.SIGTERM, earlier)


def _join(device: str) -> _Group:
    """Wait for the other ranks, and connect to them."""
    on_gpus = device != "cpu" and torch.cuda.is_available()
    if on_gpus:
        found = torch.cuda.device_count()
        if local_rank() >= found:
            raise InputError(f"rank {launched_rank()} has no GPU: --nproc_per_node {found}, or --device cpu")
        torch.cuda.set_device(local_rank())
    try:
        store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
        store = _unused_store(dist.PrefixStore(run_id(), store), rank, size)  # type: ignore[attr-defined]
        store.set(f"rank {rank}", f"{socket.gethostname()} {os.getpid()}")
        backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
        processes = [store.get(f"rank {number}").decode() for number in range(size)]
    except (RuntimeError, ValueError) as error:
        raise InputError(f"rank {launched_rank()} cannot reach the others: {error}") from error
    set_rank(rank, size)
    return _Group(store, rank, processes)


def _unused_store(store: Any, rank: int, size: int) -> Any:
    """Return a part of the store, the same on all ranks, in which no earlier ranks have written.

    torchrun keeps its store when it restarts the ranks, with the addresses of the dead ones in it. The count of
    restarts cannot name the part: a rank that dies on one machine is not counted on the others. So rank 0 makes a
    name, and tells it to each rank under a key that this rank has made.
    """
    name, until = uuid4().hex, time.monotonic() + START_TIMEOUT
    if rank > 0:
        store.set(f"key {rank}", name)
    missing = {name: 0} if rank > 0 else {f"{name} {other}": other for other in range(1, size)}
    while missing := {key: other for key, other in missing.items() if not store.check([key])}:
        if time.monotonic() > until:
            raise RuntimeError(f"rank {min(missing.values())} of {size} has not come within {START_TIMEOUT:.0f} s")
        for key in (f"key {other}" for other in missing.values() if rank == 0):
            if store.check([key]):  # it may be a dead rank's, so each round asks again
                store.set(store.get(key).decode(), name)
        time.sleep(0.02)
    if rank > 0:
        name = store.get(name).decode()
        store.set(f"{name} {rank}", "")
    return dist.PrefixStore(name, store)  # type: ignore[attr-defined]


def _end(group: _Group, error: BaseException) -> NoReturn:
    """Say in one line which rank died; an error that has nothing to do with that is raised again."""
    dead = group.dead()
    terminated = isinstance(error, _TerminatedError)
    if terminated and not dead:
        group.set_flag("terminated")  # a rank that was waiting for this one may see only that it has ended
    disconnected = isinstance(error, dist.DistError) or "by peer" in str(error)  # gloo raises a plain RuntimeError
    if not (dead or disconnected or terminated):
        raise error
    first = min(set(group.local()) - set(dead), default=group.rank)
    if group.has_flag("reported") or group.rank != first:  # one rank of each machine reports
        time.sleep(DEATH_SEEN)  # or else the rank that reports would count this one among the dead
        raise RankLostError from error
    group.set_flag("reported")
    if group.has_flag("terminated"):
        raise RankLostError("terminated") from error
    lost = "rank " + " and rank ".join(map(str, dead)) if dead else "a rank on another machine"
    raise RankLostError(f"{lost} of {len(group.processes)} died, which ends the others") from error


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
