"""The open connections: how many, how long each waits for its client, and how many bytes it holds meanwhile.

A connection waits while the server can do nothing before the client sends or takes bytes: for a request, for the rest
of its body, for an answer to be taken. Where there are too many connections or bytes, the one that waits longest gives
way. Clients that behave wait for moments, so a new one always gets in.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from tornado.iostream import IOStream

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)
LATE, CROWDED = 408, 503  # why a connection is given up, as a status

GiveUp = Callable[[int], object]
"""Function: a status -> the client is told it, if it can be told anything."""


class Waiting(NamedTuple):
    """A connection that waits: until when, by the monotonic clock; the bytes it holds; how its client is told."""

    until: float
    held: int
    give_up: GiveUp


class Connections:
    """All open connections, and those that wait, in the order in which they began to.

    Parameters
    ----------
    most
        The connections that may be open.
    most_bytes
        The bytes that those which wait may hold, all together.
    """

    def __init__(self, *, most: int, most_bytes: int):
        self.most = most
        self._most_bytes = most_bytes
        self.held = 0  # bytes of those that wait
        self._open: set[IOStream] = set()
        self._waiting: dict[IOStream, Waiting] = {}
        self._crowded = False  # it is logged once until there is room again

    def __len__(self) -> int:
        """Return the number of open connections."""
        return len(self._open)

    def add(self, stream: IOStream, seconds: float) -> bool:
        """Take a new connection, which waits for its first request, if there is room for it or can be made."""
        if len(self._open) >= self.most and not self.make_room(f"{self.most:,} connections are open"):
            return False
        self._open.add(stream)
        self.waits(stream, seconds)
        return True

    def remove(self, stream: IOStream) -> None:
        """Forget a connection that is closed."""
        self.works(stream)
        self._open.discard(stream)

    def waits(self, stream: IOStream, seconds: float, *, held: int = 0, give_up: GiveUp = lambda status: None) -> None:
        """Let a connection wait for its client from now on, with so many bytes in memory."""
        self.works(stream)
        if stream in self._open:
            self._waiting[stream] = Waiting(time.monotonic() + seconds, held, give_up)
            self._hold(held)

    def holds(self, stream: IOStream, more: int) -> None:
        """Count more bytes of a connection that waits."""
        waiting = self._waiting.get(stream)
        if waiting is not None:
            self._waiting[stream] = waiting._replace(held=waiting.held + more)  # it keeps its place in the order
            self._hold(more)

    def works(self, stream: IOStream) -> None:
        """End the waiting of a connection: the server works for it."""
        waiting = self._waiting.pop(stream, None)
        if waiting is not None:
            self.held -= waiting.held

    def sweep(self) -> None:
        """Give up the connections that have waited too long."""
        now = time.monotonic()
        for stream in [stream for stream, waiting in self._waiting.items() if waiting.until <= now]:
            self._end(stream, LATE)
        if self._crowded and len(self._open) <= self.most // 2:
            self._crowded = False
            logger.info("there is room for connections again")

    def make_room(self, why: str) -> bool:
        """Give up the connection that has waited longest, if any waits; the reason is logged once."""
        if not self._crowded:
            self._crowded = True
            logger.warning("%s: the one that waits longest is closed for each new one", why)
        stream = next(iter(self._waiting), None)
        if stream is not None:
            self._end(stream, CROWDED)
        return stream is not None

    def _hold(self, more: int) -> None:
        self.held += more
        while self.held > self._most_bytes:
            self._end(next(stream for stream, waiting in self._waiting.items() if waiting.held), CROWDED)

    def _end(self, stream: IOStream, status: int) -> None:
        waiting = self._waiting[stream]
        self.remove(stream)
        waiting.give_up(status)
        stream.close()  # what the client was told is on its way


def most_connections(wanted: int) -> int:
    """Return the connections that this process may have: half of the descriptors, as it opens files too."""
    if sys.platform == "win32":
        return wanted
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if descriptors == resource.RLIM_INFINITY else max(1, min(wanted, descriptors // 2))
