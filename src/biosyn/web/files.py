"""``POST /api/v1/link`` and ``/api/v1/annotate``: a file of mentions, or a text without, in; its links out."""

import asyncio
import base64
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from biosyn.errors import InputError
from biosyn.settings.groups import ABBREVIATION_METHODS as METHODS
from biosyn.settings.verbs import LINK_FORMATS
from biosyn.web.backend import Backend
from biosyn.web.base import ProblemError
from biosyn.web.handlers import Body, ReadyBase
from biosyn.web.limits import Limits

if TYPE_CHECKING:
    from biosyn.mention_files.added_columns import Link
    from biosyn.web.service import Service

CHUNK = 32  # mentions of a file, after which others have their turn


class Asked(NamedTuple):
    """What a request says of its file: one of the formats or nothing, the file's name, a table's column."""

    file_format: str
    filename: str
    column: str


class LinkHandler(ReadyBase):
    """Links a file. Its name and content give its format, unless ``format`` does; the name is never used as a path."""

    route = "/api/v1/link"
    methods = ("POST",)
    body_type = "application/octet-stream"

    def initialize(self, backend: Backend, **more: Any) -> None:
        """Take the arguments of `make_app`."""
        super().initialize(backend, **more)
        self._left = threading.Event()

    def on_connection_close(self) -> None:
        """Let the work end: nobody waits for it."""
        super().on_connection_close()
        self._left.set()

    @property
    def longest(self) -> int:
        """The most bytes that a file may have."""
        return self.backend.limits.file

    async def post(self) -> None:
        """Answer with the links, and with the file that holds them."""
        asked = Asked(*(self.get_query_argument(key, "") for key in ("format", "filename", "column")))
        backend = self.backend
        assert backend.service is not None  # it is ready
        with self._turn():
            work = partial(
                link_bytes,
                self.body(),
                asked,
                service=backend.service,
                thread=backend.batcher.thread,
                limits=backend.limits,
                check=self._check(),
            )
            linked = await asyncio.get_running_loop().run_in_executor(backend.file_threads, work)
        self.finish(linked)

    def _check(self) -> Callable[[], None]:
        """Return what ends the work on a file, called between its steps: too much time, no client, no server."""
        seconds, closed, left = self.backend.limits.file_seconds, self.backend.closed, self._left
        deadline = time.monotonic() + seconds

        def check() -> None:
            if left.is_set() or closed.is_set():
                raise ProblemError(499)
            if time.monotonic() > deadline:
                reason = f"the file takes more than {seconds:g} s: give a smaller one, or use inference.py --input"
                raise ProblemError(413, reason, code="took_too_long")

        return check

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.backend.files >= self.backend.limits.files:
            raise ProblemError(503)
        self.backend.files += 1
        try:
            yield
        finally:
            self.backend.files -= 1


class AnnotateHandler(LinkHandler):
    """``POST /api/v1/annotate``: a text in, the dictionary's names in it with their links out."""

    route = "/api/v1/annotate"
    body_type = "application/json"

    @property
    def longest(self) -> int:
        """The most bytes that a body may have."""
        return self.backend.limits.body

    async def post(self) -> None:
        """Answer with the offsets and links."""
        body, backend = Body(self.json_body(), ("text", "abbreviations")), self.backend
        text, method = body.text("text", most=backend.limits.file_document), body.one_of("abbreviations", METHODS)
        assert backend.service is not None  # it is ready
        with self._turn():
            link = partial(in_turns, service=backend.service, thread=backend.batcher.thread, check=self._check())
            work = partial(backend.service.annotate, text, method=method, link=link, limits=backend.limits)
            found = await asyncio.get_running_loop().run_in_executor(backend.file_threads, work)
        self.finish(found)


def in_turns(
    texts: Sequence[str], *, service: "Service", thread: ThreadPoolExecutor, check: Callable[[], object]
) -> list["Link"]:
    """Return the best links, asked for a few at a time, so that mentions of others come in between."""
    found: list[Link] = []
    for start in range(0, len(texts), CHUNK):
        check()
        found += thread.submit(service.best_links, texts[start : start + CHUNK]).result()
    return found


def link_bytes(
    content: bytes,
    asked: Asked,
    *,
    service: "Service",
    thread: ThreadPoolExecutor,
    limits: Limits,
    check: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Link a file that is in memory, in a temporary folder under a name of our own.

    Parameters
    ----------
    thread
        The thread in which the model is asked, a few mentions at a time.
    limits
        What the file may have.
    check
        Called between the steps; what it raises ends the work.

    Returns
    -------
    dict
        The result of `Service.link_file`, with ``file`` in base64.
    """
    from biosyn.mention_files.formats import SUFFIXES  # here, as its readers take a while to import

    if content.count(b"\n") > limits.file_lines:
        raise InputError(f"the file has more than {limits.file_lines:,} lines: give {limits.file_lines:,} at most")
    if asked.file_format and asked.file_format not in LINK_FORMATS:
        raise InputError(f"format must be one of {', '.join(LINK_FORMATS)}")
    file_format, column = asked.file_format or None, asked.column or "mention"
    suffix = PurePath(asked.filename).suffix.lower()
    link = partial(in_turns, service=service, thread=thread, check=check)
    with tempfile.TemporaryDirectory(prefix="biosyn-demo-") as folder:
        place = Path(folder, f"file{suffix if suffix in SUFFIXES else ''}")
        place.write_bytes(content)
        try:
            linked = service.link_file(
                place, file_format=file_format, column=column, limits=limits, check=check, link=link
            )
        except InputError as error:
            raise InputError(str(error).replace(str(place), "the file")) from error
    return {**linked, "file": base64.b64encode(linked["file"]).decode()}
