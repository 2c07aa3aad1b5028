"""The Reconciliation API 0.2 at ``/reconcile``, by which OpenRefine maps a column to concepts (docs/openrefine.md).

https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/
"""

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import parse_qs

from biosyn import __version__
from biosyn.errors import InputError
from biosyn.text.preprocess import lookup_text
from biosyn.web.base import ProblemError, json_object
from biosyn.web.handlers import Body, ReadyBase

if TYPE_CHECKING:
    from biosyn.model.catalogue import Catalogue, Entry
    from biosyn.web.service import Question

CANDIDATES = 5  # of a query that sets no limit
MATCH = 0.95  # the probability from which the first candidate is a match, without a look at it
IDENTIFIERS, SCHEMA = "https://bioregistry.io/", "http://www.w3.org/2004/02/skos/core#Concept"
PROPERTIES = {
    "preferred_name": "preferred name",
    "names": "names",
    "alternative_ids": "alternative ids",
    "parents": "parents",
    "xrefs": "cross-references",
}
FIELDS = ("query", "type", "limit", "properties", "type_strict")


class ReconcileBase(ReadyBase):
    """A handler that pages of any origin may ask, as the specification demands."""

    methods: ClassVar[tuple[str, ...]] = ("GET", "OPTIONS")
    body_type = "application/x-www-form-urlencoded"

    def set_default_headers(self) -> None:
        """Add the header that lets other origins read the answer."""
        super().set_default_headers()
        self.set_header("Access-Control-Allow-Origin", "*")

    def options(self) -> None:
        """Answer the question that a browser asks before a request with headers of its own."""
        self.set_header("Access-Control-Allow-Methods", ", ".join(self.methods))
        self.set_header("Access-Control-Allow-Headers", "*")
        self.set_status(204)
        self.finish()

    @property
    def catalogue(self) -> "Catalogue":
        """The entries by their ids."""
        assert self.backend.service is not None  # it is ready
        return self.backend.service.catalogue

    def form(self, encoded: str | bytes) -> dict[str, str]:
        """Return the fields of a query or a form; of a repeated one the first."""
        try:
            text = encoded if isinstance(encoded, str) else encoded.decode()
            fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=20)
        except ValueError as error:
            raise ProblemError(400, "the form cannot be read") from error
        return {key: values[0] for key, values in fields.items()}

    def whole_number(self, fields: dict[str, str], key: str, default: int, *, least: int) -> int:
        """Return a whole number of a query, up to the most rows of an answer."""
        found, most = fields.get(key, str(default)), self.backend.limits.topk
        if not (found.isascii() and found.isdecimal() and len(found) < 10 and least <= int(found) <= most):
            raise ProblemError(400, f"{key} must be a whole number from {least} to {most}")
        return int(found)

    def types(self, cui: str) -> list[dict[str, str]]:
        """Return the type of an id: its vocabulary."""
        found = self.catalogue.vocabulary_of(cui)
        return [] if found is None else [{"id": found.prefix, "name": found.name}]

    def values(self, entry: "Entry | None", key: str) -> list[dict[str, str]]:
        """Return the values of a property; none where there is no entry."""
        if entry is None:
            return []
        if key == "parents":
            return self.catalogue.with_names(entry.parents)
        values = getattr(entry, key)
        return [{"str": value} for value in (values if isinstance(values, tuple) else filter(None, [values]))]

    def require_few(self, count: int, what: str) -> None:
        """Answer 413 where a request has too many queries or ids."""
        most = self.backend.limits.mentions
        if count > most:
            raise ProblemError(413, f"there are {count} {what}: give {most} at most")


class _Query(NamedTuple):
    """A query: what is asked of the model, None for a cell that is no mention, or the entries that its id names."""

    question: "Question | None"
    entries: "tuple[Entry, ...]"
    is_obsolete: bool
    types: tuple[str, ...]
    limit: int


