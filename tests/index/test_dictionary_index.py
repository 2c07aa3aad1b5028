"""An index gives what was put in; damage is found, on opening or by `verify`."""

import json
import os
import pickle
import shutil
import warnings

import numpy as np
import pytest
import torch
from scipy import sparse

from biosyn.errors import InputError
from biosyn.index.dictionary_index import ARRAYS, DictionaryIndex
from biosyn.records import Name


def flip(path, place=-1):
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_what_went_in_comes_out(tmp_path, build, small, embed, precision):
    names, cuis, tfidf = small
    index = build(tmp_path, precision=precision)
    expected = embed(names).astype(precision)  # (N, H)
    assert list(index) == list(map(Name, names, cuis))
    assert (index[1], len(index)) == (("maladie de Ménière", "D008575"), 6)
    assert index.dense.dtype == precision
    assert np.array_equal(index.dense, expected)
    assert (index.sparse != tfidf.transform(names)).nnz == 0
    vectors = index.vectors("cpu")
    assert vectors.dense.dtype == getattr(torch, precision)
    assert np.array_equal(vectors.dense.numpy(), expected)
    assert np.array_equal(vectors.sparse.matrix().to_dense().numpy(), tfidf.transform(names).toarray())
    index.verify()


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_the_halves_that_a_score_needs(built, mode):
    assert built.vectors(score_mode=mode).score_mode == mode


def test_vectors_are_the_mapped_file_without_a_copy_or_a_warning(built):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vectors = built.vectors()
    assert np.shares_memory(vectors.dense.numpy(), built.dense)
    assert isinstance(built.sparse, sparse.csr_matrix)
    assert np.shares_memory(built.sparse.data, vectors.sparse.values.numpy())
    vectors.dense[0] = 7  # private to this process
    DictionaryIndex.open(built.folder).verify()


def test_a_row_that_is_not_there(built):
    for row in (-1, 6):
        with pytest.raises(IndexError):
            _ = built[row]


def test_names_without_a_known_ngram(tmp_path, build, small):
    index = build(tmp_path, ["ζ"], ["D1"])
    assert index.sparse.shape == (1, len(small[2].vocabulary))
    assert index.vectors().sparse.matrix().to_dense().count_nonzero() == 0


def test_no_array_is_a_pickle(built):
    for name in ARRAYS:
        np.load(built.folder / name, allow_pickle=False)


# -- damage


def test_a_damaged_header_is_named(built):
    header = built.folder / "header.json"
    for text in ("", "{", "[]", "{}", header.read_text().replace('"hidden": 4', '"hidden": 5'), "{" * 100_000):
        header.write_text(text)
        with pytest.raises(InputError, match=r"header\.json"):
            DictionaryIndex.open(built.folder)


def test_an_index_of_another_format_is_named(built):
    header = built.folder / "header.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "format_version": 1}))
    with pytest.raises(InputError, match="format_version is 1"):
        DictionaryIndex.open(built.folder)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_that_is_missing_cut_short_or_has_one_flipped_bit_is_named(built, name):
    path = built.folder / name
    flip(path)
    with pytest.raises(InputError, match=rf"{name}.*block 0"):
        built.verify()
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(InputError, match=rf"{name}.*damaged"):
        DictionaryIndex.open(built.folder)
    path.unlink()
    with pytest.raises(InputError, match=name):
        DictionaryIndex.open(built.folder)


def test_swapped_arrays_are_found(built):
    first, second = built.folder / "names_offsets.npy", built.folder / "sparse_offsets.npy"  # of one size and type
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    with pytest.raises(InputError, match="offsets"):
        DictionaryIndex.open(built.folder)


def test_the_array_of_another_index_is_found_by_verify(tmp_path, build, built):
    other = build(tmp_path, encoder="other", embed=lambda names: np.ones((len(names), 4), dtype=np.float32))
    shutil.copyfile(other.folder / "dense.npy", built.folder / "dense.npy")
    with pytest.raises(InputError, match=r"dense\.npy.*block 0"):
        DictionaryIndex.open(built.folder).verify()


def test_an_array_of_another_type_or_a_pickle_is_named(built):
    path = built.folder / "dense.npy"
    size = path.stat().st_size
    for value in (b"\x93NUMPY", pickle.dumps([0] * 9), b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False"):
        path.write_bytes(value.ljust(size, b" ")[:size])
        with pytest.raises(InputError, match=r"dense\.npy.*damaged"):
            DictionaryIndex.open(built.folder)
    np.save(path, np.zeros((6, 4), dtype=np.int32))  # as many bytes
    with pytest.raises(InputError, match=r"dense\.npy.*int32"):
        DictionaryIndex.open(built.folder)


def test_verify_names_the_block(tmp_path, build, monkeypatch):
    for module in ("arrays", "mapped"):
        monkeypatch.setattr(f"biosyn.index.{module}.CHECKSUM_BLOCK", 64)
    index = build(tmp_path)
    flip(index.folder / "dense.npy", 130)
    with pytest.raises(InputError, match=r"block 2 \(bytes 128 to 191\)"):
        index.verify()


def test_a_foreign_folder_is_named(tmp_path, built):
    with pytest.raises(InputError, match=r"header\.json: cannot be read"):
        DictionaryIndex.open(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        DictionaryIndex.open(tmp_path / "nowhere")
    built.folder.rename(tmp_path / ("0" * 32))
    with pytest.raises(InputError, match="not the index of its key"):
        DictionaryIndex.open(tmp_path / ("0" * 32))


def test_a_column_outside_the_vocabulary_never_reaches_torch(built, reseal):
    path = built.folder / "sparse_columns.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")  # the highest byte of the last column
    reseal(built.folder)  # somebody's own work, and no damage
    with pytest.raises(InputError, match="sparse_columns"):
        DictionaryIndex.open(built.folder).vectors()
