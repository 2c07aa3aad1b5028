"""The demo's web application: the page, its static files, and mention -> names as JSON."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler

from biosyn.config import DEMO_TOPK
from biosyn.errors import InputError
from biosyn.model.answers import predictions_json
from biosyn.model.linker import Linker

logger = logging.getLogger(__name__)

WEB_ROOT = Path(__file__).parent
MAX_MENTION = 1_000  # characters; the page's input has the same limit
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def make_app(linker: Linker, *, topk: int = DEMO_TOPK) -> Application:
    """Return the application: ``/``, ``/static/...`` and ``/normalize/?string=...``; anything else is a 404."""
    # One thread, as the encoder is not made for more: queries wait for each other, and the page for none of them.
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="linker")
    return Application(
        [
            (r"/()", FileHandler, {"path": WEB_ROOT, "default_filename": "index.html"}),
            (r"/static/(\w+\.\w+)", FileHandler, {"path": WEB_ROOT / "static"}),
            (r"/normalize/?", NormalizeHandler, {"linker": linker, "topk": topk, "executor": executor}),
        ],
        default_handler_class=NotFoundHandler,
        log_function=lambda handler: None,  # no line a request: see JsonErrors.log_exception
    )


class JsonErrors(RequestHandler):
    """What all answers share: the headers that keep a browser strict, and errors as ``{"error": "..."}``."""

    def set_default_headers(self) -> None:
        """Set `HEADERS` on every answer, errors among them."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer with the reason as JSON, never with a traceback."""
        self.finish({"error": self._reason})

    def log_exception(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log our own failures only, and by path only: what people type stays out of the log."""
        if not isinstance(error, HTTPError):
            logger.error("%s %s failed", self.request.method, self.request.path, exc_info=error)


class FileHandler(JsonErrors, StaticFileHandler):
    """The page and its static files."""


class NotFoundHandler(JsonErrors):
    """Any other path."""

    def prepare(self) -> None:
        """Refuse, whatever the method."""
        raise HTTPError(404)


class NormalizeHandler(JsonErrors):
    """``GET /normalize/?string=...`` -> ``{"predictions": [...]}``, as inference.py gives them, best first."""

    def initialize(self, linker: Linker, topk: int, executor: ThreadPoolExecutor) -> None:
        """Take what `make_app` gives."""
        self.linker = linker
        self.topk = topk
        self.executor = executor

    async def get(self) -> None:
        """Answer one query; a mention that cannot be linked is a 400."""
        mention = self.get_query_argument("string", "")
        try:
            self.finish({"predictions": await self._link(mention)})
        except InputError as error:
            self.set_status(400)
            self.finish({"error": str(error)})

    async def _link(self, mention: str) -> list[dict[str, Any]]:
        if len(mention) > MAX_MENTION:
            raise InputError(f"the mention has {len(mention)} characters: give {MAX_MENTION} at most")
        link = partial(self.linker.link, [mention], topk=self.topk)
        (prediction,) = await asyncio.get_running_loop().run_in_executor(self.executor, link)
        return predictions_json(prediction)