class ReconcileHandler(ReconcileBase):
    """``/reconcile``: the manifest, queries, and values of properties."""

    route = "/reconcile"
    methods = ("GET", "POST", "OPTIONS")

    async def get(self) -> None:
        """Answer queries in the address; without any, the manifest."""
        fields = self.form(self.request.query)
        await self._answer(fields) if fields.keys() & {"queries", "extend"} else self.finish(self._manifest())

    async def post(self) -> None:
        """Answer queries in a form."""
        await self._answer(self.form(self.body()))

    async def _answer(self, fields: dict[str, str]) -> None:
        if "queries" in fields:
            self.finish(await self._reconciled(json_object(fields["queries"], "queries")))
        elif "extend" in fields:
            self.finish(self._extended(json_object(fields["extend"], "extend")))
        else:
            raise ProblemError(400, "the form must have a field queries or extend")

    def _manifest(self) -> dict[str, Any]:
        assert self.backend.service is not None  # it is ready
        service, here = self.backend.service, f"{self.request.protocol}://{self.request.host}"
        suggest = {"service_url": here, "service_path": ""}
        return {
            "versions": ["0.2"],
            "name": f"BioSyn: {service.info['dictionary']['name']} by {service.model_name}",
            "identifierSpace": IDENTIFIERS,
            "schemaSpace": SCHEMA,
            "serviceVersion": __version__,
            "defaultTypes": [{"id": one.prefix, "name": one.name} for one in self.catalogue.vocabularies.values()],
            "batchSize": self.backend.limits.mentions,
            "view": {"url": f"{IDENTIFIERS}{{{{id}}}}"},
            "preview": {"url": f"{here}/reconcile/preview?id={{{{id}}}}", "width": 400, "height": 200},
            "suggest": {
                kind: {**suggest, "service_path": f"/reconcile/suggest/{kind}"}
                for kind in ("entity", "property", "type")
            },
            "extend": {"propose_properties": {**suggest, "service_path": "/reconcile/properties"}},
        }

    # -- queries

    async def _reconciled(self, queries: dict[str, Any]) -> dict[str, Any]:
        self.require_few(len(queries), "queries")
        parsed = {key: self._query(query) for key, query in queries.items()}
        questions = {key: query.question for key, query in parsed.items() if query.question is not None}
        deep = any(query.types for query in parsed.values())
        found = await self.backend.ask(list(questions.values()), remember=not deep)
        answers = dict(zip(questions, found, strict=True))
        return {key: {"result": self._result(query, answers.get(key))} for key, query in parsed.items()}

    def _query(self, query: Any) -> _Query:
        if not isinstance(query, dict) or not isinstance(query.get("query", ""), str):
            raise ProblemError(400, "a query must be an object whose member query is a text")
        limit = Body(query, FIELDS).whole_number("limit", CANDIDATES, most=self.backend.limits.topk)
        types, text = self._wanted(query.get("type", [])), query.get("query", "")
        entry = None if text.isdecimal() else self.catalogue.find(text)  # a bare number in a cell is no id
        if entry is not None:
            ids = entry.replaced_by if entry.obsolete else (entry.primary_id,)
            return _Query(None, tuple(filter(None, map(self.catalogue.find, ids))), entry.obsolete, types, limit)
        try:
            question = self.question(text, what="concepts", topk=self.backend.limits.topk if types else limit)
        except InputError:  # a cell without a letter, or with a whole text: the other cells have their answers
            question = None
        return _Query(question, (), False, types, limit)

    def _wanted(self, types: Any) -> tuple[str, ...]:
        wanted = [types] if isinstance(types, str) else types
        known = self.catalogue.vocabularies
        if not isinstance(wanted, list) or not all(isinstance(one, str) and one in known for one in wanted):
            raise ProblemError(400, f"type must be of those that the manifest lists: {', '.join(known) or 'none'}")
        return () if known.keys() <= set(wanted) else tuple(wanted)  # all of them: no need to search deeper

    def _result(self, query: _Query, answer: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Return the candidates: of the model's concepts, or of the id that was given."""
        if answer is None or query.question is None:
            entries = ((entry, self._id_of_type(entry, query.types)) for entry in query.entries)
            return [
                {"id": cui, "name": entry.label, "score": 100, "match": not query.is_obsolete, "type": self.types(cui)}
                for entry, cui in entries
                if cui
            ]
        if "unsure" in answer:
            return []
        probability, found = answer.get("probability"), []
        for rank, row in enumerate(answer["concepts"]):
            own = (row["curie"], *row["alternative_ids"])
            cui = next((one for one in own if not query.types or one.partition(":")[0] in query.types), None)
            exact = lookup_text(row["name"]) == query.question.mention
            sure = not row["homonym"] and (exact or (probability is not None and probability >= MATCH))
            if cui is not None:
                found.append(
                    {
                        "id": cui,
                        "name": row["preferred_name"] or row["name"],
                        "score": _score(row["score"], probability, rank),
                        "match": rank == 0 and sure,
                        "type": self.types(cui),
                        "description": f"by its name {row['name']!r}" + ", which others have too" * row["homonym"],
                        "features": [
                            {"id": "model_score", "value": row["score"]},
                            {"id": "exact_name", "value": exact},
                        ],
                    }
                )
        return found[: query.limit]

    def _id_of_type(self, entry: "Entry", types: tuple[str, ...]) -> str | None:
        ids = (entry.primary_id, *entry.alternative_ids)
        return next((cui for cui in ids if not types or cui.partition(":")[0] in types), None)

    # -- properties

    def _extended(self, query: dict[str, Any]) -> dict[str, Any]:
        ids, wanted = query.get("ids"), query.get("properties")
        if not isinstance(ids, list) or not all(isinstance(cui, str) for cui in ids) or not isinstance(wanted, list):
            raise ProblemError(400, "extend must have ids, a list of texts, and properties, a list of objects")
        self.require_few(len(ids), "ids")
        keys = dict.fromkeys(str(one.get("id")) if isinstance(one, dict) else "" for one in wanted)
        if not PROPERTIES.keys() >= keys.keys():
            raise ProblemError(400, f"a property must have an id: {', '.join(PROPERTIES)}")
        entries = {cui: self.catalogue.find(cui) for cui in ids}
        rows = {cui: {key: self.values(entry, key) for key in keys} for cui, entry in entries.items()}
        return {"meta": [{"id": key, "name": PROPERTIES[key]} for key in keys], "rows": rows}


def _score(score: float, probability: float | None, rank: int) -> float:
    """Return 100 times the probability of the first; of the others, 100 times the most that theirs can be.

    Without a calibration it is the model's own score, which has no upper end.

    Examples
    --------
    >>> _score(7.5, 0.75, 0), _score(7.1, 0.75, 1), _score(7.1, 0.25, 1), _score(7.5, None, 0)
    (75.0, 25.0, 25.0, 7.5)
    """
    if probability is None:
        return score
    return round(100 * (probability if rank == 0 else min(probability, 1 - probability)), 2)
