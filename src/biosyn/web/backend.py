"""What all requests share: the model when it is there, the queue before it, and the figures about both."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from biosyn.settings.verbs import DEMO_TOPK
from biosyn.web.limits import Limits
from biosyn.web.loading import Loading
from biosyn.web.metrics import Metrics

if TYPE_CHECKING:
    from biosyn.web.service import Question, Service

Answer = dict[str, Any]
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Backend:
    """Answer mentions from memory or through the queue; ``service`` is None until the model is loaded.

    Parameters
    ----------
    topk
        Names or concepts given where a request does not say how many.
    log_queries
        Write the mentions to the access log.
    """

    def __init__(self, *, topk: int = DEMO_TOPK, limits: Limits | None = None, log_queries: bool = False):
        self.topk = topk
        self.limits = limits or Limits()
        self.log_queries = log_queries
        self.loading = Loading()
        self.service: Service | None = None
        self.stopping = False
        self.active = 0  # requests whose answer has not left yet
        self.files = 0  # being linked, or waiting for it
        self.file_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="files")
        self.metrics = Metrics(lambda: self.batcher.waiting, lambda: self.service is not None)
        self.batcher: Batcher[Question, Answer] = Batcher(
            self._answer,
            size=self.limits.batch,
            window=self.limits.window,
            capacity=self.limits.queue,
            on_batch=self.metrics.batches.observe,
        )
        self._recent: Recent[Question, Answer] = Recent(self.limits.recent)

    async def ask(self, questions: Sequence["Question"], *, remember: bool = True) -> list[Answer]:
        """Return the answers; those that were given lately come from memory.

        Parameters
        ----------
        remember
            Keep the answers; not where they are large.

        Raises
        ------
        QueueFullError
            If too many mentions wait.
        """
        self.metrics.mentions.inc(len(questions))
        known = {one: found for one in questions if (found := self._recent.get(one)) is not None}
        self.metrics.recent.inc(sum(one in known for one in questions))
        new = [one for one in dict.fromkeys(questions) if one not in known]
        answers = dict(zip(new, await self.batcher.ask(new), strict=True)) if new else {}
        if remember:
            for question, answer in answers.items():
                self._recent.put(question, answer)
        return [known[one] if one in known else answers[one] for one in questions]

    def close(self) -> None:
        """End the threads when they have done what they are at."""
        self.batcher.thread.shutdown(wait=False, cancel_futures=True)
        self.file_thread.shutdown(wait=False, cancel_futures=True)

    def _answer(self, questions: Sequence["Question"]) -> list[Answer]:
        assert self.service is not None  # nobody could ask before
        return self.service.answer(questions)


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


class Recent(Generic[Key, Value]):
    """Remembers the values of the keys used last.

    Examples
    --------
    >>> recent = Recent(2)
    >>> for key in "abab": _ = recent.get(key) or recent.put(key, key.upper())
    >>> recent.put("c", "C"); recent.get("a"), recent.get("b")
    (None, 'B')
    """

    def __init__(self, size: int):
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return the value, and count it as used; None where it is not there."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: Key, value: Value) -> None:
        """Remember a value; the one used longest ago makes room."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._size:
            self._values.popitem(last=False)
