"""An index is built once and whole, copies the vectors that another one has, and does without a cache if it must."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from biosyn.errors import InputError
from biosyn.index import build as build_module
from biosyn.index.build import open_or_build
from biosyn.index.cache import list_indexes
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.key import IndexKey
from biosyn.records import Name


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def hidden_folders(cache_dir):
    return [path for path in Path(cache_dir).iterdir() if path.name.startswith(".")]


def test_many_names_in_blocks(tmp_path, build, embed, small, monkeypatch):
    monkeypatch.setattr(build_module, "TEXT_BLOCK", 7)
    monkeypatch.setattr("biosyn.index.arrays.TEXT_BLOCK", 7)
    monkeypatch.setattr(build_module, "COPY_BLOCK", 5)
    names = [f"ataxia {number % 40}é" for number in range(100)]
    cuis = [f"D{number}" for number in range(100)]
    index = build(tmp_path, names, cuis, embed=embed, embed_block=9, precision="float16")
    assert embed.asked == list(dict.fromkeys(names))  # each once, in the dictionary's order
    assert list(index) == list(map(Name, names, cuis))
    assert np.array_equal(index.vectors().dense.numpy(), embed(names).astype(np.float16))
    assert (index.sparse != small[2].transform(names)).nnz == 0


def test_a_second_start_embeds_nothing(tmp_path, build, built, embed):
    assert np.array_equal(build(tmp_path, embed=embed).dense, built.dense)
    assert embed.asked == []


def test_a_damaged_index_is_built_again(tmp_path, build, built, caplog):
    os.truncate(built.folder / "dense.npy", 100)
    build(tmp_path).verify()
    assert "dense.npy: is damaged" in caplog.text
    assert not hidden_folders(tmp_path)


def test_a_failing_build_leaves_nothing(tmp_path, build):
    def fail(names):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        build(tmp_path, embed=fail)
    assert list_indexes(tmp_path) == []
    assert not hidden_folders(tmp_path)


PROGRAM = """
import runpy, sys, time
tests = runpy.run_path(sys.argv[1])
def embed(names):
    with open(sys.argv[3], "a") as file:
        file.write("x" * len(names))
    time.sleep(0.5)
    return tests["Embed"]()(names)
