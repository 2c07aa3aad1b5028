"""The other processes of a run, as one of them sees them when something has gone wrong."""

import os
import socket
import time
from contextlib import suppress
from typing import Any, NamedTuple

LOOK_FOR = 3.0  # seconds until a dead process has been collected by torchrun


class Peers(NamedTuple):
    """Where the ranks run, and the store that outlives them: it belongs to torchrun."""

    store: Any
    rank: int
    places: list[str]  # machine and process id of each rank

    def lost(self) -> list[int]:
        """Return the ranks on this machine that have ended, which may take a moment to be seen."""
        until = time.monotonic() + LOOK_FOR
        while True:
            gone = [rank for rank in self.local() if not _is_alive(int(self.places[rank].split()[1]))]
            if gone or time.monotonic() > until:
                return gone
            time.sleep(0.05)

    def local(self) -> list[int]:
        """Return the ranks on this machine."""
        return [rank for rank, place in enumerate(self.places) if place.split()[0] == socket.gethostname()]

    def tells(self, gone: list[int]) -> bool:
        """Say whether this rank is to tell what happened: one a machine, and none where the lost one tells it."""
        with suppress(RuntimeError):  # torchrun itself may be gone
            if self.store.check(["told"]):
                return False
        return self.rank == min(set(self.local()) - set(gone), default=self.rank)

    def tell_terminated(self) -> None:
        """Let the others know that this rank ends because it was told to."""
        with suppress(RuntimeError):
            self.store.set("terminated", "")

    def were_terminated(self) -> bool:
        """Say whether a rank has ended because it was told to."""
        with suppress(RuntimeError):
            return bool(self.store.check(["terminated"]))
        return False

    def tell(self) -> None:
        """Let the others know that this rank tells what happened."""
        with suppress(RuntimeError):
            self.store.set("told", "")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
