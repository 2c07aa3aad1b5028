"""``POST /api/v1/link``: a file of mentions in, the same file with its links out."""

import asyncio
import base64
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from biosyn.errors import InputError
from biosyn.settings.verbs import LINK_FORMATS
from biosyn.web.base import ProblemError
from biosyn.web.handlers import ReadyBase

if TYPE_CHECKING:
    from biosyn.mention_files.added_columns import Link
    from biosyn.web.service import Service

CHUNK = 64  # mentions, after which others have their turn


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
                most=backend.limits.file_mentions,
            )
            linked = await asyncio.get_running_loop().run_in_executor(backend.file_thread, work)
        self.finish(linked)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.backend.files >= self.backend.limits.files:
            raise ProblemError(503)
        self.backend.files += 1
        try:
            yield
        finally:
            self.backend.files -= 1


def link_bytes(
    content: bytes, asked: Asked, *, service: "Service", thread: ThreadPoolExecutor, most: int
) -> dict[str, Any]:
    """Link a file that is in memory, in a temporary folder under a name of our own.

    Parameters
    ----------
    thread
        The thread in which the model is asked, a few mentions at a time.
    most
        The number of mentions that the file may have.

    Returns
    -------
    dict
        The result of `Service.link_file`, with ``file`` in base64.
    """

    def link(texts: Sequence[str]) -> list["Link"]:
        starts = range(0, len(texts), CHUNK)
        # each is given to the thread when the one before is done, so that mentions of others come in between
        turns = (thread.submit(service.best_links, texts[start : start + CHUNK]) for start in starts)
        return [found for turn in turns for found in turn.result()]

    from biosyn.mention_files.formats import SUFFIXES  # here, as its readers take a while to import

    if asked.file_format and asked.file_format not in LINK_FORMATS:
        raise InputError(f"format must be one of {', '.join(LINK_FORMATS)}")
    file_format, column = asked.file_format or None, asked.column or "mention"
    suffix = PurePath(asked.filename).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="biosyn-demo-") as folder:
        place = Path(folder, f"file{suffix if suffix in SUFFIXES else ''}")
        place.write_bytes(content)
        try:
            linked = service.link_file(place, file_format=file_format, column=column, most=most, link=link)
        except InputError as error:
            raise InputError(str(error).replace(str(place), "the file")) from error
    return {**linked, "file": base64.b64encode(linked["file"]).decode()}
