"""What one request, and all that wait together, may ask for."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The demo's limits: each protects the answers of others, and memory.

    Parameters
    ----------
    mention
        Characters of a mention.
    mentions
        Mentions of a request.
    topk
        Names or concepts asked for.
    body, file
        Bytes of a JSON body and of a file to link.
    file_mentions
        Mentions of a file.
    files
        Files being linked or waiting for it.
    batch
        Mentions encoded and searched together; what a CPU does best at (see `encoders.dense`).
    window
        Seconds that the first of a batch waits for others.
    queue
        Mentions waiting; a request that does not fit is told to come back.
    recent
        Answers kept.
    grace
        Seconds for what is in flight when the server is told to stop.
    """

    mention: int = 1_000
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
