"""Questions that wait at the same moment are answered together, in one thread beside the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class QueueFullError(Exception):
    """Too much is waiting already: the question was not taken."""


class Batcher(Generic[Asked, Answered]):
    """Collects questions and answers them batch by batch; for one event loop.

    The first question of a quiet moment waits for others for a while. Under load no time is lost: what has come
    while a batch was answered is the next one.

    Parameters
    ----------
    answer
        Called in the thread with 1 to ``size`` questions; gives as many answers, in their order.
    size
        Questions of a batch.
    window
        Seconds that the first waits.
    capacity
        Questions that may wait.
    on_batch
        Told the size of each batch.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Sequence[Answered]],
        *,
        size: int,
        window: float,
        capacity: int,
        on_batch: Callable[[int], object] = lambda size: None,
    ):
        self._answer = answer
        self._size = size
        self._window = window
        self._capacity = capacity
        self._on_batch = on_batch
        self._waiting: deque[tuple[Asked, asyncio.Future[Answered]]] = deque()
        self._task: asyncio.Task[None] | None = None
        # One, as the encoder is not made for more; others may give it work of their own, which takes its turn.
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    @property
    def waiting(self) -> int:
        """How many questions wait."""
        return len(self._waiting)

    async def ask(self, questions: Sequence[Asked]) -> list[Answered]:
        """Return the answers, when they are there.

        Raises
        ------
        QueueFullError
            If they do not fit into the queue: then none of them was taken.
        """
        if len(self._waiting) + len(questions) > self._capacity:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Answered]] = [loop.create_future() for _ in questions]
        self._waiting.extend(zip(questions, futures, strict=True))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return list(await asyncio.gather(*futures))

    async def _work(self) -> None:
        """Answer until nothing waits."""
        if len(self._waiting) < self._size:
            await asyncio.sleep(self._window)
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
            self._on_batch(len(batch))
            await self._answer_batch([question for question, _ in batch], [future for _, future in batch])

    async def _answer_batch(self, questions: list[Asked], futures: list["asyncio.Future[Answered]"]) -> None:
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self.thread, self._answer, questions)
        except Exception as error:  # a bug of ours: whoever asked gets it, and the next batch is tried
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        for future, answer in zip(futures, answers, strict=True):
            if not future.done():  # or else the one who asked has gone
                future.set_result(answer)