index = tests["build_index"](sys.argv[2], embed=embed)
index.verify()
print(len(index))
"""


@pytest.mark.slow
def test_two_processes_at_once_build_once(tmp_path):
    helpers, marker = Path(__file__).with_name("conftest.py"), tmp_path / "marker"
    command = [sys.executable, "-c", PROGRAM, str(helpers), str(tmp_path / "cache"), str(marker)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=300)[0] == "6\n"
    assert marker.read_text() == "xxxxx"  # five distinct names, once


# -- vectors of another index


def test_only_new_names_are_embedded(tmp_path, build, embed, small):
    names, cuis, _ = small
    first = build(tmp_path, names[:4], cuis[:4])
    more, ids = ["anemia", *names, "ataxia"], ["D1", *cuis, "D2"]
    index = build(tmp_path, more, ids, embed=embed)
    assert embed.asked == ["anemia", "ß-thalassemia"]
    index.verify()
    assert np.array_equal(index.dense[1:5], first.dense)
    assert np.array_equal(index.dense, embed(more))


def test_other_ids_embed_nothing(tmp_path, build, built, embed, small):
    names, cuis, _ = small
    index = build(tmp_path, names, cuis[::-1], embed=embed)
    assert embed.asked == []
    assert list(index.cuis) == cuis[::-1]
    assert np.array_equal(index.dense, built.dense)


def test_the_index_that_shares_most_names_is_taken(tmp_path, build, embed, small):
    names, cuis, _ = small
    for count in (1, 5, 2):
        build(tmp_path, names[:count], cuis[:count])
    build(tmp_path, embed=embed)
    assert embed.asked == ["ß-thalassemia"]


@pytest.mark.parametrize("part", [{"encoder": "x"}, {"max_length": 24}, {"precision": "float16"}])
def test_the_vectors_of_another_encoder_are_not_taken(tmp_path, build, embed, small, part):
    names, cuis, _ = small
    build(tmp_path, names[:5], cuis[:5], **part)
    build(tmp_path, embed=embed)
    assert len(embed.asked) == 5


@pytest.mark.parametrize("damage", ["vectors", "text", "format"])
def test_vectors_of_a_damaged_or_older_index_are_not_taken(tmp_path, build, embed, small, damage):
    names, cuis, _ = small
    folder = build(tmp_path, names[:5], cuis[:5]).folder
    if damage == "vectors":
        flip(folder / "dense.npy")
    elif damage == "text":
        texts = (folder / "names.npy").read_bytes()
        (folder / "names.npy").write_bytes(texts.replace(b"anemia", b"\xff\xff\xff\xff\xff\xff"))
    else:
        header = (folder / "header.json").read_text()
        (folder / "header.json").write_text(header.replace('"format_version": 2', '"format_version": 1'))
    build(tmp_path, embed=embed).verify()
    assert len(embed.asked) == 5


# -- vectors that cannot be kept, folders that cannot be written


def test_vectors_that_are_not_finite_are_refused(tmp_path, build):
    with pytest.raises(InputError, match="use float32"):
        build(tmp_path, embed=lambda names: np.full((len(names), 4), 1e6, dtype=np.float32), precision="float16")
    with pytest.raises(InputError, match="not finite"):
        build(tmp_path, embed=lambda names: np.full((len(names), 4), np.nan, dtype=np.float32))
    assert list_indexes(tmp_path) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tfidf_that_is_not_finite_is_refused(tmp_path, small, value):
    names, cuis, tfidf = small

    def broken(texts):
        rows = tfidf.transform(texts)
        rows.data[-1] = value
        return rows

    key = IndexKey("e", "s", 25, "float32", "d")
    with pytest.raises(InputError, match="TF-IDF weights .* are not finite"):
        open_or_build(tmp_path, key, names=names, cuis=cuis, embed=lambda names: np.ones((len(names), 4)), tfidf=broken)
    assert list_indexes(tmp_path) == []


def test_vectors_of_another_shape_are_our_own_fault(tmp_path, build):
    with pytest.raises(ValueError, match="embed gave"):
        build(tmp_path, embed=lambda names: np.zeros((len(names) + 1, 4), dtype=np.float32))
    widths = iter([4, 1, 4])
    with pytest.raises(ValueError, match="embed gave"):
        build(tmp_path, embed=lambda names: np.zeros((len(names), next(widths)), dtype=np.float32))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_without_a_folder_to_write_to_the_index_has_none_and_leaves_none(tmp_path, build, temporary, caplog, precision):
    (tmp_path / "file").write_text("")
    index = build(tmp_path / "file" / "cache", precision=precision)
    assert "without a cache" in caplog.text
    assert (index.folder, list(temporary.iterdir())) == (None, [])
    cached = build(tmp_path, precision=precision)
    assert list(index) == list(cached)
    assert (index.sparse != cached.sparse).nnz == 0
    assert torch.equal(index.vectors().dense, cached.vectors().dense)
    assert torch.equal(index.vectors(streamed_above=0).slice(0, 9).dense, cached.vectors().dense.float())
    index.verify()


def test_without_a_writable_folder_known_vectors_are_copied_all_the_same(
    tmp_path, build, embed, small, temporary, monkeypatch
):
    names, cuis, _ = small
    build(tmp_path / "cache", names[:4], cuis[:4])

    def locked(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(build_module, "locked", locked)
    assert build(tmp_path / "cache", embed=embed).folder is None
    assert embed.asked == ["anemia", "ß-thalassemia"]


def test_a_full_disk_is_reported_and_the_index_is_built_elsewhere(tmp_path, build, temporary, caplog, monkeypatch):
    real = build_module.allocate

    def full(path, *args):
        if temporary not in path.parents:
            raise OSError(28, "No space left on device")
        return real(path, *args)

    monkeypatch.setattr(build_module, "allocate", full)
    assert build(tmp_path / "cache").folder is None
    assert "No space left" in caplog.text
    assert not hidden_folders(tmp_path / "cache")


@pytest.mark.parametrize("name", ["header.json", "progress.json"])
def test_a_disk_that_is_full_at_the_small_files_is_no_end_either(tmp_path, build, temporary, caplog, monkeypatch, name):
    real = os.fsync

    def full(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if name in path and str(temporary) not in path:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    index = build(tmp_path / "cache")
    assert (index.folder, len(index)) == (None, 6)
    assert "No space left on device" in caplog.text


def test_two_full_disks_are_one_line(tmp_path, build, temporary, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build_module, "allocate", full)
    with pytest.raises(InputError, match="neither this nor the temporary folder.*No space left.*--cache_dir") as caught:
        build(tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list(temporary.iterdir()) == []


def test_an_index_that_cannot_be_opened_once_it_is_built_is_one_line(tmp_path, build, monkeypatch):
    def exhausted(folder):
        raise InputError("cannot be read: Too many open files", path=folder)

    monkeypatch.setattr(DictionaryIndex, "open", exhausted)
    with pytest.raises(InputError, match="Too many open files"):
        build(tmp_path / "cache")


def test_an_index_that_was_built_meanwhile_is_opened(tmp_path, build, built, embed, monkeypatch):
    """As if the first look had come a moment too early."""
    real, calls = DictionaryIndex.open, []

    def open_second_time(folder):
        calls.append(folder)
        if len(calls) == 1:
            raise InputError("not there yet")
        return real(folder)

    monkeypatch.setattr(DictionaryIndex, "open", open_second_time)
    assert build(tmp_path, embed=embed).folder == built.folder
    assert embed.asked == []
