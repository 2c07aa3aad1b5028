import asyncio
import logging
import os
import signal
import socket
import threading
from urllib.request import urlopen

import pytest

from biosyn.errors import InputError
from biosyn.web.app import make_app
from biosyn.web.server import open_sockets, serve


class WaitingLinker:
    """Takes a query and keeps it until it is told to give it up."""

    def __init__(self):
        self.asked, self.released = threading.Event(), threading.Event()

    def link(self, mentions, *, topk):
        self.asked.set()
        assert self.released.wait(60)
        raise InputError("given up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_even_while_a_query_runs(number, caplog):
    linker = WaitingLinker()
    sockets = open_sockets("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def ask():
        with pytest.raises(OSError):  # the connection is closed, with no answer
            urlopen(f"{url}normalize/?string=ataxia", timeout=60)

    def stop():
        assert linker.asked.wait(60)
        os.kill(os.getpid(), number)

    threads = [threading.Thread(target=ask), threading.Thread(target=stop)]
    with caplog.at_level(logging.INFO):
        asyncio.run(serve_and(threads, make_app(linker), sockets))
    linker.released.set()
    for thread in threads:
        thread.join(60)
    assert caplog.messages == [f"serving {url}", "stopped"]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(url.split(":")[2].strip("/"))), timeout=60)


async def serve_and(threads, app, sockets):
    for thread in threads:
        thread.start()
    await serve(app, sockets, host="127.0.0.1")


def test_a_port_is_taken_once():
    (taken,) = open_sockets("127.0.0.1", 0)
    with taken, pytest.raises(InputError, match="choose another --port"):
        open_sockets("127.0.0.1", taken.getsockname()[1])
