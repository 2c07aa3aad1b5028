"""The demo under load, on this machine alone: 64 clients, with batching and without, and with a queue too small.

The server is a process of its own on 127.0.0.1, the clients are tasks of this one. Each mention is asked for once, so
that no answer comes from memory. Afterwards all answers are compared with those of the linker that inference.py uses.

python benchmarks/demo_load.py --model_name_or_path M --dictionary_path D
"""

import argparse
import asyncio
import json
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from common import report, sample_names

from biosyn.linking.loading import load_linker
from biosyn.settings.groups import Compute, Index
from biosyn.settings.verbs import DemoConfig
from biosyn.web.limits import Limits
from biosyn.web.server import demo

CLIENTS = 64
SECONDS = 30
MOST = 30_000  # requests of a round
PAUSE = 0.1  # seconds of a client that was refused
TOPK = 10
PORT = 18_888
ROUNDS: dict[str, dict[str, Any]] = {
    "batches of 64": {},
    "one at a time": {"batch": 1, "window": 0.0},
    "a queue of 8": {"queue": 8},
}


class Reply(NamedTuple):
    """What a client got for a mention: the status, the answer, the seconds it took."""

    mention: str
    status: int
    body: dict[str, Any]
    seconds: float


def mentions(dictionary_path: str) -> Iterator[str]:
    """Yield distinct mentions: names of the dictionary, each with a letter doubled, as a typing error would have it."""
    for name in dict.fromkeys(sample_names(dictionary_path, MOST)):
        middle = len(name) // 2
        yield name[:middle] + name[middle] + name[middle:]


async def client(texts: Iterator[str], deadline: float, replies: list[Reply]) -> None:
    """Ask one mention after another on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    while time.perf_counter() < deadline and (text := next(texts, None)):
        begun = time.perf_counter()
        writer.write(f"GET /normalize/?string={quote(text)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("Content-Length:"))
        body = json.loads(await reader.readexactly(length))
        replies.append(Reply(text, int(head.split()[1]), body, time.perf_counter() - begun))
        if replies[-1].status == 503:
            await asyncio.sleep(PAUSE)
    writer.close()


async def round_of_load(texts: Iterator[str], seconds: int) -> list[Reply]:
    """Let all clients ask for so long; return what they got."""
    replies: list[Reply] = []
    deadline = time.perf_counter() + seconds
    await asyncio.gather(*(client(texts, deadline, replies) for _ in range(CLIENTS)))
    return replies


async def started(args: argparse.Namespace, limits: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Return the demo, running in a process of its own, when it is ready."""
    command = [sys.executable, __file__, "--serve", json.dumps(limits), *model_flags(args)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not await is_ready():
        assert process.poll() is None, "the server has ended"
        await asyncio.sleep(0.2)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it as a user does."""
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()


async def is_ready() -> bool:
    """Say whether the server answers mentions."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status = (await reader.read()).split()[1:2]
        writer.close()
    except OSError:
        return False
    return status == [b"200"]


def row(name: str, replies: list[Reply], seconds: float) -> dict[str, Any]:
    """Return a line of the table."""
    answered = sorted(reply.seconds for reply in replies if reply.status == 200)
    statuses = Counter(reply.status for reply in replies)
    return {
        "server": name,
        "200": statuses.pop(200, 0),
        "503": statuses.pop(503, 0),
        "others": sum(statuses.values()),
        "answers a second": len(answered) / seconds,
        "p50, ms": 1000 * statistics.median(answered),
        "p99, ms": 1000 * answered[int(0.99 * len(answered))],
    }


def differences(replies: list[Reply], args: argparse.Namespace) -> int:
    """Return how many answers are not inference.py's: another name or order, but between equal scores; another score.

    Equal means to 1e-5 relative.
    """
    linker = load_linker(
        args.model_name_or_path, args.dictionary_path, Compute(device="cpu"), Index(cache_dir=args.cache_dir), topk=TOPK
    )
    answered = [reply for reply in replies if reply.status == 200]
    expected = linker.normalize([reply.mention for reply in answered], topk=TOPK)
    return sum(
        not same(reply.body["predictions"], [(one.name, one.score) for one in prediction.candidates])
        for reply, prediction in zip(answered, expected, strict=True)
    )


def same(found: list[dict[str, Any]], expected: list[tuple[str, float]]) -> bool:
    """Say whether two answers are the same: scores rank by rank, and each name at a rank of its own score."""

    def close(one: float, other: float) -> bool:
        return abs(one - other) <= 1e-5 * max(abs(one), abs(other))

    if len(found) != len(expected) or not all(
        close(row["score"], score) for row, (_, score) in zip(found, expected, strict=True)
    ):
        return False
    last = expected[-1][1]  # of names that score as the last one, others may be in the list
    scores = dict(reversed(expected))
    return all(close(row["score"], scores.get(row["name"], last)) for row in found)


def model_flags(args: argparse.Namespace) -> list[str]:
    """Return the flags that name model, dictionary and cache."""
    given = {"--model_name_or_path": args.model_name_or_path, "--dictionary_path": args.dictionary_path}
    given |= {"--cache_dir": args.cache_dir} if args.cache_dir else {}
    return [part for pair in given.items() for part in pair]


async def measure(args: argparse.Namespace) -> tuple[list[dict[str, Any]], list[Reply]]:
    """Run every round; return the table and all that was answered."""
    rows, replies = [], []
    for name, limits in ROUNDS.items():
        process = await started(args, limits)
        try:
            await round_of_load(iter([f"warm {number}" for number in range(500)]), 5)
            begun = time.perf_counter()
            found = await round_of_load(mentions(args.dictionary_path), args.seconds)
            rows.append(row(name, found, time.perf_counter() - begun))
        finally:
            stop(process)
        replies += found
    return rows, replies


async def seconds_from_kill_to_ready(args: argparse.Namespace) -> float:
    """Kill a server that is ready, start it again, and return the seconds until it is ready."""
    process = await started(args, {})
    process.kill()
    process.wait()
    begun = time.perf_counter()
    process = await started(args, {})
    seconds = time.perf_counter() - begun
    stop(process)
    return seconds


def main() -> None:
    """Print the table, and write it to results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--dictionary_path", required=True)
    parser.add_argument("--cache_dir")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--serve", metavar="LIMITS", help="be the server, with these limits")
    args = parser.parse_args()
    if args.serve:
        config = DemoConfig(
            model_name_or_path=args.model_name_or_path,
            dictionary_path=args.dictionary_path,
            cache_dir=args.cache_dir,
            device="cpu",
            port=PORT,
            topk=TOPK,
        )
        demo(config, limits=Limits(**json.loads(args.serve)))
        return
    rows, replies = asyncio.run(measure(args))
    facts = {
        "clients": CLIENTS,
        "with batches / one at a time": rows[0]["answers a second"] / rows[1]["answers a second"],
        "answers that are not inference.py's": differences(replies, args),
        "seconds from SIGKILL to ready": asyncio.run(seconds_from_kill_to_ready(args)),
    }
    report("demo_load", rows, facts)


if __name__ == "__main__":
    main()
