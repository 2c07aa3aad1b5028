"""The limits of one request, of all that wait, and of connections."""

from dataclasses import dataclass

from biosyn.text.mentions import LONGEST


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The demo's limits: each protects the answers of others, and memory; docs/demo.md has the answers beyond them.

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
    file_lines, file_records
        The lines of a file, and its records, with a mention or without.
    file_document
        The characters of a document in a file: abbreviations are found in one go, and nothing else runs meanwhile.
    file_seconds
        The time that linking a file may take, in seconds.
    files
        The files being linked at the same time.
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
    connections
        The open connections; half of the descriptors that the system gives, where those are fewer.
    waiting_bytes
        The bytes of all bodies that are not complete and of all answers that are not taken.
    head
        The bytes of a request's line and headers.
    idle, receiving, sending
        The time for the head of a request, counted from the answer to the last one; for its body; and for the client
        to take the answer; in seconds.
    """

    mention: int = LONGEST
    mentions: int = 100
    topk: int = 100
    body: int = 1_000_000
    file: int = 4_000_000
    file_mentions: int = 5_000
    file_lines: int = 400_000
    file_records: int = 20_000
    file_document: int = 500_000
    file_seconds: float = 300.0
    files: int = 3
    batch: int = 64
    window: float = 0.003
    queue: int = 1_000
    recent: int = 2_000
    grace: float = 30.0
    connections: int = 1_000
    waiting_bytes: int = 20_000_000
    head: int = 16_384
    idle: float = 30.0
    receiving: float = 60.0
    sending: float = 60.0
