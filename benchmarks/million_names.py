"""A dictionary of millions of names: building its index, the exact search from disk, the approximate search.

The names are the dictionary's, again and again, changed as `perturbed_names` changes them; their vectors are the
dictionary's plus seeded noise that is distributed as the differences between two names of one concept are. So the
index is built without the hours of embedding. The queries are changed names, embedded by the model, and the mentions
of `--data_dir`. Each step runs in a process of its own, which tells its peak memory.

python benchmarks/million_names.py --model_name_or_path M --dictionary_path D --data_dir Q --work_dir W --names 500000
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import many_names, own_peak_megabytes, report
from numpy.typing import NDArray

from biosyn.data.queries import QueryDataset
from biosyn.index.approximate import ApproximateSearch, open_ann
from biosyn.index.approximate_build import build_ann, recall_at
from biosyn.index.build import open_or_build
from biosyn.index.cache import index_folders
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.header import ann_summary
from biosyn.index.key import IndexKey, dictionary_sha256, tfidf_sha256
from biosyn.model.biosyn import BioSyn
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.records import split_mention
from biosyn.retrieval.search import TopNames, top_names
from biosyn.retrieval.vectors import Vectors

TOPK = 20
EXACT_QUERIES = 3  # that the exact search is timed with, one at a time


def concept_noise(index: DictionaryIndex, generator: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """Return what turns (n, H) normal numbers into noise, (H, H), and the mean distance within a concept."""
    rows: dict[str, list[int]] = {}
    for row, cui in enumerate(index.cuis):
        rows.setdefault(cui, []).append(row)
    pairs = [generator.choice(found, 2, replace=False) for found in rows.values() if len(found) > 1]
    dense = np.asarray(index.dense, dtype=np.float32)
    differences = np.stack([dense[one] - dense[two] for one, two in pairs])  # (pairs, H)
    covariance = np.cov(differences.T) + 1e-6 * np.eye(dense.shape[1])
    distance = float(np.linalg.norm(differences, axis=1).mean())
    return np.linalg.cholesky(covariance).T.astype(np.float32), distance


class Copies:
    """Gives the vectors of the next names: those of the dictionary, with noise from the second time on."""

    def __init__(self, index: DictionaryIndex):
        self._dense = np.asarray(index.dense, dtype=np.float32)
        self._noise, self.distance = concept_noise(index, np.random.default_rng(0))
        self._next = 0

    def __call__(self, names: list[str]) -> NDArray[np.float32]:
        """Return (n, H); each is as long as the one that it was made of, as a LayerNorm leaves them."""
        place = np.arange(self._next, self._next + len(names))
        self._next += len(names)
        real = self._dense[place % len(self._dense)]  # (n, H)
        generator = np.random.default_rng(int(place[0]))
        noisy = real + generator.standard_normal(real.shape, dtype=np.float32) @ self._noise
        noisy *= np.linalg.norm(real, axis=1, keepdims=True) / np.linalg.norm(noisy, axis=1, keepdims=True)
        return np.where((place < len(self._dense))[:, None], real, noisy)


def write_names(args: argparse.Namespace) -> dict[str, Any]:
    """Write a dictionary of so many distinct names."""
    known = list(opened_model(args)[1])
    Path(args.work_dir).mkdir(parents=True, exist_ok=True)
    names = many_names([row.name for row in known], args.count)
    with names_file(args).open("w", encoding="utf-8") as file:
        file.writelines(f"{known[place % len(known)].cui}||{name}\n" for place, name in enumerate(names))
    return {"names": len(names)}


def build_exact(args: argparse.Namespace) -> dict[str, Any]:
    """Read the dictionary's file, compute the TF-IDF and write the index."""
    biosyn, real = opened_model(args)
    started = time.process_time()
    dictionary = open_dictionary(names_file(args), cache_dir=args.work_dir)
    names, cuis = dictionary.names, dictionary.cuis
    sparse = biosyn.get_sparse_encoder()
    key = IndexKey(
        encoder=f"{real.key.encoder} and noise",
        tfidf=tfidf_sha256(sparse.vocabulary, sparse.idf),
        max_length=real.key.max_length,
        precision="float16",
        dictionary=dictionary.sha256 or dictionary_sha256(names, cuis),
    )
    copies = Copies(real)
    index = open_or_build(args.work_dir, key, names=names, cuis=cuis, embed=copies, tfidf=sparse.transform)
    assert index.folder is not None
    n_bytes = sum(path.stat().st_size for path in index.folder.glob("*.npy"))
    return {"seconds": time.process_time() - started, "GB": n_bytes / 1e9, "distance": copies.distance}


