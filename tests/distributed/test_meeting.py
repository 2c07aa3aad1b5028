"""How ranks find each other, by threads on one store."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.distributed as dist

from biosyn.distributed import meeting
from biosyn.distributed.meeting import agreed_name
from biosyn.errors import InputError


def test_the_ranks_agree_on_a_name_whatever_earlier_ranks_have_left_in_the_store():
    store, names = dist.HashStore(), []
    for size in (3, 3, 2, 4):
        with ThreadPoolExecutor(size) as threads:
            found = list(threads.map(lambda rank, size=size: agreed_name(store, rank, size), range(size)))
        assert len(set(found)) == 1
        names.append(found[0])
    assert len(set(names)) == 4


def test_a_rank_that_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(meeting, "ALL_THERE", 0.1)
    with pytest.raises(RuntimeError, match="rank 1 of 2 has not come"):
        agreed_name(dist.HashStore(), 0, 2)
    with pytest.raises(RuntimeError, match="rank 0 of 2 has not come"):
        agreed_name(dist.HashStore(), 1, 2)


def test_more_ranks_than_gpus_are_refused_before_they_meet(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "2")
    with pytest.raises(InputError, match="rank 2 has no GPU: --nproc_per_node 2, or --device cpu"):
        meeting.meet("cuda")
