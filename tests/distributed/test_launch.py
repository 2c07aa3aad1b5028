"""How ranks find each other and what each says when one ends, by threads on one store."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.distributed as dist

from biosyn.distributed import launch
from biosyn.distributed.environment import RankLostError
from biosyn.errors import InputError

CLOSED = "Connection closed by peer [127.0.0.1]:1234"


def test_ranks_that_are_restarted_meet_where_no_earlier_ranks_have_written():
    store = dist.HashStore()
    for size in (3, 3, 2, 4):
        with ThreadPoolExecutor(size) as threads:
            found = list(threads.map(lambda rank, size=size: launch._unused_store(store, rank, size), range(size)))
        assert not any(part.check(["address"]) for part in found)
        found[0].set("address", str(size))
        assert [part.get("address") for part in found] == [str(size).encode()] * size


def test_a_rank_that_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(launch, "START_TIMEOUT", 0.1)
    with pytest.raises(RuntimeError, match="rank 1 of 2 has not come"):
        launch._unused_store(dist.HashStore(), 0, 2)
    with pytest.raises(RuntimeError, match="rank 0 of 2 has not come"):
        launch._unused_store(dist.HashStore(), 1, 2)


def test_more_ranks_than_gpus_are_refused_before_they_meet(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name, value in {"RANK": "2", "LOCAL_RANK": "2", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(InputError, match="rank 2 has no GPU: --nproc_per_node 2, or --device cpu"),
        launch.joined("cuda"),
    ):
        pass


@pytest.fixture
def groups(monkeypatch):
    """Function: which ranks of four are dead and which run on another machine -> each rank's group."""
    monkeypatch.setattr(launch, "DEATH_SEEN", 0.01)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    def make(dead=(), elsewhere=()):
        store, here = dist.HashStore(), socket.gethostname()
        processes = [
            f"{'another-host' if rank in elsewhere else here} {ended.pid if rank in dead else os.getpid()}"
            for rank in range(4)
        ]
        return [launch._Group(store, rank, processes) for rank in range(4)]

    return make


def said(group, error):
    with pytest.raises(RankLostError) as raised:
        launch._end(group, error)
    return str(raised.value)


@pytest.mark.parametrize(("dead", "names"), [({0}, "rank 0"), ({1, 3}, "rank 1 and rank 3")])
@pytest.mark.parametrize("error", [RuntimeError(CLOSED), launch._TerminatedError()], ids=["disconnected", "SIGTERM"])
def test_the_first_rank_that_is_left_names_the_dead(groups, dead, names, error):
    *others, first = [said(group, error) for group in reversed(groups(dead)) if group.rank not in dead]
    assert first == f"{names} of 4 died, which ends the others"
    assert not any(others)


@pytest.mark.parametrize("told", [(0, 1), (1,)], ids=["both", "one"])  # the other sees only that it has ended
def test_ranks_that_are_told_to_end_are_terminated_and_not_dead(groups, told):
    group, closed = groups(), RuntimeError(CLOSED)
    errors = [launch._TerminatedError() if rank in told else closed for rank in (0, 1)]
    assert [said(group[rank], errors[rank]) for rank in (1, 0)] == ["", "terminated"]


def test_each_machine_has_one_line(groups):
    group, closed = groups({3}, elsewhere={2, 3}), RuntimeError(CLOSED)
    assert said(group[1], closed) == ""
    assert said(group[0], closed) == "a rank on another machine of 4 died, which ends the others"


def test_nothing_is_said_after_a_rank_has_reported_bad_input(groups):
    group = groups({2})
    group[2].set_flag("reported")
    assert said(group[0], RuntimeError(CLOSED)) == ""


def test_an_error_that_is_this_rank_s_own_goes_on(groups):
    own = RuntimeError("expected a matrix")
    with pytest.raises(RuntimeError) as raised:
        launch._end(groups()[0], own)
    assert raised.value is own
