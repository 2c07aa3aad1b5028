"""The demo beside 2,000 clients that misbehave, for 30 s: how soon it answers others, and the memory it takes.

A fifth of the clients each: says nothing; sends its head a byte a second; begins a body of 4 MB and stops; asks for
the API's description and does not take it; sends 4 MB of line ends and leaves. Who is closed comes back 5 s later.
They are a process of their own; another client asks for the page and for a mention, each on a new connection.

python benchmarks/demo_misuse.py --model_name_or_path M --dictionary_path D
"""

import argparse
import asyncio
import http.client
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

CLIENTS = 2_000
PORT = 18_888  # that of demo_load
SECONDS = 30
RETURN = 5  # seconds after which a client that was closed comes back
PAUSE = 0.05  # seconds between two questions of the client that behaves
FILE = b"POST /api/v1/link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
SIZE = 4_000_000
Misuse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the server hangs up."""
    await reader.read()


async def head_by_drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a head that never ends."""
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
    while not reader.at_eof():
        writer.write(b"y")
        await writer.drain()
        await asyncio.sleep(1)


async def half_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send most of a body and wait."""
    writer.write(FILE + f"Content-Length: {SIZE}\r\n\r\n".encode() + bytes(SIZE - 1))
    await reader.read()


async def untaken_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask for the API's description twenty times and take no answer."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    await asyncio.sleep(60)


async def line_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a file of line ends and leave."""
    writer.write(FILE + f"Content-Length: {SIZE}\r\n\r\n".encode() + b"\n" * SIZE)
    await writer.drain()
    await asyncio.sleep(0.1)


async def client(misuse: Misuse) -> None:
    """Misuse one connection after another."""
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            await misuse(reader, writer)
        except OSError:
            pass
        finally:
            if writer is not None:
                writer.close()
        await asyncio.sleep(RETURN)


async def misbehave() -> None:
    """Let all clients misbehave until this process is killed."""
    ways = (nothing, head_by_drops, half_a_body, untaken_answers, line_ends)
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(ways[number % len(ways)]))


def asked(path: str, body: bytes | None = None) -> float:
    """Return the seconds from connecting to the whole answer; infinity where there is none, or an error."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        response.read()
        return time.perf_counter() - begun if response.status == 200 else float("inf")
    except (OSError, http.client.HTTPException):
        return float("inf")
    finally:
        connection.close()


def answers_for(seconds: float, numbers: "count[int]") -> dict[str, list[float]]:
    """Ask for the page and for a new mention in turn; return the seconds of each."""
    found: dict[str, list[float]] = {"page": [], "mention": []}
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        found["page"].append(asked("/"))
        found["mention"].append(
            asked("/api/v1/normalize", json.dumps({"mentions": [f"ataxia type {next(numbers)}"]}).encode())
        )
        time.sleep(PAUSE)
    return found


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process, in MB of 10^6 bytes (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024 / 1e6


def row(when: str, found: dict[str, list[float]], megabytes: float) -> dict[str, Any]:
    """Return a line of the table."""
    each: dict[str, Any] = {"when": when, "MB": megabytes}
    for what, seconds in found.items():
        good = sorted(one for one in seconds if one < float("inf"))
        facts = {
            "answers": len(good),
            "none": len(seconds) - len(good),
            "p50, ms": 1000 * good[len(good) // 2],
            "longest, ms": 1000 * good[-1],
        }
        each |= {f"{what}: {fact}": value for fact, value in facts.items()}
    return each


async def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure before, meanwhile and after."""
    from demo_load import started, stop  # here, as the clients need no torch

    server = await started(args, {})
    numbers, rows = count(), []
    try:
        answers_for(5, numbers)  # the first answers load what is loaded lazily
        rows.append(row("before", answers_for(args.seconds / 3, numbers), resident_megabytes(server.pid)))
        crowd = subprocess.Popen([sys.executable, __file__, "--misbehave"])
        try:
            rows.append(row("meanwhile", answers_for(args.seconds, numbers), resident_megabytes(server.pid)))
        finally:
            crowd.kill()
            crowd.wait()
        rows.append(row("after", answers_for(args.seconds / 3, numbers), resident_megabytes(server.pid)))
    finally:
        stop(server)
    return rows


def main() -> None:
    """Print the table, and write it to results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--model_name_or_path", "--dictionary_path", "--cache_dir"):
        parser.add_argument(flag)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--misbehave", action="store_true", help="be the clients")
    args = parser.parse_args()
    if args.misbehave:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        asyncio.run(misbehave())
    else:
        from common import report  # here, as the clients need no torch

        rows = asyncio.run(measure(args))
        report("demo_misuse", rows, {"clients": CLIENTS, "load average": os.getloadavg()[0]})


if __name__ == "__main__":
    main()
