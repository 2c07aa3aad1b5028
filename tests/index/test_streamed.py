import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.index.build import open_or_build
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.key import IndexKey, dictionary_sha256
from biosyn.index.streamed import MappedVectors, StreamedVectors
from biosyn.retrieval.score_parts import score_parts
from biosyn.retrieval.search import Blocks, block_sizes, top_names
from biosyn.retrieval.vectors import SparseRows, Vectors

NAMES = [f"ataxia {number % 50} of type {number}" for number in range(300)]
TFIDF = SparseEncoder().fit(NAMES)
GENERATOR = np.random.default_rng(0)
DENSE = GENERATOR.normal(size=(len(NAMES), 8)).astype(np.float32)
MENTIONS = Vectors(
    torch.from_numpy(GENERATOR.normal(size=(5, 8)).astype(np.float32)),
    SparseRows.from_scipy(TFIDF.transform(["ataxia", "type 7", "of", "299", "ataxia 3 of type 3"])),
)


def build(cache_dir, precision="float32"):
    key = IndexKey("e", "s", 25, precision, dictionary_sha256(NAMES, NAMES))
    rows = dict(zip(NAMES, DENSE, strict=True))
    embed = lambda names: np.stack([rows[name] for name in names])  # noqa: E731
    return open_or_build(cache_dir, key, names=NAMES, cuis=NAMES, embed=embed, tfidf=TFIDF.transform)


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_a_streamed_search_gives_the_same_names_scores_and_shares(tmp_path, precision, mode):
    index = build(tmp_path, precision)
    streamed, held = index.vectors(score_mode=mode, streamed_above=0), index.vectors(score_mode=mode)
    assert isinstance(streamed, StreamedVectors)
    assert isinstance(held, MappedVectors)
    assert (streamed.count, streamed.score_mode, streamed.device) == (300, mode, torch.device("cpu"))
    mentions = (
        MENTIONS
        if mode == "hybrid"
        else Vectors(*((MENTIONS.dense, None) if mode == "dense" else (None, MENTIONS.sparse)))
    )
    found, expected = (
        top_names(mentions, names, topk=7, sparse_weight=2.0, blocks=Blocks(2, 64)) for names in (streamed, held)
    )
    assert torch.equal(found.rows, expected.rows)
    assert torch.equal(found.scores, expected.scores)
    shares = score_parts(mentions, streamed, found.rows, sparse_weight=2.0)
    assert torch.allclose(shares.dense + shares.sparse, found.scores, rtol=1e-5)


def test_what_is_taken_is_a_copy(tmp_path):
    streamed = build(tmp_path).vectors(streamed_above=0)
    rows = torch.tensor([7, 0, 7])
    taken = streamed.take(rows)
    assert np.array_equal(taken.dense.numpy(), DENSE[rows])
    assert np.array_equal(taken.sparse.matrix().to_dense().numpy(), TFIDF.transform(NAMES)[rows.numpy()].toarray())
    taken.dense[:] = 9
    assert np.array_equal(streamed.take(rows).dense.numpy(), DENSE[rows])


def test_the_room_decides(tmp_path):
    index = build(tmp_path)
    # 300 x 8 x 4 bytes of dense vectors
    assert isinstance(index.vectors(score_mode="dense", streamed_above=9600), MappedVectors)
    assert isinstance(index.vectors(score_mode="dense", streamed_above=9599), StreamedVectors)


def test_blocks_leave_room_for_what_is_read(tmp_path):
    streamed, held = build(tmp_path).vectors(streamed_above=0), Vectors(torch.from_numpy(DENSE), None)
    assert block_sizes(8, streamed).names < block_sizes(8, held).names


def test_a_column_outside_the_vocabulary_never_reaches_torch(tmp_path, reseal):
    index = build(tmp_path)
    path = index.folder / "sparse_columns.npy"
    raw = bytearray(path.read_bytes())
    raw[-1] = 0x7F  # the highest byte of the last column
    path.write_bytes(raw)
    reseal(index.folder)
    streamed = DictionaryIndex.open(index.folder).vectors(streamed_above=0)
    streamed.slice(0, 10)  # the damage is elsewhere
    with pytest.raises(InputError, match="damaged"):
        streamed.slice(290, 300)


PEAK = """
import sys
from pathlib import Path
import numpy as np, torch
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import Vectors

def status(field):
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1000

index = DictionaryIndex.open(sys.argv[1])
names = index.vectors(score_mode="dense", streamed_above=int(sys.argv[2]))
mentions = Vectors(torch.ones(3, 256), None)
top_names(mentions, names.slice(0, 9), topk=1)
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
top_names(mentions, names, topk=5, memory=10)
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux")
def test_memory_does_not_grow_with_the_file(tmp_path):
    names = [str(number) for number in range(150_000)]
    key = IndexKey("e", "s", 25, "float32", dictionary_sha256(names, names))
    ones = np.ones((len(names), 256), dtype=np.float32)  # 154 MB
    index = open_or_build(
        tmp_path, key, names=names, cuis=names, embed=lambda some: ones[: len(some)], tfidf=TFIDF.transform
    )

    def peak(streamed_above):
        program = [sys.executable, "-c", PEAK, str(index.folder), str(streamed_above)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        return float(subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout)

    assert peak(10**9) > 140  # the mapped file counts
    assert peak(0) < 30  # MB: 10 for the search, and what the allocator keeps
