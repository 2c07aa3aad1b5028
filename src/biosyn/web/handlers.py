"""Mentions in, names, concepts or embeddings out."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biosyn.concept_ids import NO_CONCEPT
from biosyn.web.base import Base, ProblemError

if TYPE_CHECKING:
    from biosyn.web.service import Question

OPENAPI = Path(__file__).with_name("openapi.json")


class ReadyBase(Base):
    """A handler that needs the model."""

    def prepare(self) -> None:
        """Refuse while it is not there."""
        super().prepare()
        require_ready(self)

    def question(self, mention: str, *, what: str, topk: int) -> "Question":
        """Return the question for a mention as it was typed, and note it for the log."""
        from biosyn.web.service import to_question  # loaded when this is called

        self.asked.append(mention)
        return to_question(mention, what=what, topk=topk, longest=self.backend.limits.mention)


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
        """Answer."""
        body = Body(self.json_body(), ("mentions", "topk", "threshold", "group_by_concept"))
        mentions = body.mentions(self.backend.limits.mentions)
        topk = body.whole_number("topk", self.backend.topk, most=self.backend.limits.topk)
        threshold = body.share("threshold")
        what = "concepts" if body.flag("group_by_concept") else "names"
        answers = await self.backend.ask([self.question(mention, what=what, topk=topk) for mention in mentions])
        results = [
            {"mention": mention, **decided(answer, threshold)}
            for mention, answer in zip(mentions, answers, strict=True)
        ]
        self.finish({"results": results})


class EmbedHandler(ReadyBase):
    """``POST /api/v1/embed``: both vectors of each of some mentions, under inference.py's keys."""

    route = "/api/v1/embed"
    methods = ("POST",)
    body_type = "application/json"

    async def post(self) -> None:
        """Answer."""
        mentions = Body(self.json_body(), ("mentions",)).mentions(self.backend.limits.mentions)
        questions = [self.question(mention, what="embedding", topk=1) for mention in mentions]
        answers = await self.backend.ask(questions, remember=False)
        results = [{"mention": mention, **answer} for mention, answer in zip(mentions, answers, strict=True)]
        self.finish({"results": results})


def decided(answer: dict[str, Any], threshold: float) -> dict[str, Any]:
    """Return the answer, or no match where its probability is below the threshold: as inference.py --threshold.

    Examples
    --------
    >>> decided({"predictions": [{"name": "ataxia", "id": "D001259"}], "probability": 0.4}, 0.5)
    {'predictions': [{'name': '', 'id': '-1'}], 'probability': 0.4}
    """
    if not threshold:
        return answer
    if "probability" not in answer:
        raise ProblemError(400, "threshold is a probability, and the model is not calibrated: run biosyn calibrate")
    if answer["probability"] >= threshold:
        return answer
    if "concepts" in answer:
        return {
            **answer,
            "concepts": [{"ids": [{"id": NO_CONCEPT}], "preferred_name": None, "name": "", "id": NO_CONCEPT}],
        }
    return {**answer, "predictions": [{"name": "", "id": NO_CONCEPT}]}


class Body:
    """The members of a JSON body; each that is not what it should be is a 400 that says so."""

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

    def whole_number(self, key: str, default: int, *, most: int) -> int:
        """Return a whole number from 1 to the most."""
        found = self._members.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= most:
            raise ProblemError(400, f"{key} must be a whole number from 1 to {most}")
        return found

    def share(self, key: str) -> float:
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


class HealthHandler(Base):
    """``GET /healthz``: the process answers."""

    route = "/healthz"

    def get(self) -> None:
        """Answer."""
        self.finish({"status": "ok"})


class ReadyHandler(Base):
    """``GET /readyz``: 200 when mentions are answered, a 503 with the progress before."""

    route = "/readyz"

    def get(self) -> None:
        """Answer."""
        require_ready(self)
        self.finish({"status": "ready"})


class MetricsHandler(Base):
    """``GET /metrics``: Prometheus' text format."""

    route = "/metrics"

    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.backend.metrics.text())


def require_ready(handler: Base) -> None:
    """Answer 503 with the progress while the model is loaded."""
    loading = handler.backend.loading
    if handler.backend.service is None:
        progress = {"stage": loading.stage, "done": loading.done, "total": loading.total}
        raise ProblemError(503, loading.sentence(), code="not_ready", more={"progress": progress})


class InfoHandler(ReadyBase):
    """``GET /api/v1/info``: the card."""

    route = "/api/v1/info"

    def get(self) -> None:
        """Answer."""
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


class NamesHandler(ReadyBase):
    """``GET /api/v1/names?name=...&id=...``: the concepts of a dictionary's name, each with its other names."""

    route = "/api/v1/names"

    async def get(self) -> None:
        """Answer; an empty list of names where the dictionary has no such name."""
        assert self.backend.service is not None  # it is ready
        name, cui = self.get_query_argument("name"), self.get_query_argument("id")
        loop = asyncio.get_running_loop()
        self.finish({"concepts": await loop.run_in_executor(None, self.backend.service.other_names, name, cui)})


class OpenApiHandler(Base):
    """``GET /api/v1/openapi.json``: this API, for machines."""

    route = "/api/v1/openapi.json"

    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(OPENAPI.read_bytes())
