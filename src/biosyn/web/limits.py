"""The limits of one request, and of all requests that wait."""

from dataclasses import dataclass

from biosyn.text.mentions import LONGEST


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The demo's limits: each protects the answers of others, and memory.

    Parameters
    ----------
    mention
        The characters of a mention.
    mentions
        The mentions of a request.
    topk
        The names or concepts of an answer.
    body, file
        The bytes of a JSON body and of a file to link.
    file_mentions
        The mentions of a file.
    files
        The files being linked or waiting for it.
    batch
        The mentions encoded and searched together; the best size for a CPU (see `encoders.dense`).
    window
        The time that the first mention of a batch waits for others, in seconds.
    queue
        The mentions waiting; a request that does not fit gets a 503.
    recent
        The answers kept in memory.
    grace
        The time for open requests when the server is told to stop, in seconds.
    """

    mention: int = LONGEST
    mentions: int = 100
    topk: int = 100
    body: int = 1_000_000
    file: int = 4_000_000
    file_mentions: int = 5_000
    files: int = 3
    batch: int = 64
    window: float = 0.003
    queue: int = 1_000
    recent: int = 2_000
    grace: float = 30.0
