"""A whole eval.py with a cold index against the plain way: each in a process of its own, in turn, from start to end.

The plain way pads every text to 25 tokens, holds the TF-IDF of all names as a dense matrix and scores one mention at a
time, sorting every score of it.

python benchmarks/evaluation.py --model_name_or_path MODEL --dictionary_path DATA/test_dictionary.txt \
  --data_dir DATA/processed_test
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from common import argument_parser, report
from embedding import plain as plain_embedding

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.model.biosyn import BioSyn
from biosyn.records import Candidate, MentionPrediction, QueryPrediction, split_mention

ROOT = Path(__file__).parents[1]
TOPK, BATCH = 20, 64


def plain(args: argparse.Namespace) -> dict[str, float]:
    """Return Acc@1 .. Acc@20, found the plain way."""
    from transformers import AutoModel

    biosyn = BioSyn.from_pretrained(args.model_name_or_path)
    model = AutoModel.from_pretrained(args.model_name_or_path, dtype=torch.float32).eval()  # ours has a last layer cut
    queries, dictionary = QueryDataset(args.data_dir).queries, DictionaryDataset(args.dictionary_path)
    names_dense = plain_embedding(model, biosyn.get_dense_tokenizer(), list(dictionary.names), BATCH)  # (N, H)
    names_sparse = torch.from_numpy(biosyn.embed_sparse(dictionary.names))  # (N, V)

    def candidates(mention: str) -> tuple[Candidate, ...]:
        dense = plain_embedding(model, biosyn.get_dense_tokenizer(), [mention], 1)[0]  # (H,)
        sparse = torch.from_numpy(biosyn.embed_sparse([mention]))[0]  # (V,)
        halves = names_dense @ dense, biosyn.sparse_weight * (names_sparse @ sparse)  # (N,) each
        scores = halves[0] + halves[1]  # (N,)
        best = scores.sort(descending=True, stable=True).indices[:TOPK].tolist()
        return tuple(
            Candidate(dictionary.names[row], dictionary.cuis[row], *(float(part[row]) for part in (scores, *halves)))
            for row in best
        )

    predictions = [
        QueryPrediction(query, tuple(MentionPrediction(part, candidates(part)) for part in split_mention(query)))
        for query in queries
    ]
    return accuracy_at_k(predictions, TOPK)


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--plain", action="store_true", help="run the plain way and print its figures")
    args = parser.parse_args()
    if args.plain:
        print(json.dumps(plain(args)))
        return
    found = list(_rounds(args))
    rows = []
    for way in ("plain", "ours"):
        seconds = statistics.median(row[way]["seconds"] for row in found)
        slowest = statistics.median(row["plain"]["seconds"] for row in found)
        peak = max(row[way]["peak MB"] for row in found)
        result = found[0][way]["result"]
        acc = {f"Acc@{k}": result[f"acc{k}"] for k in (1, 5)}
        rows.append({"way": way, "seconds": seconds, "ratio": slowest / seconds, "peak MB": peak, **acc})
    report("evaluation", rows, {"rounds": args.rounds})


def _rounds(args: argparse.Namespace) -> Iterator[dict[str, dict[str, Any]]]:
    where = ["--model_name_or_path", args.model_name_or_path, "--dictionary_path", args.dictionary_path]
    where += ["--data_dir", args.data_dir]
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as cold:
            ours = [str(ROOT / "eval.py"), *where, "--cache_dir", cold, "--output_dir", cold]
            yield {"plain": _measured([__file__, *where, "--plain"]), "ours": _measured(ours)}


def _measured(words: list[str]) -> dict[str, Any]:
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(words)}")
    # the memory of this process at the fork would count too, but it is well below that of either way
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return {"seconds": time.perf_counter() - started, "peak MB": peak, "result": json.loads(printed)}


if __name__ == "__main__":
    main()
