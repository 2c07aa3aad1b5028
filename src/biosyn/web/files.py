"""``POST /api/v1/link``: a file of mentions in, the same file with its links out."""

import asyncio
import base64
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from biosyn.concept_ids import split_name_ids
from biosyn.errors import InputError
from biosyn.linking.file import Job, open_job, survey
from biosyn.linking.journal import LinkState
from biosyn.linking.steps import LinkTexts, run_step, steps
from biosyn.mention_files.units import Link, Mention, Unit
from biosyn.settings.verbs import LINK_FORMATS, LinkConfig
from biosyn.text.cleaning import mention_problem
from biosyn.web.base import ProblemError
from biosyn.web.handlers import ReadyBase
from biosyn.web.service import Service

if TYPE_CHECKING:
    from biosyn.mention_files.units import Link
    from biosyn.web.service import Service

CHUNK = 64  # mentions, after which others have their turn


class Asked(NamedTuple):
    """What a request says of its file: one of the formats or nothing, the file's name, a table's column."""

    file_format: str
    filename: str
    column: str


class LinkHandler(ReadyBase):
    """Links a file. Its name tells its format, unless ``format`` does, and reaches no file system."""

    route = "/api/v1/link"
    methods = ("POST",)
    body_type = "application/octet-stream"

    @property
    def longest(self) -> int:
        """Bytes of a file at most."""
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
    """Link a file that lies in memory, in a temporary folder under a name of our own.

    Parameters
    ----------
    thread
        Where the model is asked, a few mentions at a time.
    most
        Mentions at most.

    Returns
    -------
    dict
        What `file_linking.link_file` gives, ``file`` in base64.

    Raises
    ------
    InputError
        As `file_linking.link_file`, and if the format is none of ours.
    """

    def link(texts: Sequence[str]) -> list["Link"]:
        starts = range(0, len(texts), CHUNK)
        # each is given to the thread when the one before is done, so that mentions of others come in between
        turns = (thread.submit(service.best_links, texts[start : start + CHUNK]) for start in starts)
        return [found for turn in turns for found in turn.result()]

    file_format, column = _format_of(asked), asked.column or "mention"
    with tempfile.TemporaryDirectory(prefix="biosyn-demo-") as folder:
        place = Path(folder, "file")
        place.write_bytes(content)
        try:
            linked = link_file(place, service, file_format=file_format, column=column, link=link, most=most)
        except InputError as error:
            raise InputError(str(error).replace(str(place), "the file")) from error
    return {**linked, "file": base64.b64encode(linked["file"]).decode()}


def _format_of(asked: Asked) -> str | None:
    """Return the format that is asked for, or that a file's name tells; None where its content has to."""
    from biosyn.mention_files.formats import SUFFIXES

    if asked.file_format and asked.file_format not in LINK_FORMATS:
        raise InputError(f"format must be one of {', '.join(LINK_FORMATS)}")
    return asked.file_format or SUFFIXES.get(PurePath(asked.filename).suffix.lower())


def link_file(
    place: Path, service: Service, *, file_format: str | None, column: str, link: LinkTexts, most: int
) -> dict[str, Any]:
    """Link a file; a bad record stays as it is, and is told.

    Parameters
    ----------
    place
        The file, alone in a folder of its own.
    file_format
        None tells it from the content.
    column
        The mentions' column of a table.
    link
        The service's ``best_links``, in whatever thread and portions.
    most
        Mentions at most.

    Returns
    -------
    dict
        ``format``, ``abbreviations`` (who found them); ``mentions``, ``linked``, ``skipped``; ``rows``, one a mention;
        ``file``: the file's bytes with its links.

    Raises
    ------
    InputError
        If there are more mentions, or the file is damaged in a way that leaves no record to go on from.
    """
    job = _open(place, file_format, column)
    mentions = survey(job.source, fail=False)
    if mentions > most:
        raise InputError(f"the file has {mentions:,} mentions: give {most:,} at most, or use inference.py --input")
    preparation, rows, output = job.preparation(()), _Rows(service), bytearray()
    with LinkState(place.with_name("state")) as state, job.source.units() as units:
        for units_of_step in steps(rows.noting(units)):
            output += run_step(units_of_step, preparation, state, link).output
    linked = sum("id" in row for row in rows.rows)
    counts = {"mentions": mentions, "linked": linked, "skipped": mentions - linked}
    told = {"format": job.source.file_format, "abbreviations": job.method}
    return {**told, **counts, "rows": rows.rows, "file": bytes(output)}


def _open(place: Path, file_format: str | None, column: str) -> Job:
    """Return the job; abbreviations are left alone where the package that finds them is not installed."""

    def job(abbreviations: str | None) -> Job:
        return open_job(
            LinkConfig(
                model_name_or_path="",  # it is loaded already
                dictionary_path="loaded",
                input=str(place),
                output=str(place.with_name("linked")),
                format=file_format,
                column=column,
                abbreviations=abbreviations,
                on_error="skip",
            )
        )

    try:
        return job(None)
    except InputError as error:
        if "is not installed" not in str(error):
            raise
        return job("none")


class _Rows:
    """The mentions in the order of the file, each with what it was linked to."""

    def __init__(self, service: Service):
        self._service = service
        self.rows: list[dict[str, Any]] = []

    def noting(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Give the units on; each notes its links when it is written."""
        return map(self._noting, units)

    def _noting(self, unit: Unit) -> Unit:
        def render(links: Sequence[Link | None]) -> bytes:
            self.rows.extend(map(self._row, unit.mentions, links))
            return unit.render(links)

        return unit._replace(render=render)

    def _row(self, mention: Mention, link: Link | None) -> dict[str, Any]:
        if link is None:
            problem = mention.problem or mention_problem(mention.text) or "the mention cannot be linked"
            return {"mention": mention.text[:200], "problem": problem}
        ids = self._service.linked_ids(split_name_ids(link.cui))
        return {"mention": mention.text, "name": link.name, "id": link.cui, "ids": ids, "score": link.score}
