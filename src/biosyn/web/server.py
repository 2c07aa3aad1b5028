"""demo.py: load the model, embed the dictionary once, serve until told to stop."""

import asyncio
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import socket

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from biosyn.config import DemoConfig
from biosyn.errors import InputError
from biosyn.inference import load_linker
from biosyn.web.app import make_app

logger = logging.getLogger(__name__)

MAX_BODY = 65_536  # bytes; no request of ours has a body


def demo(config: DemoConfig) -> None:
    """Run demo.py: serve the page until Ctrl-C or SIGTERM.

    The port is taken first: whoever finds it in use should not wait for the dictionary's embedding to learn it.

    Raises
    ------
    InputError
        If the address cannot be listened on, or a file is missing or bad.
    """
    sockets = open_sockets(config.host, config.port)
    linker = load_linker(
        config.model_name_or_path,
        config.dictionary_path,
        topk=config.topk,
        device=config.device,
        revision=config.revision,
        cache_dir=config.cache_dir,
        precision=config.precision,
        index_precision=config.index_precision,
        search_memory=config.search_memory,
        show_progress=config.show_progress,
    )
    asyncio.run(serve(make_app(linker, topk=config.topk), sockets, host=config.host))


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


async def serve(app: Application, sockets: Sequence[socket], *, host: str) -> None:
    """Answer requests until SIGINT or SIGTERM; the log tells the URL, with the port that was really taken."""
    server = HTTPServer(app, max_body_size=MAX_BODY)
    server.add_sockets(sockets)
    with _stop_signals() as stopped:
        logger.info("serving %s", _url(host, sockets[0].getsockname()[1]))
        await stopped.wait()
    server.stop()
    await server.close_all_connections()
    logger.info("stopped")


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Turn SIGINT and SIGTERM into an event of the running loop; their old handlers come back afterwards."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
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
