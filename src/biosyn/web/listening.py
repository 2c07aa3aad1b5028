"""Listening, and taking connections: within their limits, and with errors as JSON also where tornado itself refuses."""

import json
from asyncio import Future
from collections.abc import Iterable
from contextlib import suppress
from http.client import responses
from socket import socket
from typing import Any

from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream, UnsatisfiableReadError
from tornado.netutil import bind_sockets

from biosyn.errors import InputError
from biosyn.web.app import make_app
from biosyn.web.backend import Backend
from biosyn.web.base import ERRORS, HEADERS
from biosyn.web.connections import Connections

SLACK = 1 << 20  # bytes of a too large body that are still read, so that its sender gets the reason
BACKLOG = 4096  # connections that the system keeps until they are accepted
AT_ONCE = 32  # connections accepted before others have their turn
PAUSE = 1.0  # seconds without accepting, where the system has no descriptor and no connection gives one back
TORNADO_REFUSES = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def open_sockets(host: str, port: int) -> list[socket]:
    """Listen on the address; port 0 takes a free one. A port in use, or a foreign address, is an InputError."""
    if not host:  # tornado would take it for every address of this machine
        raise InputError("--host is empty: give 127.0.0.1, or 0.0.0.0 to let other machines in")
    try:
        return bind_sockets(port, address=host, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot listen on {url_of(host, port)} ({reason}): choose another --port or --host"
        ) from error


def url_of(host: str, port: int) -> str:
    """Return the address of the page.

    Examples
    --------
    >>> url_of("127.0.0.1", 8888), url_of("::1", 80)
    ('http://127.0.0.1:8888/', 'http://[::1]:80/')
    """
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Server(HTTPServer):
    """tornado's server, with the limits of `Connections`; its own accept handler would raise without a descriptor."""

    def initialize(self, backend: Backend) -> None:  # type: ignore[override]
        """Take the place of `__init__`, as tornado has it; a handler refuses a too large body first, with a reason."""
        limits = backend.limits
        largest = max(limits.body, limits.file) + SLACK
        super().initialize(make_app(backend), max_body_size=largest, max_header_size=limits.head)
        self._limits, self._crowd = limits, backend.connections
        self._listening: list[socket] = []
        often = min(1.0, limits.idle / 4, limits.receiving / 4, limits.sending / 4)
        self._sweeper = PeriodicCallback(self._crowd.sweep, 1000 * often)

    def add_sockets(self, sockets: Iterable[socket]) -> None:
        """Accept connections on these sockets from now on."""
        for listening in sockets:
            IOLoop.current().add_handler(listening, self._accept, IOLoop.READ)
            self._listening.append(listening)
        self._sweeper.start()

    def stop(self) -> None:
        """Accept no more connections; the open ones are answered."""
        for listening in self._listening:
            IOLoop.current().remove_handler(listening)
            listening.close()
        self._listening.clear()

    async def close_all_connections(self) -> None:
        """Close the open connections."""
        self._sweeper.stop()
        await super().close_all_connections()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Wait for the next request of a connection."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        self._crowd.waits(server_conn.stream, self._limits.idle)
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        self._crowd.remove(server_conn.stream)
        super().on_close(server_conn)

    def _accept(self, listening: socket, events: int) -> None:
        for _ in range(min(AT_ONCE, 1 + self._crowd.most // 4)):  # a request that is there is read before it can leave
            try:
                connection, address = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptor is left, or no memory
                if self._crowd.make_room(f"no connection can be accepted ({error.strerror})"):
                    continue
                IOLoop.current().update_handler(listening, 0)
                IOLoop.current().call_later(PAUSE, self._go_on, listening)
                return
            stream = Stream(connection, self._crowd, sending=self._limits.sending)
            if self._crowd.add(stream, self._limits.idle):
                self.handle_stream(stream, address)
            else:
                stream.refuse(503)

    def _go_on(self, listening: socket) -> None:
        if listening in self._listening:
            IOLoop.current().update_handler(listening, IOLoop.READ)


class Stream(IOStream):
    """A connection's stream: it waits while its client does not take an answer, and tornado's refusals become JSON.

    Parameters
    ----------
    sending
        The time that the client has to take an answer, in seconds.
    """

    def __init__(self, connection: socket, crowd: Connections, *, sending: float):
        super().__init__(connection)
        self._crowd, self._sending = crowd, sending

    def write(self, data: bytes | memoryview) -> "Future[None]":
        """Write; what tornado writes for a request that it cannot read becomes an answer like all others."""
        sent = super().write(refusal(400) if data == TORNADO_REFUSES else data)
        if self.writing():
            self._crowd.waits(self, self._sending, held=len(data))
        return sent

    def close(self, exc_info: Any = False) -> None:
        """Close; where the head of a request, or of a chunk, has no end within its limit, the client is told."""
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed():
            self._read_what_came()
            super().write(refusal(431))
        super().close(exc_info)

    def refuse(self, status: int) -> None:
        """Answer an error and close."""
        self.write(refusal(status))
        self.close()

    def _read_what_came(self) -> None:
        """Read on for a moment: the system resets a connection that is closed unread, and its answer may be lost."""
        with suppress(OSError):
            for _ in range(SLACK // self.read_chunk_size):
                if not self.socket.recv(self.read_chunk_size):
                    return


def refusal(status: int) -> bytes:
    """Return a whole answer to what never becomes a request that tornado hands on."""
    code, message = ERRORS[status]
    body = json.dumps({"error": {"code": code, "message": message}}, allow_nan=False).encode()
    more = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": len(body), "Connection": "close"}
    if status == 503:
        more["Retry-After"] = 1
    lines = [
        f"HTTP/1.1 {status} {responses[status]}",
        *(f"{name}: {value}" for name, value in {**HEADERS, **more}.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
