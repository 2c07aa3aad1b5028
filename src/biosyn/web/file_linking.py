"""Linking a file that came over the network, by the steps of inference.py --input."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from biosyn.concept_ids import split_name_ids
from biosyn.config import LinkConfig
from biosyn.errors import InputError
from biosyn.linking.file import survey
from biosyn.linking.job import Job, open_job
from biosyn.linking.journal import LinkState
from biosyn.linking.steps import LinkTexts, run_step, steps
from biosyn.mention_files.units import Link, Mention, Unit
from biosyn.text.cleaning import mention_problem
from biosyn.web.service import Service


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
