"""Joining the other processes of a run that torchrun started, and ending with them."""

import gc
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch.distributed as dist

from biosyn.distributed.environment import RankLostError, launched
from biosyn.distributed.meeting import meet
from biosyn.distributed.peers import LOOK_FOR, Peers
from biosyn.distributed.ranks import take_place, wait_for_all
from biosyn.errors import InputError


class _TerminatedError(BaseException):
    """SIGTERM: from torchrun, because another rank has ended, or from the user."""


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
    peers = meet(device)
    earlier = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
        wait_for_all()
        gc.collect()  # a DistributedDataParallel that outlives its group can wait for ever
        dist.destroy_process_group()
    except InputError:
        peers.tell()
        raise
    except (RuntimeError, _TerminatedError) as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it comes when this rank, too, has seen the end of another
        _end(peers, error)
    finally:
        take_place()
        signal.signal(signal.SIGTERM, earlier)


def _end(peers: Peers, error: BaseException) -> NoReturn:
    """Say in one line which rank is lost; an error that has nothing to do with that goes on."""
    gone = peers.lost()
    if isinstance(error, _TerminatedError) and not gone:
        peers.tell_terminated()  # one that was waiting for this rank may see only that it has gone
    disconnected = isinstance(error, dist.DistError) or "by peer" in str(error)  # of gloo it is a plain RuntimeError
    if not (gone or disconnected or isinstance(error, _TerminatedError)):
        raise error
    if not peers.tells(gone):
        time.sleep(LOOK_FOR)  # or else the rank that tells it would count this one among the lost
        raise RankLostError from error
    peers.tell()
    if peers.were_terminated():
        raise RankLostError("terminated") from error
    lost = "rank " + " and rank ".join(map(str, gone)) if gone else "a rank on another machine"
    raise RankLostError(f"{lost} of {len(peers.places)} died, which ends the others") from error


def _terminate(*_: object) -> NoReturn:
    raise _TerminatedError
