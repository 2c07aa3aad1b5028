"""demo.py: listen at once, load the model and embed the dictionary meanwhile, serve until told to stop."""

import asyncio
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import socket
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from biosyn.errors import InputError
from biosyn.settings.verbs import DemoConfig
from biosyn.web.app import make_app
from biosyn.web.backend import Backend
from biosyn.web.base import bare_lines
from biosyn.web.limits import Limits
from biosyn.web.loading import LoadingStoppedError

if TYPE_CHECKING:
    from biosyn.web.service import Service

logger = logging.getLogger(__name__)

QUIET = 0.2  # seconds without a request in flight, after which a stopping server ends
LOOKS = 10  # in that time
SLACK = 1 << 20  # bytes of a body that is too large and still read, so that its sender sees why


def demo(config: DemoConfig, *, limits: Limits | None = None) -> None:
    """Run demo.py: serve the page until Ctrl-C or SIGTERM.

    Raises
    ------
    InputError
        If the address cannot be listened on, or a file is missing or bad.
    """
    sockets = open_sockets(config.host, config.port)
    backend = Backend(topk=config.topk, limits=limits, log_queries=config.log_queries)
    with bare_lines():
        asyncio.run(_load_and_serve(config, backend, sockets))


def open_sockets(host: str, port: int) -> list[socket]:
    """Listen on the address; port 0 takes a free one.

    Raises
    ------
    InputError
        If the port is in use, or the address is not one of this machine.
    """
    if not host:  # tornado would take it for every address of this machine
        raise InputError("--host is empty: give 127.0.0.1, or 0.0.0.0 to let other machines in")
    try:
        return bind_sockets(port, address=host)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {_url(host, port)} ({reason}): choose another --port or --host") from error


async def _load_and_serve(config: DemoConfig, backend: Backend, sockets: Sequence[socket]) -> None:
    """Serve, and load beside it; a file that is bad ends both."""
    stopped = asyncio.Event()
    loading = asyncio.create_task(_load(config, backend, stopped))
    try:
        await serve(backend, sockets, host=config.host, stopped=stopped)
    finally:
        backend.loading.stop()
    await loading


async def _load(config: DemoConfig, backend: Backend, stopped: asyncio.Event) -> None:
    try:
        backend.service = await asyncio.to_thread(_service, config, backend)
        logger.info("ready")
    except LoadingStoppedError:
        logger.info("stopped before the model was loaded")
    finally:
        if backend.service is None:
            stopped.set()


def _service(config: DemoConfig, backend: Backend) -> "Service":
    from biosyn.web.loading import load_service  # here, so that the page is there before torch

    return load_service(config, backend.loading)


async def serve(
    backend: Backend, sockets: Sequence[socket], *, host: str, stopped: asyncio.Event | None = None
) -> None:
    """Answer requests until SIGINT or SIGTERM, or ``stopped``; the log tells the URL, with the port really taken.

    What is in flight then is answered first.
    """
    server = http_server(backend)
    server.add_sockets(sockets)
    with _stop_signals(stopped or asyncio.Event()) as told:
        logger.info("serving %s", _url(host, sockets[0].getsockname()[1]))
        await told.wait()
    await _finish(server, backend)
    logger.info("stopped")


def http_server(backend: Backend) -> HTTPServer:
    """Return the server; a handler refuses a body that is too large before the server would, and with a reason."""
    return HTTPServer(make_app(backend), max_body_size=max(backend.limits.body, backend.limits.file) + SLACK)


async def _finish(server: HTTPServer, backend: Backend) -> None:
    """Take no new connection, answer what has been asked, close."""
    await asyncio.sleep(QUIET / LOOKS)  # who has a connection that is not taken yet: it is, before this goes on
    server.stop()
    # from here on each answer closes its connection; any sooner, and a client would come back by a new one, which the
    # system resets if it is not taken by the time that nobody listens any more
    backend.stopping = True
    loop = asyncio.get_running_loop()
    deadline = loop.time() + backend.limits.grace
    quiet = 0  # looks in a row that saw no request; not time, which passes for a process that stands still, too
    while loop.time() < deadline and quiet < LOOKS:
        await asyncio.sleep(QUIET / LOOKS)
        quiet = 0 if backend.active else quiet + 1
    if backend.active:
        logger.warning("%d requests are given up", backend.active)
    await server.close_all_connections()
    backend.close()


@contextmanager
def _stop_signals(stopped: asyncio.Event) -> Iterator[asyncio.Event]:
    """Turn SIGINT and SIGTERM into an event of the running loop; their old handlers come back afterwards.

    They are back while requests are finished: a second signal ends the program at once.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        try:
            # the loop's own way: a plain handler that is set off just before the loop goes to sleep does not wake it
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows, whose loop watches for signals by itself
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
