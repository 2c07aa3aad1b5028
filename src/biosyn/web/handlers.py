"""The routes of the API but for files: names, concepts and embeddings of mentions, the card, health and figures."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biosyn.web.base import Base, ProblemError

if TYPE_CHECKING:
    from biosyn.web.service import Question

OPENAPI = Path(__file__).with_name("openapi.json")


class ReadyBase(Base):
    """A handler that needs the model."""

    def prepare(self) -> None:
        """Refuse while the model is not loaded."""
        super().prepare()
        require_ready(self)

    def question(self, mention: str, *, what: str, topk: int) -> "Question":
        """Return the question for a mention as it was typed, and note the mention for the log."""
        from biosyn.web.service import to_question  # here, so that the page is there before torch

        self.asked.append(mention)
        return to_question(mention, what=what, topk=topk, longest=self.backend.limits.mention)


def require_ready(handler: Base) -> None:
    """Answer 503 with the progress while the model is being loaded."""
    loading = handler.backend.loading
    if handler.backend.service is None:
        progress = {"stage": loading.stage, "done": loading.done, "total": loading.total}
        raise ProblemError(503, loading.sentence(), code="not_ready", more={"progress": progress})


# -- mentions


class UpstreamHandler(ReadyBase):
    """``GET /normalize/?string=...`` -> ``{"predictions": [...]}``, as inference.py gives them, best first."""

    route = "/normalize/"

    async def get(self) -> None:
        """Answer one mention."""
        mention = self.get_query_argument("string", "")
        (answer,) = await self.backend.ask([self.question(mention, what="names", topk=self.backend.topk)])
        self.finish(answer)


class NormalizeHandler(ReadyBase):
    """``POST /api/v1/normalize``: the best names, or concepts, of each of some mentions."""

    route = "/api/v1/normalize"
    methods = ("POST",)
    body_type = "application/json"

    async def post(self) -> None:
        """Answer the mentions of the body."""
        body = Body(self.json_body(), ("mentions", "topk", "threshold", "group_by_concept"))
        mentions = body.mentions(self.backend.limits.mentions)
        topk = body.whole_number("topk", self.backend.topk, most=self.backend.limits.topk)
        threshold = body.fraction("threshold")
        what = "concepts" if body.flag("group_by_concept") else "names"
        answers = await self.backend.ask([self.question(mention, what=what, topk=topk) for mention in mentions])
        assert self.backend.service is not None  # it has answered
        results = [
            {"mention": mention, **self.backend.service.decided(answer, threshold)}
            for mention, answer in zip(mentions, answers, strict=True)
        ]
        self.finish({"results": results})


class EmbedHandler(ReadyBase):
    """``POST /api/v1/embed``: both vectors of each of some mentions, under inference.py's keys."""

    route = "/api/v1/embed"
    methods = ("POST",)
    body_type = "application/json"

    async def post(self) -> None:
        """Answer the mentions of the body."""
        mentions = Body(self.json_body(), ("mentions",)).mentions(self.backend.limits.mentions)
        questions = [self.question(mention, what="embedding", topk=1) for mention in mentions]
        answers = await self.backend.ask(questions, remember=False)
        results = [{"mention": mention, **answer} for mention, answer in zip(mentions, answers, strict=True)]
        self.finish({"results": results})


class Body:
    """The members of a JSON body; a bad one is a 400 that says so."""

    def __init__(self, members: dict[str, Any], known: tuple[str, ...]):
        unknown = [key for key in members if key not in known]
        if unknown:
            raise ProblemError(400, f"the body has a member {unknown[0][:40]!r}: known are {', '.join(known)}")
        self._members = members

    def mentions(self, most: int) -> list[str]:
        """Return the mentions."""
        found = self._members.get("mentions")
        if not isinstance(found, list) or not found or not all(isinstance(mention, str) for mention in found):
            raise ProblemError(400, "mentions must be a list of one text or more")
        if len(found) > most:
            raise ProblemError(400, f"there are {len(found)} mentions: give {most} at most")
        return found

    def text(self, key: str, *, most: int) -> str:
        """Return a text of some characters."""
        found = self._members.get(key)
        if not isinstance(found, str) or not 0 < len(found) <= most:
            raise ProblemError(400, f"{key} must be a text of 1 to {most:,} characters")
        if any("\ud800" <= character <= "\udfff" for character in found):
            raise ProblemError(400, f"{key} holds half of a surrogate pair: is it cut?")
        return found

    def one_of(self, key: str, choices: Sequence[str]) -> str | None:
        """Return one of the choices; None where it is absent."""
        found = self._members.get(key)
        if key in self._members and found not in choices:
            raise ProblemError(400, f"{key} must be one of {', '.join(choices)}")
        return found

    def whole_number(self, key: str, default: int, *, most: int) -> int:
        """Return a whole number from 1 to the most."""
        found = self._members.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= most:
            raise ProblemError(400, f"{key} must be a whole number from 1 to {most}")
        return found

    def fraction(self, key: str) -> float:
        """Return a number from 0 to 1; 0 where it is absent."""
        found = self._members.get(key, 0)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
            raise ProblemError(400, f"{key} must be a number from 0 to 1")
        return found

    def flag(self, key: str) -> bool:
        """Return true or false; false where it is absent."""
        found = self._members.get(key, False)
        if not isinstance(found, bool):
            raise ProblemError(400, f"{key} must be true or false")
        return found


# -- what the page shows next to the answers


class NamesHandler(ReadyBase):
    """``GET /api/v1/names?name=...&id=...``: the concepts of a dictionary's name, each with its other names."""

    route = "/api/v1/names"

    async def get(self) -> None:
        """Answer; the list of names is empty if the dictionary has no such name."""
        assert self.backend.service is not None  # it is ready
        name, cui = self.get_query_argument("name"), self.get_query_argument("id")
        loop = asyncio.get_running_loop()
        self.finish({"concepts": await loop.run_in_executor(None, self.backend.service.other_names, name, cui)})


class InfoHandler(ReadyBase):
    """``GET /api/v1/info``: the card of model and dictionary."""

    route = "/api/v1/info"

    def get(self) -> None:
        """Answer with the service's facts and the server's limits."""
        assert self.backend.service is not None  # it is ready
        limits = self.backend.limits
        served = {
            "topk": self.backend.topk,
            "limits": {
                "mention_characters": limits.mention,
                "mentions": limits.mentions,
                "topk": limits.topk,
                "file_bytes": limits.file,
                "file_mentions": limits.file_mentions,
            },
        }
        self.finish({**self.backend.service.info, **served})


class OpenApiHandler(Base):
    """``GET /api/v1/openapi.json``: the description of this API for machines."""

    route = "/api/v1/openapi.json"

    def get(self) -> None:
        """Answer with the file."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(OPENAPI.read_bytes())


# -- what an operator asks


class HealthHandler(Base):
    """``GET /healthz``: the process answers."""

    route = "/healthz"

    def get(self) -> None:
        """Answer at any time."""
        self.finish({"status": "ok"})


class ReadyHandler(Base):
    """``GET /readyz``: 200 when mentions are answered, a 503 with the progress before."""

    route = "/readyz"

    def get(self) -> None:
        """Answer once the model is loaded."""
        require_ready(self)
        self.finish({"status": "ready"})


class MetricsHandler(Base):
    """``GET /metrics``: Prometheus' text format."""

    route = "/metrics"

    def get(self) -> None:
        """Answer with all figures."""
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.backend.metrics.text())
