"""An epoch of MiniLM by one and by several ranks on this CPU, one thread each: seconds of its two parts.

python benchmarks/ranks.py --dictionary_path DATA/train_dictionary.txt --train_dir DATA/processed_train --ranks 1 2

A part of the dictionary and of the mentions. Each rank wants a core of its own: nothing else should run meanwhile.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import argument_parser, report

from biosyn.cli.quickstart import packaged_encoder
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset


def epoch(ranks: int, folder: Path, queries: Path) -> dict[str, Any]:
    """Train for two epochs; return the row of the second, whose start is warm."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ranks}", "-m", "biosyn", "train"]
    flags = {
        "--model_name_or_path": packaged_encoder(),
        "--train_dictionary_path": folder / "dictionary.txt",
        "--train_dir": queries,
        "--output_dir": folder / f"{ranks}-ranks",
        "--epoch": 2,
        "--keep_last": 0,
        "--device": "cpu",
    }
    command = [sys.executable, *launcher, *(str(part) for pair in flags.items() for part in pair), "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)["epochs"][-1]
    return row


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--train_dir", required=True)
    parser.add_argument("--names", type=int, default=8000)
    parser.add_argument("--mentions", type=int, default=400)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    dictionary, rows = DictionaryDataset(args.dictionary_path), []
    with tempfile.TemporaryDirectory() as place:
        folder, queries = Path(place), Path(place, "queries")
        queries.mkdir()
        step = max(1, len(dictionary) // args.names)
        lines = [f"{name.cui}||{name.name}\n" for name in dictionary][::step][: args.names]
        (folder / "dictionary.txt").write_text("".join(lines), encoding="utf-8")
        chosen = QueryDataset(args.train_dir, True, True, True).queries[: args.mentions]
        lines = [f"1||0|{len(query.mention)}||Disease||{query.mention}||{query.cui}\n" for query in chosen]
        (queries / "1.concept").write_text("".join(lines), encoding="utf-8")
        for ranks in args.ranks:
            found = epoch(ranks, folder, queries)
            steps = len(chosen) / found["mentions_per_second"]
            parts = {"embedding and search, s": found["seconds"] - steps, "steps, s": steps}
            rows.append({"ranks": ranks, "epoch, s": found["seconds"], **parts, "loss": found["loss"]})
    report(
        "ranks",
        rows,
        {"names": args.names, "mentions": len(chosen), "ratio": rows[0]["epoch, s"] / rows[-1]["epoch, s"]},
    )


if __name__ == "__main__":
    main()
