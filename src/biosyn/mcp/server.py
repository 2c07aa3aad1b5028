"""The verb biosyn mcp: the tools link, concept and check for language models, by the SDK of the protocol."""

import functools
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from socket import socket
from threading import Lock
from typing import Any

from biosyn import __version__
from biosyn.errors import InputError, missing_extra
from biosyn.linking.check import Answer, Checker
from biosyn.linking.labels import LabelRow
from biosyn.linking.loading import open_linker
from biosyn.model.catalogue import LONGEST, Catalogue
from biosyn.model.linker import Linker
from biosyn.records import ConceptPrediction
from biosyn.settings.verbs import McpConfig
from biosyn.text.mentions import MentionCleaner
from biosyn.web.limits import Limits
from biosyn.web.listening import open_sockets

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"
CANDIDATES = 5
NAMES = 20  # of a concept, at most
INSTRUCTIONS = """\
Maps biomedical mentions (diseases, chemicals, genes, phenotypes) to the concepts of one ontology, offline. Never write\
 an id from memory: get it from link, and have ids that you were given checked by check."""


def serve(config: McpConfig) -> None:
    """Run biosyn mcp until the client leaves, or Ctrl-C."""
    require_mcp()
    sockets = None if config.http is None else open_sockets(HOST, config.http)
    with redirect_stdout(sys.stderr):  # stdout belongs to the protocol
        linker = open_linker(
            config,
            whole_concepts=True,
        )
        server = make_server(Tools(linker))
    logger.info("ready")
    if sockets is not None:
        _serve_http(server, sockets)
        return
    for number in (signal.SIGINT, signal.SIGTERM):  # a thread of the SDK waits for stdin, and Python for that thread
        signal.signal(number, signal.SIG_DFL)
    server.run()


def require_mcp() -> Any:
    """Return the SDK's server module; an InputError if it is not installed."""
    try:
        from mcp import server
    except ModuleNotFoundError as error:
        raise missing_extra("mcp", "mcp") from error
    return server


def make_server(tools: "Tools") -> Any:
    """Return the server of the tools; an InputError that one raises is told to the client in its words."""
    from mcp.server.mcpserver.exceptions import ToolError

    lock = Lock()  # the encoder does not allow two threads at once

    def told(tool: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(tool)
        def call(**arguments: Any) -> Any:
            try:
                with lock:
                    return tool(**arguments)
            except InputError as error:
                raise ToolError(str(error)) from error

        return call

    server = require_mcp().MCPServer(
        "biosyn", title="BioSyn", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING"
    )
    for tool in (tools.link, tools.concept, tools.check):
        server.add_tool(told(tool))
    return server


def _serve_http(server: Any, sockets: Sequence[socket]) -> None:
    """Serve at /mcp of this machine only; the SDK refuses foreign Host and Origin headers."""
    import uvicorn

    limits = Limits()
    app = server.streamable_http_app(
        json_response=True, stateless_http=True, max_request_body_size=limits.body, host=HOST
    )
    logger.info("serving http://%s:%d/mcp", HOST, sockets[0].getsockname()[1])
    config = uvicorn.Config(app, log_config=None, access_log=False, limit_concurrency=limits.connections)
    uvicorn.Server(config).run(list(sockets))


class Tools:
    """The tools; their docstrings are what the language model reads.

    Parameters
    ----------
    linker
        A linker with whole concepts.
    """

    def __init__(self, linker: Linker, limits: Limits | None = None):
        self._linker, self._limits = linker, limits or Limits()
        self._cleaner = MentionCleaner(longest=self._limits.mention)
        self._catalogue = Catalogue(linker.dictionary, linker.concepts, linker.resolver)
        self._checker = Checker(self._catalogue)

    def link(self, mentions: list[str], candidates: int = CANDIDATES) -> list[dict[str, Any]]:
        """Map mentions, each as it stands in a text, to their most likely concepts, best first.

        The sentence of each answer says how sure the first concept is. Give 100 mentions at most.
        """
        for what, count, most in (
            ("mentions", len(mentions), self._limits.mentions),
            ("candidates", candidates, self._limits.topk),
        ):
            if not 1 <= count <= most:
                raise InputError(f"{what}: {count} asked for, give 1 to {most}")
        texts = [self._clean(mention, place) for place, mention in enumerate(mentions, 1)]
        found = self._linker.link_to_concepts(texts, topk=candidates)
        return [_linked(mention, one) for mention, one in zip(mentions, found, strict=True)]

    def concept(self, id: str) -> dict[str, Any]:
        """Describe the concept of an id, such as MESH:D001260: names, parents, cross-references, what replaced it."""
        entry = self._catalogue.require(id)
        return {
            **{key: value for key, value in entry._asdict().items() if value or key == "primary_id"},
            "names": entry.names[:NAMES],
            "names_not_shown": max(len(entry.names) - NAMES, 0),
            "parents": self._catalogue.with_names(entry.parents),
        }

    def check(self, id: str, label: str = "") -> dict[str, Any]:
        """Check that an id exists, is not obsolete, and means what its label says.

        Agreement is by the names of the concept, or by the model. If they do not agree, label_ids are the ids that the
        label would have.
        """
        if len(id) > LONGEST:
            raise InputError(f"the id has {len(id):,} characters: give {LONGEST} at most")
        row, linked = LabelRow(label.strip(), id.strip(), ""), None
        if row.label and not self._checker.named(row.label):
            (found,) = self._linker.link([self._clean(row.label, 1)], topk=1)
            linked = None if found.unsure else Answer(found.resolved[:1], found.probability)
        verdict = self._checker.verdict(row, linked)
        return {key: value for key, value in verdict._asdict().items() if value not in ("", None, ())}

    def _clean(self, mention: str, place: int) -> str:
        try:
            return self._cleaner.clean(mention)
        except InputError as error:
            raise InputError(f"text {place}: {error}") from error


def _linked(mention: str, found: ConceptPrediction) -> dict[str, Any]:
    rows = [
        {
            "id": row.resolved.curie,
            "name": row.preferred_name or row.best.name,
            "matched_name": row.best.name,
            "score": round(row.best.score, 4),
        }
        for row in found.concepts
    ]
    return {"mention": mention, "answer": _sentence(found, rows), "probability": found.probability, "candidates": rows}


def _sentence(found: ConceptPrediction, rows: list[dict[str, Any]]) -> str:
    """Return how sure the first concept is, in words."""
    if found.unsure:
        return f"No answer: {found.unsure}."
    first = f"{rows[0]['id']} ({rows[0]['name']})"
    others = [row.resolved.curie for row in found.concepts[1:] if row.best.name == found.concepts[0].best.name]
    same = f" The matched name is also one of {', '.join(others)}." if others else ""
    if found.probability is None:
        reranked = found.concepts[0].best.rerank_score is not None
        why = "the server was started with --rerank" if reranked else "the model is not calibrated"
        return f"{first}; how sure is unknown, as {why}, and scores are no probabilities.{same}"
    return f"{first} with a probability of {found.probability:.2f}.{same}"
