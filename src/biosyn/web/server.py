"""The verb of demo.py: listen at once, load the model meanwhile, serve until told to stop."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import socket
from typing import TYPE_CHECKING

from biosyn.settings.verbs import DemoConfig
from biosyn.web.backend import Backend
from biosyn.web.base import bare_lines
from biosyn.web.hosts import Hosts
from biosyn.web.limits import Limits
from biosyn.web.listening import Server, open_sockets, url_of
from biosyn.web.loading import LoadingStoppedError

if TYPE_CHECKING:
    from biosyn.web.service import Service

logger = logging.getLogger(__name__)

QUIET = 0.2  # seconds without an open request, after which a stopping server ends
LOOKS = 10  # checks in that time
SWITCH = 0.0005  # seconds until a thread that computes gives way: the event loop waits so long at each system call


def demo(config: DemoConfig, *, limits: Limits | None = None) -> None:
    """Run demo.py: serve the page until Ctrl-C or SIGTERM."""
    sockets = open_sockets(config.host, config.port)
    backend = Backend(
        topk=config.topk,
        limits=limits,
        log_queries=config.log_queries,
        hosts=Hosts((config.host, *(one.getsockname()[0] for one in sockets)), config.allowed_hosts),
    )
    sys.setswitchinterval(SWITCH)
    with bare_lines():
        asyncio.run(_load_and_serve(config, backend, sockets))


async def _load_and_serve(config: DemoConfig, backend: Backend, sockets: Sequence[socket]) -> None:
    """Serve and load at the same time; a bad file ends both."""
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
    from biosyn.web.service import load_service  # here, so that the page is there before torch

    service = load_service(config, backend.loading)
    gc.freeze()  # what is loaded stays: everybody would wait each time that it is gone through
    return service


async def serve(
    backend: Backend, sockets: Sequence[socket], *, host: str, stopped: asyncio.Event | None = None
) -> None:
    """Answer requests until SIGINT or SIGTERM, or ``stopped``; open requests are answered before it ends.

    The log has the URL, with the port that was taken.
    """
    server = Server(backend)
    server.add_sockets(sockets)
    with _stop_signals(stopped or asyncio.Event()) as told:
        logger.info("serving %s", url_of(host, sockets[0].getsockname()[1]))
        await told.wait()
    await _finish(server, backend)
    logger.info("stopped")


async def _finish(server: Server, backend: Backend) -> None:
    """Accept no new connection, answer the open requests, close."""
    await asyncio.sleep(QUIET / LOOKS)  # the connections that are open by now are accepted meanwhile
    server.stop()
    # From here on each answer closes its connection. Any sooner, and a client would open a new one, which the system
    # resets if it is not accepted before the server stops listening.
    backend.stopping = True
    loop = asyncio.get_running_loop()
    deadline = loop.time() + backend.limits.grace
    quiet = 0  # checks in a row without a request; not a time, which also passes while the process is suspended
    while loop.time() < deadline and quiet < LOOKS:
        await asyncio.sleep(QUIET / LOOKS)
        quiet = 0 if backend.active else quiet + 1
    if backend.active:
        logger.warning("%d requests are given up", backend.active)
    await server.close_all_connections()
    backend.close()


@contextmanager
def _stop_signals(stopped: asyncio.Event) -> Iterator[asyncio.Event]:
    """Turn SIGINT and SIGTERM into an event of the running loop; their old handlers are restored afterwards.

    They are restored before the open requests are answered: a second signal ends the program at once.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        try:
            # the loop's own way: a plain handler that runs just before the loop goes to sleep does not wake it
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows, whose loop watches for signals itself
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)
