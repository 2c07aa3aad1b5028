"""An index of 10 million names x 768 in float16: memory and time of opening it and of an exact search from disk.

The vectors are zeros that take no place on disk, but for every thousandth name's, which are random; every name has 36
n-grams. What is read and multiplied is as much as in a real one.

python benchmarks/ten_million_names.py --work_dir W
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from common import forget_peak, own_peak_megabytes, report
from numpy.typing import NDArray

from biosyn.index.arrays import ArrayWriter
from biosyn.index.dictionary_index import (
    ARRAYS,
    COLUMNS,
    CUIS,
    CUIS_OFFSETS,
    DENSE,
    DTYPES,
    NAMES,
    NAMES_OFFSETS,
    OFFSETS,
    VALUES,
    DictionaryIndex,
)
from biosyn.index.header import write_header
from biosyn.index.key import IndexKey
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import SparseRows, Vectors

COUNT, HIDDEN, NGRAMS, NONZERO, CHARACTERS = 10_000_000, 768, 1_122, 36, 10
RANDOM_EVERY = 1_000
BLOCK = 100_000


def write_index(work_dir: Path) -> Path:
    """Write the index, or find it written; return its folder."""
    key = IndexKey("random", "none", 25, "float16", "ten million numbers")
    folder = work_dir / key.folder_name()
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    write_dense(folder / DENSE)
    generator = np.random.default_rng(1)
    columns = np.sort(generator.integers(0, NGRAMS, (BLOCK, NONZERO)), axis=1).ravel()
    repeat(folder, COLUMNS, columns)
    repeat(folder, VALUES, np.full(BLOCK * NONZERO, NONZERO**-0.5, dtype=np.float32))
    for name in (NAMES, CUIS):
        texts = b"".join(b"%0*d" % (CHARACTERS, row) for row in range(BLOCK))
        repeat(folder, name, np.frombuffer(texts, dtype=np.uint8))
    for name, step in ((OFFSETS, NONZERO), (NAMES_OFFSETS, CHARACTERS), (CUIS_OFFSETS, CHARACTERS)):
        with ArrayWriter(folder / name, DTYPES[name]) as file:
            file.append(step * np.arange(COUNT + 1))
    counts = {"names": COUNT, "hidden": HIDDEN, "ngrams": NGRAMS, "nonzero": COUNT * NONZERO}
    write_header(folder, key, counts, ARRAYS)
    return folder


def write_dense(path: Path) -> None:
    """Write (N, H) float16: holes, and random rows among them."""
    header = {"descr": "<f2", "fortran_order": False, "shape": (COUNT, HIDDEN)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + COUNT * HIDDEN * 2)
    dense = np.lib.format.open_memmap(path, mode="r+")  # type: ignore[no-untyped-call, unused-ignore]
    shape = (COUNT // RANDOM_EVERY, HIDDEN)
    dense[::RANDOM_EVERY] = np.random.default_rng(0).standard_normal(shape).astype(np.float16)
    dense.flush()


def repeat(folder: Path, name: str, values: NDArray[np.generic]) -> None:
    """Write the values of a block of names for every block."""
    with ArrayWriter(folder / name, DTYPES[name]) as file:
        for _ in range(COUNT // BLOCK):
            file.append(values)


def mentions_of(count: int) -> Vectors:
    """Return random mentions."""
    dense = torch.randn(count, HIDDEN, generator=torch.Generator().manual_seed(1))
    columns = torch.arange(NONZERO).repeat(count)
    values = torch.full((count * NONZERO,), NONZERO**-0.5)
    return Vectors(dense, SparseRows(NONZERO * torch.arange(count + 1), columns, values, NGRAMS))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work_dir", required=True)
    parser.add_argument("--mentions", type=int, nargs="+", default=[1])
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = write_index(Path(args.work_dir))
    before, started = forget_peak(), time.perf_counter()
    index = DictionaryIndex.open(folder)
    names = index.vectors()
    rows = [opened := {"step": "opened", "seconds": time.perf_counter() - started, "CPU seconds": None}]
    opened["MB beyond"] = own_peak_megabytes() - before
    opened["process, MB"] = own_peak_megabytes()
    for count in args.mentions:
        mentions = mentions_of(count)
        before, started, worked = forget_peak(), time.perf_counter(), time.process_time()
        found = top_names(mentions, names, topk=20, sparse_weight=1.4)
        assert (found.rows[:, 0] % RANDOM_EVERY == 0).all()
        rows.append(
            {
                "step": f"exact search for {count}",
                "seconds": time.perf_counter() - started,
                "CPU seconds": time.process_time() - worked,
                "MB beyond": own_peak_megabytes() - before,
                "process, MB": own_peak_megabytes(),
            }
        )
    n_bytes = sum((folder / name).stat().st_size for name in ARRAYS)
    report("ten_million_names", rows, {"names": COUNT, "GB": n_bytes / 1e9, "vectors": type(names).__name__})


if __name__ == "__main__":
    main()
