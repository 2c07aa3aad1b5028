"""Mentions in, names, concepts or embeddings out."""

from typing import TYPE_CHECKING, Any

from biosyn.concept_ids import NO_CONCEPT
from biosyn.web.base import Base, ProblemError
from biosyn.web.body import Body
from biosyn.web.health import require_ready

if TYPE_CHECKING:
    from biosyn.web.service import Question


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