def build_approximate(args: argparse.Namespace) -> dict[str, Any]:
    """Make the approximate index, and measure it with changed names."""
    biosyn, _ = opened_model(args)
    index = opened_index(args)
    header = build_ann(index, sparse_weight=biosyn.sparse_weight, embed=biosyn.embed, memory=biosyn.search_memory)
    n_bytes = sum(entry["bytes"] for entry in header.files.values())
    return {**ann_summary(header.key, header.measured), "GB": n_bytes / 1e9}


def search_held(args: argparse.Namespace) -> dict[str, Any]:
    """Search exactly, with the vectors in memory whatever their size."""
    biosyn, _ = opened_model(args)
    names = opened_index(args).vectors(streamed_above=10**15)
    return timed(lambda some: biosyn.search(some, names, topk=TOPK), mentions_of(args, biosyn), alone=EXACT_QUERIES)


def search_streamed(args: argparse.Namespace) -> dict[str, Any]:
    """Search exactly, with the vectors read from disk block by block."""
    biosyn, _ = opened_model(args)
    names = opened_index(args).vectors(streamed_above=0)
    return timed(lambda some: biosyn.search(some, names, topk=TOPK), mentions_of(args, biosyn), alone=EXACT_QUERIES)


def search_approximate(args: argparse.Namespace) -> dict[str, Any]:
    """Search the approximate index."""
    biosyn, _ = opened_model(args)
    search = opened_ann(args, biosyn).search
    return timed(lambda some: search(some, TOPK), mentions_of(args, biosyn), alone=100)


def timed(search: Callable[[Vectors], TopNames], mentions: Vectors, *, alone: int) -> dict[str, Any]:
    """Return the milliseconds of a mention, by all of them together and by some of them one at a time.

    They are those of the one thread's work: the machine may have other work that takes the core meanwhile.
    """
    search(mentions.slice(0, 1))  # what the first one waits for is not measured
    started = time.process_time()
    search(mentions)
    together = (time.process_time() - started) / mentions.count
    started = time.process_time()
    for row in range(alone):
        search(mentions.slice(row, row + 1))
    return {"ms": 1000 * (time.process_time() - started) / alone, "ms together": 1000 * together}


def recall(args: argparse.Namespace) -> dict[str, Any]:
    """Compare both searches on the mentions."""
    biosyn, _ = opened_model(args)
    search, mentions = opened_ann(args, biosyn), mentions_of(args, biosyn)
    exact = biosyn.search(mentions, opened_index(args).vectors(), topk=TOPK)
    found = search.search(mentions, TOPK)
    return {f"@{depth}": recall_at(found, exact, depth) for depth in (1, TOPK)} | {"mentions": mentions.count}


STEPS = {
    "names": write_names,
    "exact_build": build_exact,
    "ann_build": build_approximate,
    "exact_search": search_held,
    "streamed_search": search_streamed,
    "ann_search": search_approximate,
    "recall": recall,
}


def opened_model(args: argparse.Namespace) -> tuple[BioSyn, DictionaryIndex]:
    """Return the model and its index of the real dictionary."""
    biosyn = BioSyn.from_pretrained(args.model_name_or_path)
    dictionary = open_dictionary(args.dictionary_path, cache_dir=args.cache_dir)
    return biosyn, biosyn.index(dictionary, cache_dir=args.cache_dir)


