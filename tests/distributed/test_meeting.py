"""How ranks find each other, by threads on one store."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from biosyn.distributed import meeting
from biosyn.distributed.meeting import agreed_name


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
