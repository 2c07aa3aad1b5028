"""The base of all handlers: strict headers, errors as JSON, bodies of a bounded size, a line in the log."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream
from tornado.web import HTTPError, RequestHandler, stream_request_body

from biosyn.errors import InputError
from biosyn.files import json_text
from biosyn.web.backend import Backend, QueueFullError

logger = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
ERRORS = {
    400: ("bad_request", "the request cannot be read"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address does not take this method"),
    408: ("too_slow", "the body takes too long to come"),
    413: ("too_large", "the body is too large"),
    415: ("unsupported_media_type", "the body is of another type than this address takes"),
    421: ("misdirected", "the server does not answer to this name: name it with --allowed_hosts"),
    431: ("head_too_large", "the request's line and headers are too long, or the length of a chunk is"),
    499: ("client_left", "the client has left"),
    503: ("overloaded", "too much is waiting: try again in a moment"),
}
FAILURE = ("internal_error", "the server failed: its log says why")


class ProblemError(HTTPError):
    """An error as the answer, with its sentence."""

    def __init__(self, status: int, message: str = "", *, code: str = "", more: Mapping[str, Any] | None = None):
        super().__init__(status)
        usual = ERRORS.get(status, FAILURE)
        self.code, self.message = code or usual[0], message or usual[1]
        self.more = dict(more or {})


@stream_request_body
class Base(RequestHandler):
    """A handler: the name of its route, the methods and body it accepts, and its answers."""

    route: ClassVar[str] = "other"  # for log and metrics: a path can hold anything
    methods: ClassVar[tuple[str, ...]] = ("GET",)
    body_type: ClassVar[str | None] = None

    def initialize(self, backend: Backend, **_: Any) -> None:
        """Take the arguments of `make_app`."""
        self.backend = backend
        self.asked: list[str] = []  # the mentions, for the log
        self._parts = bytearray()
        self._received = 0
        self._counted = True
        backend.active += 1
        if backend.stopping:
            self.set_header("Connection", "close")

    def set_default_headers(self) -> None:
        """Set `HEADERS` on every answer, errors among them."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuse what can be refused before the body arrives."""
        self.require_host()
        if self.request.method not in self.methods:
            raise ProblemError(405)
        self._require_length()
        if self.request.method != "POST":
            self.backend.connections.works(self.stream)
            return
        sent = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if sent != self.body_type:
            raise ProblemError(415, f"send a body of type {self.body_type}")
        self.backend.connections.waits(self.stream, self.backend.limits.receiving, give_up=self._give_up)

    def require_host(self) -> None:
        """Answer 421 where the request is for another server, by its Host header or its whole address."""
        target = self.request.uri or ""
        named = (
            [] if target.startswith(("/", "*")) else [target.partition("://")[2].partition("/")[0].partition("?")[0]]
        )
        named += self.request.headers.get_list("Host")  # HTTP/1.0 need not have it, but a browser always has
        if not all(map(self.backend.hosts.allows, named)):
            raise ProblemError(421)

    def _require_length(self) -> None:
        """Refuse a body of a wrong size; tornado would too, but after this, and without a reason."""
        headers = self.request.headers
        length, chunked = headers.get("Content-Length", "0"), "Transfer-Encoding" in headers
        if not (length.isascii() and length.isdecimal()):
            raise ProblemError(400, "Content-Length is no number")
        if chunked and (headers["Transfer-Encoding"].lower() != "chunked" or "Content-Length" in headers):
            raise ProblemError(400, "Transfer-Encoding must be chunked, without Content-Length")
        if self.request.method != "POST" and (chunked or length.strip("0")):
            raise ProblemError(400, f"a {self.request.method} request has no body")
        if int(length[:20]) > self.longest:
            raise ProblemError(413, f"the body is too large: give {self.longest:,} bytes at most")

    @property
    def stream(self) -> IOStream:
        """The connection's stream."""
        return cast(HTTP1Connection, self.request.connection).stream

    def _give_up(self, status: int) -> None:
        """Answer a client whose body does not come."""
        if not self._finished:
            self.send_error(status, exc_info=(ProblemError, ProblemError(status), None))

    @property
    def longest(self) -> int:
        """The most bytes that a body may have."""
        return self.backend.limits.body

    async def data_received(self, chunk: bytes) -> None:
        """Keep the body, unless it grows too large: a chunked body does not announce its size."""
        await asyncio.sleep(0)  # others have their turn: tornado would read 256 kB
        self._received += len(chunk)
        if self._received <= self.longest:
            self._parts += chunk
            self.backend.connections.holds(self.stream, len(chunk))

    def body(self) -> bytes:
        """Return the body, which is complete, or answer 413 if it was too large."""
        self.backend.connections.works(self.stream)
        if self._received > self.longest:
            raise ProblemError(413, f"the body is too large: give {self.longest:,} bytes at most")
        complete, self._parts = bytes(self._parts), bytearray()
        return complete

    def json_body(self) -> dict[str, Any]:
        """Return the JSON object in the body, or answer 400 if there is none."""
        return json_object(self.body(), "the body")

    def finish(self, chunk: str | bytes | dict[Any, Any] | None = None) -> "asyncio.Future[None]":
        """Answer; the request counts as active until the answer has been sent."""
        if isinstance(chunk, dict):  # as Tornado does it, but a number that is not finite fails here
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            chunk = json.dumps(chunk, allow_nan=False).replace("</", "<\\/")
        sent = super().finish(chunk)
        sent.add_done_callback(lambda _: self._leave())
        return sent

    def on_connection_close(self) -> None:
        """End the count of a request whose client has left before its answer."""
        super().on_connection_close()
        self._leave()

    def _leave(self) -> None:
        self._parts = bytearray()  # the handler itself is freed late, since tornado's objects refer to each other
        if self._counted:
            self._counted = False
            self.backend.active -= 1

    def on_finish(self) -> None:
        """Count and log the request."""
        seconds = self.request.request_time()
        self.backend.metrics.answered(self.route, self.get_status(), seconds)
        facts: dict[str, Any] = {
            "method": self.request.method if self.request.method in self.SUPPORTED_METHODS else "other",
            "route": self.route,
            "status": self.get_status(),
            "milliseconds": round(1000 * seconds, 1),
            "mentions": len(self.asked),
        }
        log_request({**facts, "queries": self.asked} if self.backend.log_queries else facts)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a code and a sentence as JSON, never with a traceback."""
        problem = _problem((kwargs.get("exc_info") or (None, None))[1], status_code)
        self.set_status(problem.status_code)
        if problem.status_code == 405:
            self.set_header("Allow", ", ".join(self.methods))
        if problem.status_code == 503:
            self.set_header("Retry-After", "1")
        if self.backend.stopping:
            self.set_header("Connection", "close")
        self.finish({"error": {"code": problem.code, "message": problem.message}, **problem.more})

    def log_exception(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Log only our own failures, and by route: what people type stays out of the log."""
        if not isinstance(error, HTTPError | InputError | QueueFullError):
            logger.error("%s %s failed", self.request.method, self.route, exc_info=error)


class NotFound(Base):
    """Any other path."""

    methods = ()

    def prepare(self) -> None:
        """Refuse, whatever the method."""
        self.require_host()
        raise ProblemError(404)


def _problem(error: BaseException | None, status: int) -> ProblemError:
    """Return the answer to an error: bad input and a full queue are not failures of ours."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, InputError):
        return ProblemError(400, str(error))
    return ProblemError(503 if isinstance(error, QueueFullError) else status)


def json_object(text: str | bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in a text, or answer 400 if there is none."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, f"{what} is no JSON") from error
    if not isinstance(found, dict):
        raise ProblemError(400, f"{what} is no JSON object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def log_request(facts: Mapping[str, Any]) -> None:
    """Write a line with the time and the facts.

    The caller leaves out the path, which may hold anything, the client's address, and the mentions, unless the operator
    has asked for them.
    """
    if logger.isEnabledFor(logging.INFO):
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        logger.info(json_text({"time": now, **facts}))


@contextmanager
def bare_lines() -> Iterator[None]:
    """Write the access log to stderr as it is: without the time of day that other lines begin with."""
    handler = logging.StreamHandler(sys.stderr)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
