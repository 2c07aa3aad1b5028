import numpy as np
import pytest

from biosyn.index import key as key_module
from biosyn.index.faiss_index import FaissSettings
from biosyn.index.key import AnnKey, IndexKey, dictionary_sha256, tfidf_sha256

GRAPH, LISTS = FaissSettings("hnsw", 16, 40, 64), FaissSettings("ivf", 16, 5, 14)


def key_of(**parts):
    return IndexKey(
        **{"encoder": "e", "tfidf": "t", "max_length": 25, "precision": "float32", "dictionary": "d"} | parts
    )


@pytest.mark.parametrize(
    "part",
    [
        {"encoder": "x"},
        {"tfidf": "x"},
        {"max_length": 24},
        {"precision": "float16"},
        {"dictionary": "x"},
        {"compute": "bfloat16"},
        {"pooling": "mean cosine"},
    ],
)
def test_each_part_changes_the_key(part):
    assert key_of(**part).folder_name() != key_of().folder_name()
    assert key_of(**part).same_encoders(key_of()) == ("dictionary" in part)


def test_each_part_changes_the_key_of_an_approximate_index():
    keys = [
        AnnKey("i", 1.0, GRAPH),
        AnnKey("j", 1.0, GRAPH),
        AnnKey("i", 1.5, GRAPH),
        AnnKey("i", 1.0, LISTS),
        AnnKey("i", 1.0, GRAPH, dimensions=3),
        AnnKey("i", 1.0, GRAPH, candidates=3),
        AnnKey("i", 1.0, GRAPH, seed=3),
    ]
    assert len({key.folder_name() for key in keys}) == len(keys)


def test_the_format_version_changes_both_keys(monkeypatch):
    before = key_of().folder_name(), AnnKey("i", 1.0, GRAPH).folder_name()
    monkeypatch.setattr(key_module, "FORMAT_VERSION", 99)
    assert not {key_of().folder_name(), AnnKey("i", 1.0, GRAPH).folder_name()} & set(before)


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="bfloat16"):
        key_of(precision="bfloat16")


@pytest.mark.parametrize(
    ("names", "cuis"),
    [
        (["b", "a"], ["D1", "D2"]),
        (["a", "b"], ["D2", "D1"]),
        (["a"], ["D1"]),
        (["ab", ""], ["D1", "D2"]),
        (["a", "b"], ["D1D", "2"]),
        (["aD1", "b"], ["", "D2"]),
    ],
)
def test_names_ids_their_order_and_their_ends_change_the_dictionary(names, cuis):
    assert dictionary_sha256(names, cuis) != dictionary_sha256(["a", "b"], ["D1", "D2"])


def test_a_dictionary_is_hashed_in_blocks_to_the_same(monkeypatch):
    names = [f"é{number}" for number in range(20)]
    before = dictionary_sha256(names, names)
    monkeypatch.setattr("biosyn.index.arrays.TEXT_BLOCK", 20)
    assert dictionary_sha256(names, names) == before


def test_the_tfidf_hash_does_not_depend_on_the_order_of_the_ngrams():
    idf = np.array([1.0, 2.0])
    assert tfidf_sha256({"a": 0, "b": 1}, idf) == tfidf_sha256({"b": 1, "a": 0}, idf)
    assert tfidf_sha256({"a": 0, "b": 1}, idf) != tfidf_sha256({"a": 1, "b": 0}, idf)
    assert tfidf_sha256({"a": 0, "b": 1}, idf) != tfidf_sha256({"a": 0, "b": 1}, idf + 1e-15)
