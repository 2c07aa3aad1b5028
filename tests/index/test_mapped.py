"""An index that is open goes on when its files are removed or replaced, and says so when they are written to."""

import hashlib
import json
import os
import shutil

import numpy as np
import pytest
import torch

from biosyn.errors import InputError
from biosyn.files import canonical_json
from biosyn.index import mapped
from biosyn.index.arrays import checksums
from biosyn.index.cache import remove_index
from biosyn.index.dictionary_index import ARRAYS, DictionaryIndex
from biosyn.index.header import read_header
from biosyn.index.key import IndexKey
from biosyn.retrieval.score_parts import score_parts
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import SparseRows, Vectors

VECTOR_FILES = ("dense.npy", "sparse_offsets.npy", "sparse_columns.npy", "sparse_values.npy")


@pytest.fixture(params=[None, 0], ids=["held", "streamed"])
def opened(built, small, request):
    """An index that is open, and a function that searches it: the names of two mentions, with both parts."""
    index = DictionaryIndex.open(built.folder)
    names = index.vectors(streamed_above=request.param)
    mentions = Vectors(torch.ones(2, 4), SparseRows.from_scipy(small[2].transform(["ataxia", "anemia"])))

    def search():
        found = top_names(mentions, names, topk=3)
        parts = score_parts(mentions, names, found.rows)
        return [(index.names[row], index.cuis[row]) for row in found.rows.flatten().tolist()], *map(
            torch.Tensor.tolist, parts
        )

    return index, search


def rewrite(path, change):
    """Write into the file itself, and restore its times as far as a program can."""
    before = path.stat()
    raw = bytearray(path.read_bytes())
    change(raw)
    with path.open("r+b") as file:
        file.write(raw)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def flip_last(raw):
    raw[-1] ^= 0x40


def test_an_index_that_is_removed_goes_on(opened, tmp_path):
    _, search = opened
    before = search()
    assert remove_index(tmp_path)
    assert search() == before


def test_an_index_that_is_replaced_goes_on_as_it_was(opened, build, tmp_path):
    index, search = opened
    before = search()
    other = build(tmp_path / "other", embed=lambda names: np.full((len(names), 4), 7, dtype=np.float32)).folder
    for name in ARRAYS:
        os.replace(other / name, index.folder / name)
    assert search() == before


@pytest.mark.parametrize("name", VECTOR_FILES)
def test_a_file_that_is_cut_is_a_line_and_no_signal(opened, name):
    index, search = opened
    search()
    os.truncate(index.folder / name, 0)
    for _ in range(2):
        with pytest.raises(InputError, match=rf"{name}: is damaged \(0 bytes"):
            search()


@pytest.mark.parametrize("name", ["names.npy", "names_offsets.npy", "cuis.npy", "cuis_offsets.npy"])
def test_a_text_file_that_is_cut_is_a_line_and_no_signal(opened, name):
    index, search = opened
    search()
    os.truncate(index.folder / name, 10)
    with pytest.raises(InputError, match=rf"{name}: is damaged \(10 bytes"):
        search()


@pytest.mark.parametrize("name", ARRAYS)
def test_a_file_that_is_written_to_is_noticed_by_the_next_search(opened, name):
    index, search = opened
    search()
    rewrite(index.folder / name, flip_last)
    for _ in range(2):
        with pytest.raises(InputError, match=rf"{name}: is damaged in block 0"):
            search()
    rewrite(index.folder / name, flip_last)  # as it was
    search()


def test_a_file_that_is_touched_or_written_with_the_same_bytes_goes_on(opened):
    index, search = opened
    before = search()
    for name in ARRAYS:
        rewrite(index.folder / name, lambda raw: None)
        os.utime(index.folder / name)
        (index.folder / name).chmod(0o600)
    assert search() == before


def test_what_was_read_is_compared_again_though_the_change_is_elsewhere(built, monkeypatch):
    """Else a search that a change overtook would be answered."""
    monkeypatch.setattr(mapped, "CHECKSUM_BLOCK", 64)
    monkeypatch.setattr("biosyn.index.arrays.CHECKSUM_BLOCK", 64)
    array = mapped.MappedArray(
        built.folder / "dense.npy", checksums(built.folder / "dense.npy"), np.dtype("f4"), (6, 4)
    )
    array.check(5, 6)  # bytes 208 to 223: block 3
    rewrite(built.folder / "dense.npy", flip_last)
    with pytest.raises(InputError, match="block 3"):
        array.check(0, 1)


def test_blocks_are_compared_when_they_are_first_read(built, monkeypatch):
    monkeypatch.setattr(mapped, "CHECKSUM_BLOCK", 64)
    monkeypatch.setattr("biosyn.index.arrays.CHECKSUM_BLOCK", 64)
    path = built.folder / "dense.npy"  # 128 bytes of header, 6 rows of 16 bytes
    entry = checksums(path)
    rewrite(path, flip_last)
    array = mapped.MappedArray(path, entry, np.dtype("f4"), (6, 4))
    array.check(0, 4)
    array.check_items(np.array([3, 0]))
    array.check_items(np.array([], dtype=np.int64))
    for read in (
        lambda: array.check(3, 5),
        lambda: array.check_items(np.array([0, 5])),
        lambda: array[4:6],
        array.check_all,
    ):
        with pytest.raises(InputError, match=r"block 3 \(bytes 192 to 255\)"):
            read()


@pytest.fixture
def without_crc32():
    """Function: folder -> None; takes the crc32 out of its header, as an earlier version would have written it."""

    def call(folder):
        values = json.loads((folder / "header.json").read_text())
        del values["sha256"]
        for entry in values["files"].values():
            del entry["crc32"]
        values["sha256"] = hashlib.sha256(canonical_json(values)).hexdigest()
        (folder / "header.json").write_text(json.dumps(values))
        assert "crc32" not in read_header(folder, IndexKey).files["dense.npy"]

    return call


def test_a_header_of_an_earlier_version_has_no_crc32(built, without_crc32):
    without_crc32(built.folder)
    index = DictionaryIndex.open(built.folder)
    index.verify_at_opening()
    rewrite(built.folder / "sparse_values.npy", flip_last)
    with pytest.raises(InputError, match=r"sparse_values\.npy: is damaged in block 0"):
        index.verify_at_opening()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["dense.npy", "sparse_values.npy"])
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_numbers_that_are_none_are_refused_though_their_checksums_are_right(
    tmp_path, build, reseal, embed, name, precision, value
):
    index = build(tmp_path, precision=precision)
    path = index.folder / name
    array = np.load(path)
    array.flat[-1] = value
    np.save(path, array)
    reseal(index.folder)
    with pytest.raises(InputError, match=rf"{name}: has numbers that are not finite"):
        DictionaryIndex.open(index.folder).vectors().slice(0, 6)
    build(tmp_path, precision=precision, embed=embed).verify()  # and it is built again
    assert len(embed.asked) == 5


def test_a_pipe_in_place_of_a_file_is_not_waited_for(built):
    for name in ("header.json", "dense.npy"):
        kept = (built.folder / name).read_bytes()
        (built.folder / name).unlink()
        os.mkfifo(built.folder / name)
        with pytest.raises(InputError, match=name):
            DictionaryIndex.open(built.folder)
        (built.folder / name).unlink()
        (built.folder / name).write_bytes(kept)


def test_the_files_are_closed_with_the_index(built):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    index = DictionaryIndex.open(built.folder)
    assert descriptors() > before
    del index
    assert descriptors() == before
    shutil.rmtree(built.folder)
