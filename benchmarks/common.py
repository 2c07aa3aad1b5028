"""What the speed benchmarks share: alternating rounds, peak memory in a process of its own, the machine, the table."""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from biosyn.data.dictionary import DictionaryDataset
from biosyn.files import library_versions
from biosyn.index.approximate_build import changed

MAX_LENGTH = 25
Way = Callable[[], object]


def alternate(ways: Mapping[str, Way], *, rounds: int) -> dict[str, float]:
    """Run the ways in turn, ``rounds`` times after one warm-up; return the median seconds of each.

    In turn, so that whatever else the machine does falls on all of them alike. With one thread, seconds are those of
    its work, whatever else took the core meanwhile.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for name, way in ways.items():
            started = clock()
            way()
            if round_number:
                seconds[name].append(clock() - started)
    return {name: statistics.median(found) for name, found in seconds.items()}


def best_of(ways: Mapping[int, Way]) -> int:
    """Return the key of the fastest way, each tried twice: the batch size at which it is at its best."""
    found = alternate({str(size): way for size, way in ways.items()}, rounds=2)
    return int(min(found, key=lambda size: found[size]))


def peak_megabytes(script: str, *arguments: str) -> float:
    """Return the peak resident memory of a run of the script in a process of its own, in MB of 10^6 bytes."""
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["peak_megabytes"])


def print_peak(*, beyond: float = 0.0) -> None:
    """Print this process's peak memory, or what it is beyond so many MB, for `peak_megabytes`."""
    print(json.dumps({"peak_megabytes": own_peak_megabytes() - beyond}))


def forget_peak() -> float:
    """Begin to count the peak anew (Linux); return the memory taken at this moment, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return own_peak_megabytes()


def own_peak_megabytes() -> float:
    """Return this process's peak resident memory, in MB of 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory at the fork too
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        peak = int(line.split()[1]) * 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes
    return peak / 1e6


def matrix_gflops(rows: int, inner: int, columns: int) -> float:
    """Return the float32 rate of (rows, inner) by (inner, columns) on this machine, in 10^9 operations a second."""
    left, right = torch.rand(rows, inner), torch.rand(inner, columns)
    seconds = alternate({"product": lambda: [left @ right for _ in range(20)]}, rounds=7)["product"] / 20
    return 2 * rows * inner * columns / seconds / 1e9


def sample_names(path: str, count: int) -> list[str]:
    """Return ``count`` names spread evenly over the dictionary."""
    names = list(DictionaryDataset(path).names)
    return names[:: max(1, len(names) // count)][:count]


def many_names(known: Sequence[str], count: int) -> list[str]:
    """Return so many distinct names: the known ones, and then each again and again, changed in one way."""
    seen: dict[str, None] = {}
    drawn = random.Random(0)
    for place in range(count):
        name = known[place % len(known)]
        text = name if place < len(known) else " ".join(changed(name, drawn).split())
        seen[f"{text} {place}" if text in seen else text] = None
    return list(seen)


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the flags that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dictionary_path", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory_of", help="run this way once and print the process's peak memory")
    return parser


def report(name: str, rows: Sequence[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Print the rows as a Markdown table, and write all of it to ``benchmarks/results/NAME.json``."""
    keys = list(rows[0])
    table = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    table += ["| " + " | ".join(_shown(row[key]) for key in keys) + " |" for row in rows]
    print("\n".join([*table, "", *(f"{key}: {_shown(value)}" for key, value in facts.items())]))
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "threads": torch.get_num_threads(), **library_versions()}
    command = "python " + " ".join([Path(sys.argv[0]).as_posix(), *sys.argv[1:]])
    content = {"command": command, "machine": machine, "rows": list(rows), "facts": facts}
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
