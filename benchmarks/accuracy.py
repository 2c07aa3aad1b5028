"""Acc@1 and Acc@5 of checkpoints by the hybrid, the dense and the sparse score, from one embedding of the dictionary.

python benchmarks/accuracy.py --dictionary_path DATA/test_dictionary.txt --data_dir DATA/processed_test CHECKPOINT...
"""

import argparse
import json
import time
from pathlib import Path

from biosyn.model.biosyn import BioSyn
from biosyn.training.dev import DevSet, load_dev_set


def measure(checkpoint: Path, data: DevSet) -> dict[str, object]:
    """Return the figures of one checkpoint; the same code path as dev's figures in train_log.jsonl."""
    started = time.perf_counter()
    biosyn = BioSyn().load_model(checkpoint)
    figures = data.accuracy(biosyn, biosyn.embed(data.dictionary.names, what="names"))
    seconds = round(time.perf_counter() - started, 1)
    return {"checkpoint": str(checkpoint), "w": round(biosyn.sparse_weight, 4), **figures, "seconds": seconds}


def main() -> None:
    """Print one JSON line a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dictionary_path", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("checkpoints", nargs="+", type=Path, metavar="CHECKPOINT")
    args = parser.parse_args()
    data = load_dev_set(args.data_dir, args.dictionary_path)
    assert data is not None
    for checkpoint in args.checkpoints:
        print(json.dumps(measure(checkpoint, data)), flush=True)


if __name__ == "__main__":
    main()
