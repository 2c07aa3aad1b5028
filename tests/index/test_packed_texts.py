import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.errors import InputError
from biosyn.index import arrays
from biosyn.index.arrays import PackedTexts


def packed(texts):
    encoded = [text.encode() for text in texts]
    return PackedTexts(
        np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    )


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=20),
    st.integers(0, 22),
    st.integers(0, 22),
)
def test_they_are_the_texts(texts, start, stop):
    found = packed(texts)
    assert list(found) == texts
    assert [found[row] for row in range(len(found))] == texts
    assert found[start:stop] == texts[start:stop]


def test_reading_them_all_in_blocks(monkeypatch):
    monkeypatch.setattr(arrays, "TEXT_BLOCK", 3)
    assert list(packed("abcdefgh")) == list("abcdefgh")


def test_rows_that_are_not_there():
    for row in (-1, 2):
        with pytest.raises(IndexError):
            packed("ab")[row]
    with pytest.raises(ValueError, match="neighbouring"):
        packed("ab")[::-1]


def test_damaged_texts_are_named():
    texts = PackedTexts(np.array([0xFF, 0xFE], dtype=np.uint8), np.array([0, 1, 2]))
    with pytest.raises(InputError, match="rows 0 to 1"):
        list(texts)
