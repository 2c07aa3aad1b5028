import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.web.backend import Backend, Batcher, QueueFullError
from biosyn.web.limits import Limits


@pytest.fixture
def batches():
    return []


@pytest.fixture
def make(batches):
    """Function: settings -> Batcher that doubles numbers and notes its batches."""

    def answer(numbers):
        batches.append(list(numbers))
        if 13 in numbers:
            raise ValueError("unlucky")
        return [2 * number for number in numbers]

    def call(**settings):
        return Batcher(answer, **{"size": 4, "window": 0.01, "capacity": 100, **settings})

    return call


def test_what_is_asked_at_the_same_moment_is_answered_together(make, batches):
    async def ask():
        batcher = make()
        return await asyncio.gather(*(batcher.ask([number]) for number in range(3)))

    assert asyncio.run(ask()) == [[0], [2], [4]]
    assert batches == [[0, 1, 2]]


def test_a_batch_is_never_larger_than_it_may_be(make, batches):
    sizes = []

    async def ask():
        return await make(on_batch=sizes.append).ask(range(10))

    assert asyncio.run(ask()) == [2 * number for number in range(10)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert sizes == [4, 4, 2]


def test_what_comes_while_a_batch_is_answered_is_the_next_batch(batches):
    first, go_on = threading.Event(), threading.Event()

    def answer(questions):
        batches.append(list(questions))
        first.set()
        assert go_on.wait(60)
        return list(questions)

    async def ask():
        batcher = Batcher(answer, size=8, window=0, capacity=100)
        tasks = [asyncio.create_task(batcher.ask(["a"]))]
        await asyncio.to_thread(first.wait, 60)
        tasks += [asyncio.create_task(batcher.ask([question])) for question in "bcd"]
        await asyncio.sleep(0.01)
        go_on.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(ask()) == [["a"], ["b"], ["c"], ["d"]]
    assert batches == [["a"], ["b", "c", "d"]]


def test_what_does_not_fit_into_the_queue_is_refused_whole(make, batches):
    async def ask():
        batcher = make(capacity=5)
        task = asyncio.create_task(batcher.ask([1, 2, 3]))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await batcher.ask([4, 5, 6])  # 3 + 3 > 5
        more = await batcher.ask([7, 8])  # 3 + 2 = 5
        return await task, more

    assert asyncio.run(ask()) == ([2, 4, 6], [14, 16])
    assert sorted(number for batch in batches for number in batch) == [1, 2, 3, 7, 8]


def test_an_error_reaches_those_of_its_batch_and_the_next_is_answered(make):
    async def ask():
        batcher = make(window=0)
        with pytest.raises(ValueError, match="unlucky"):
            await batcher.ask([12, 13])
        return await batcher.ask([14])

    assert asyncio.run(ask()) == [28]


def test_one_that_has_gone_keeps_nobody_else_waiting(make):
    async def ask():
        batcher = make()
        gone, other = asyncio.create_task(batcher.ask([1])), asyncio.create_task(batcher.ask([2]))
        await asyncio.sleep(0)
        gone.cancel()
        return await other

    assert asyncio.run(ask()) == [4]


def test_the_event_loop_is_free_meanwhile():
    released = threading.Event()

    async def ask():
        batcher = Batcher(lambda questions: released.wait(60) and questions, size=1, window=0, capacity=9)
        task = asyncio.create_task(batcher.ask([1]))
        for _ in range(10):
            await asyncio.sleep(0.005)
        was_done = task.done()
        released.set()
        return was_done, await task

    assert asyncio.run(ask()) == (False, [1])


# -- the answers that a backend remembers


class Doubling:
    """A service that notes what it is asked."""

    def __init__(self):
        self.asked = []

    def answer(self, numbers):
        self.asked.extend(numbers)
        return [2 * number for number in numbers]


@given(st.integers(0, 4), st.lists(st.integers(0, 6), max_size=40))
def test_the_answers_used_last_are_remembered_and_no_others(size, numbers):
    backend = Backend(limits=Limits(recent=size, window=0.0))
    backend.service = Doubling()
    used, expected = [], []  # used: the numbers from the one used longest ago, by the plain rule

    async def ask():
        return [(await backend.ask([number]))[0] for number in numbers]

    assert asyncio.run(ask()) == [2 * number for number in numbers]
    backend.close()
    for number in numbers:
        if number not in used:
            expected.append(number)
        used = ([other for other in used if other != number] + [number])[-size:] if size else []
    assert backend.service.asked == expected


def test_large_answers_are_not_remembered():
    backend = Backend(limits=Limits(window=0.0))
    backend.service = Doubling()

    async def ask():
        return [await backend.ask([1], remember=False) for _ in range(2)]

    assert asyncio.run(ask()) == [[2], [2]]
    backend.close()
    assert backend.service.asked == [1, 1]
