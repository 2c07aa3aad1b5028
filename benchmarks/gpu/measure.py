"""The GPU kit: runs each part of `parts.py` in a process of its own, for a limited time, and writes what it measured.

A part that fails, takes too long or runs out of memory is written down, and the others go on. The JSON and the Markdown
table are written anew after every row, so a run that is cut off leaves what it had.

bash benchmarks/gpu/run.sh
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import Any

HERE = Path(__file__).parent
# seconds of each part, the surest and the most wanted first; together less than nine minutes
LIMITS = {"card": 40, "tests": 80, "agree": 100, "embed": 80, "steps": 130, "epoch": 50, "search": 50}
DRY_LIMIT = 1200  # of all parts, in one process
Row = dict[str, Any]


class Record:
    """What is known so far, in two files."""

    def __init__(self, folder: Path, name: str, facts: Row):
        self.folder, self.name, self.facts = folder, name, facts
        self.parts: dict[str, list[Row]] = {}

    def add(self, part: str, row: Row) -> None:
        """Add a row of a part, or facts about the machine, and write both files."""
        if part == "machine":
            self.facts.update(row)
        else:
            self.parts.setdefault(part, []).append(row)
        content = json.dumps({**self.facts, "parts": self.parts}, indent=2)
        _replace(self.folder / f"{self.name}.json", content + "\n")
        _replace(self.folder / f"{self.name}.md", self.markdown())

    @property
    def has_faults(self) -> bool:
        """Whether something failed, or the device and the CPU differ by more than they may."""
        rows = [row for rows in self.parts.values() for row in rows]
        return any("failed" in row or row.get("failures") or row.get("within it") is False for row in rows)

    def markdown(self) -> str:
        """Return the facts, and a table of each part."""
        facts = [f"- {key}: {value}" for key, value in self.facts.items()]
        tables = ["\n".join([f"## {part}", "", *_table(rows)]) for part, rows in self.parts.items()]
        return "\n\n".join(["# A GPU, measured", "\n".join(facts), *tables]) + "\n"


def _table(rows: Sequence[Row]) -> list[str]:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_shown(row.get(key, "")) for key in keys] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in (keys, ["---"] * len(keys), *cells)]


def _shown(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def run(parts: Sequence[str], limit: float, flags: Sequence[str], record: Record) -> None:
    """Run some parts in one process, which is killed after so many seconds; record what it says."""
    started = time.monotonic()
    command = [sys.executable, str(HERE / "parts.py"), *parts, *flags]
    with (record.folder / f"{record.name}.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        timer = Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:  # as they come, so that a part that is stopped leaves its rows
                record.add(**json.loads(line))
            code = process.wait()
        finally:
            timer.cancel()
    seconds = time.monotonic() - started
    if code:
        why = f"stopped after {limit:.0f} s" if seconds >= limit else f"ended with exit code {code}"
        record.add(parts[-1], {"failed": f"{why}; see {record.name}.log"})
    record.add("machine", {f"seconds of {' '.join(parts)}": round(seconds, 1)})


def main() -> None:
    """Run all parts; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU: does the kit itself work?")
    parser.add_argument("--model", help="the folder of an encoder, in place of random weights of two shapes")
    parser.add_argument("--parts", nargs="+", choices=list(LIMITS), default=list(LIMITS))
    parser.add_argument("--seconds", type=float, default=525, help="of the whole run; parts that are left are dropped")
    args = parser.parse_args()
    folder = Path(os.environ.get("OUT") or HERE / "results")
    folder.mkdir(parents=True, exist_ok=True)
    record = Record(
        folder, "dry" if args.dry else "gpu", {"command": " ".join(["bash benchmarks/gpu/run.sh", *sys.argv[1:]])}
    )
    (folder / f"{record.name}.log").unlink(missing_ok=True)
    end = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as work:
        flags = ["--work_dir", work, *(["--dry"] if args.dry else []), *(["--model", args.model] if args.model else [])]
        if args.dry:
            run(args.parts, DRY_LIMIT, flags, record)
        else:
            for part in args.parts:
                if (left := end - time.monotonic()) > 10:
                    run([part], min(LIMITS[part], left), flags, record)
                else:
                    record.add(part, {"failed": "no time was left"})
    print(record.markdown())
    sys.exit(record.has_faults)


if __name__ == "__main__":
    main()