def opened_index(args: argparse.Namespace) -> DictionaryIndex:
    """Return the index of the many names."""
    (index,) = (
        found for found in map(DictionaryIndex.open, index_folders(Path(args.work_dir))) if len(found) == args.count
    )
    return index


def opened_ann(args: argparse.Namespace, biosyn: BioSyn) -> ApproximateSearch:
    """Return the approximate search of the many names."""
    index = opened_index(args)
    names = index.vectors()

    def exact(mentions: Vectors, topk: int) -> TopNames:
        return top_names(mentions, names, topk=topk, sparse_weight=biosyn.sparse_weight)

    return open_ann(index, names, sparse_weight=biosyn.sparse_weight, exact=exact)


def mentions_of(args: argparse.Namespace, biosyn: BioSyn) -> Vectors:
    """Return the vectors of the distinct mentions of the queries."""
    queries = QueryDataset(args.data_dir).queries
    texts = dict.fromkeys(part for query in queries for part in split_mention(query))
    return biosyn.embed(list(texts), what="mentions")


def names_file(args: argparse.Namespace) -> Path:
    """Return the path of the dictionary of many names."""
    return Path(args.work_dir) / f"dictionary-{args.count}.txt"


def measured(args: argparse.Namespace, step: str) -> dict[str, Any]:
    """Run a step in a process of its own; return what it tells, its seconds and its peak memory.

    Its answer is kept beside the index: a run that was stopped goes on after the last step.
    """
    done_before = Path(args.work_dir) / f"{args.count}-{step}.json"
    if done_before.exists():
        return dict(json.loads(done_before.read_text()))
    command = [sys.executable, __file__, "--step", step, "--count", str(args.count)]
    for flag in ("model_name_or_path", "dictionary_path", "data_dir", "cache_dir", "work_dir"):
        command += [f"--{flag}", str(getattr(args, flag))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    done_before.write_text(json.dumps(found))
    print(f"{args.count} {step}: {found}", file=sys.stderr, flush=True)
    return found


def rows_of(found: dict[str, dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Return the lines of the table: the exact search with the vectors held and streamed, and the approximate one."""
    built, ann, recall = found["exact_build"], found["ann_build"], found["recall"]
    exact = {"GB": built["GB"], "build, s": built["seconds"], "build, peak MB": built["peak_megabytes"]}
    approximate = {"GB": ann["GB"], "build, s": ann["build_seconds"], "build, peak MB": ann["peak_megabytes"]}
    recalls = {
        "changed names @1": ann["recall@1"],
        "changed names @20": ann["recall@20"],
        "mentions @1": recall["@1"],
        "mentions @20": recall["@20"],
    }
    ways = (
        ("exact, vectors held", "exact_search", exact, dict.fromkeys(recalls, 1)),
        ("exact, streamed", "streamed_search", exact, dict.fromkeys(recalls, 1)),
        (f"approximate, {ann['kind']}", "ann_search", approximate, recalls),
    )
    return [
        {
            "names": count,
            "way": way,
            **facts,
            "ms a query": found[step]["ms"],
            "ms of many": found[step]["ms together"],
            "search, peak MB": found[step]["peak_megabytes"],
            **figures,
        }
        for way, step, facts, figures in ways
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("model_name_or_path", "dictionary_path", "data_dir", "work_dir"):
        parser.add_argument(f"--{flag}", required=True)
    parser.add_argument("--cache_dir", help="where the real dictionary's index is kept")
    parser.add_argument("--names", type=int, nargs="+", default=[500_000, 2_000_000])
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        torch.set_num_threads(1)
        found = STEPS[args.step](args)
        print(json.dumps({**found, "peak_megabytes": own_peak_megabytes()}))
        return
    rows: list[dict[str, Any]] = []
    for count in args.names:
        args.count = count
        found = {step: measured(args, step) for step in STEPS}
        rows += rows_of(found, count)
        facts = {"mean distance within a concept": found["exact_build"]["distance"]}
        facts |= {"mentions": found["recall"]["mentions"], "threads of a step": 1}
        report("million_names", rows, facts)  # after each size: the next one takes long


if __name__ == "__main__":
    main()
