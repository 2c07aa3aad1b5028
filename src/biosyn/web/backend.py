"""The state that all requests share: the model once it is loaded, the queue before it, recent answers, figures."""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from biosyn.settings.verbs import DEMO_TOPK
from biosyn.web.connections import Connections, most_connections
from biosyn.web.hosts import Hosts
from biosyn.web.limits import Limits
from biosyn.web.loading import Loading
from biosyn.web.metrics import Metrics

if TYPE_CHECKING:
    from biosyn.web.service import Question, Service

Answer = dict[str, Any]


class Backend:
    """Answers mentions from memory or through the queue; ``service`` is None until the model is loaded.

    Parameters
    ----------
    topk
        The number of names or concepts in an answer to a request that does not set it.
    log_queries
        Write the mentions to the access log.
    hosts
        The names that requests may be for; by default those of this machine to itself.
    """

    def __init__(
        self,
        *,
        topk: int = DEMO_TOPK,
        limits: Limits | None = None,
        log_queries: bool = False,
        hosts: Hosts | None = None,
    ):
        self.topk = topk
        self.limits = limits or Limits()
        self.log_queries = log_queries
        self.hosts = hosts or Hosts()
        self.connections = Connections(
            most=most_connections(self.limits.connections), most_bytes=self.limits.waiting_bytes
        )
        self.loading = Loading()
        self.service: Service | None = None
        self.stopping = False
        self.closed = threading.Event()  # the threads have to end
        self.active = 0  # requests whose answer has not been sent yet
        self.files = 0  # files being linked
        self.file_threads = ThreadPoolExecutor(max_workers=self.limits.files, thread_name_prefix="files")
        self.metrics = Metrics(lambda: self.batcher.waiting, lambda: self.service is not None)
        self.batcher = Batcher(
            self._answer,
            size=self.limits.batch,
            window=self.limits.window,
            capacity=self.limits.queue,
            on_batch=self.metrics.batches.observe,
        )
        self._recent: OrderedDict[Question, Answer] = OrderedDict()  # the answer used longest ago is the first

    async def ask(self, questions: Sequence["Question"], *, remember: bool = True) -> list[Answer]:
        """Return the answers; recent ones come from memory.

        Parameters
        ----------
        remember
            Keep the answers in memory; False for large ones.

        Raises
        ------
        QueueFullError
            If too many mentions wait.
        """
        self.metrics.mentions.inc(len(questions))
        known = {question: self._recent[question] for question in questions if question in self._recent}
        for question in known:
            self._recent.move_to_end(question)
        self.metrics.recent.inc(sum(question in known for question in questions))
        new = [question for question in dict.fromkeys(questions) if question not in known]
        answers = dict(zip(new, await self.batcher.ask(new), strict=True)) if new else {}
        if remember:
            for question, answer in answers.items():
                self._recent[question] = answer
                self._recent.move_to_end(question)
            while len(self._recent) > self.limits.recent:
                self._recent.popitem(last=False)
        return [known[question] if question in known else answers[question] for question in questions]

    def close(self) -> None:
        """End the threads: that of the model after its batch, those of files at the next record."""
        self.closed.set()
        self.batcher.thread.shutdown(wait=False, cancel_futures=True)
        self.file_threads.shutdown(wait=False, cancel_futures=True)

    def _answer(self, questions: Sequence["Question"]) -> list[Answer]:
        assert self.service is not None  # nobody could ask before
        return self.service.answer(questions)


class QueueFullError(Exception):
    """Too much is waiting already: the question was not taken."""


class Batcher:
    """Collects questions and answers them batch by batch; for one event loop.

    The first question of a quiet moment waits for others for a while. Under load no time is lost: the questions that
    arrive while a batch is answered are the next batch.

    Parameters
    ----------
    answer
        Called in the thread with 1 to ``size`` questions; returns their answers, in order.
    size
        The number of questions in a batch.
    window
        The time that the first question waits, in seconds.
    capacity
        The number of questions that may wait.
    on_batch
        Called with the size of each batch.
    """

    def __init__(
        self,
        answer: Callable[[Sequence["Question"]], Sequence[Answer]],
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
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None
        # one thread, as the encoder does not allow more; others may submit work of their own, which waits its turn
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    @property
    def waiting(self) -> int:
        """The number of questions that wait."""
        return len(self._waiting)

    async def ask(self, questions: Sequence["Question"]) -> list[Answer]:
        """Return the answers, when they are there.

        Raises
        ------
        QueueFullError
            If the questions do not fit into the queue: then none of them was taken.
        """
        if len(self._waiting) + len(questions) > self._capacity:
            raise QueueFullError
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Answer]] = [loop.create_future() for _ in questions]
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

    async def _answer_batch(self, questions: list["Question"], futures: list["asyncio.Future[Answer]"]) -> None:
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self.thread, self._answer, questions)
        except Exception as error:  # a bug of ours: each client of the batch gets it, and the next batch is tried
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        for future, answer in zip(futures, answers, strict=True):
            if not future.done():  # its client may have gone
                future.set_result(answer)
