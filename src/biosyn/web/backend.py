"""What all requests share: the model when it is there, the queue before it, and the figures about both."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from biosyn.config import DEMO_TOPK
from biosyn.web.batching import Batcher
from biosyn.web.limits import Limits
from biosyn.web.loading import Loading
from biosyn.web.metrics import Metrics
from biosyn.web.recent import Recent

if TYPE_CHECKING:  # importing torch takes seconds: the page is to be there before
    from biosyn.web.service import Question, Service

Answer = dict[str, Any]


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
