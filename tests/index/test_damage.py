"""A bit that flips in any file of an index changes no answer: the index is built again, or the damage is named."""

import numpy as np
import pytest

from biosyn.errors import InputError
from biosyn.index import dictionary_index
from biosyn.index.dictionary_index import ARRAYS, DictionaryIndex


def places(name, size, count):
    """The bytes and bits that are flipped: the first and the last of the file, and some between, drawn by its name."""
    drawn = np.random.default_rng(list(name.encode()))
    chosen = [0, size - 1, *drawn.choice(size, min(size, count), replace=False).tolist()]
    return [(place, int(drawn.integers(8))) for place in chosen]


def content(index):
    vectors = index.vectors().slice(0, len(index))
    return (
        list(index),
        vectors.dense.tolist(),
        vectors.sparse.matrix().to_dense().tolist(),
    )


@pytest.mark.parametrize("name", [*ARRAYS, "header.json"])
def test_a_flipped_bit_is_mended(tmp_path, build, built, name):
    expected, path = content(built), built.folder / name
    sound = path.read_bytes()
    for place, bit in places(name, len(sound), 1):
        raw = bytearray(sound)
        raw[place] ^= 1 << bit
        path.write_bytes(raw)
        assert content(build(tmp_path)) == expected, f"bit {bit} of byte {place} of {len(sound)}"
        assert path.read_bytes() == sound or name == "header.json"  # the index is built again


@pytest.mark.parametrize("name", ARRAYS)
def test_in_an_index_that_is_too_large_to_be_read_at_once_it_is_named(built, name, monkeypatch):
    monkeypatch.setattr(dictionary_index, "VERIFIED_AT_OPENING", 0)
    path = built.folder / name
    sound = path.read_bytes()
    for place, bit in places(name, len(sound), 100):
        raw = bytearray(sound)
        raw[place] ^= 1 << bit
        path.write_bytes(raw)
        with pytest.raises(InputError, match=name):
            content(DictionaryIndex.open(built.folder))
