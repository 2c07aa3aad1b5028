import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from biosyn.encoders.sparse import SparseEncoder, ngrams_in_common

NAMES = ["ataxia telangiectasia", "breast cancer", "Sjögren syndrome", "a", "β thalassemia", "breast  cancer 2"]
TEXTS = ["ataxias", "BREAST CANCER", "qqq 77", "", "β"]
ODD = ["  A\t\tB\n c", "\t", "\ud800x", "ß ẞ İ ı", "Ὀδυσσεύς", "a" * 1000, "🧬\U0010ffff", "x\u2028\u2028y"]


def reference(texts):
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(NAMES)
    return vectorizer.transform(texts).astype(np.float32)


def test_it_equals_scikit_learns_tfidf_rounded_to_float32():
    found = SparseEncoder().fit(NAMES).transform(TEXTS)
    assert found.dtype == np.float32
    assert found.format == "csr"
    assert np.array_equal(found.toarray(), reference(TEXTS).toarray())


@given(st.lists(st.text(alphabet=st.characters() | st.sampled_from("ab  \t"), max_size=12), min_size=1, max_size=8))
@example(ODD)
def test_it_equals_scikit_learns_to_the_last_bit_for_any_text(texts):
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit([*texts, "ab"])
    expected, found = (
        vectorizer.transform(texts).astype(np.float32),
        SparseEncoder().fit([*texts, "ab"]).transform(texts),
    )
    for part in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(found, part), getattr(expected, part))


def test_a_weight_equals_its_formula():
    # names "a", "ab"; n-grams in order a, ab, b. Smooth idf: ln((1 + 2) / (1 + df)) + 1
    # a is in both: ln(3/3) + 1 = 1; ab and b in one: ln(3/2) + 1 = 1.405465
    encoder = SparseEncoder().fit(["a", "ab"])
    assert encoder.vocabulary == {"a": 0, "ab": 1, "b": 2}
    assert encoder.idf == pytest.approx([1.0, 1.405465, 1.405465], abs=1e-6)
    # "ab" = (1, 1.405465, 1.405465) / sqrt(1 + 2 * 1.975332) = (1, 1.405465, 1.405465) / 2.225009
    assert encoder(["ab"])[0] == pytest.approx([0.449436, 0.631667, 0.631667], abs=1e-6)


def test_ngrams_that_were_not_seen_are_ignored():
    encoder = SparseEncoder().fit(["ab"])
    assert np.array_equal(encoder(["abzzz"]), encoder(["ab"]))
    assert encoder.transform(["zzz"]).nnz == 0


def test_case_does_not_count():
    encoder = SparseEncoder().fit(["Ataxia"])
    assert np.array_equal(encoder(["ATAXIA"]), encoder(["ataxia"]))


def test_rows_have_length_one():
    assert np.linalg.norm(SparseEncoder().fit(NAMES)(NAMES), axis=1) == pytest.approx(1.0, abs=1e-6)


def test_a_call_gives_the_dense_array_that_upstream_gave():
    encoder = SparseEncoder().fit(NAMES)
    found = encoder(NAMES)
    assert isinstance(found, np.ndarray)
    assert found.shape == (len(NAMES), len(encoder.vocabulary))
    assert found.dtype == np.float32


def test_it_is_rebuilt_exactly_from_its_values_through_json():
    encoder = SparseEncoder().fit(NAMES)
    values = json.loads(json.dumps([encoder.vocabulary, encoder.idf.tolist()]))
    again = SparseEncoder(*values)
    assert again.vocabulary == encoder.vocabulary
    assert np.array_equal(again.idf, encoder.idf)
    assert np.array_equal(again(TEXTS), encoder(TEXTS))


@pytest.mark.parametrize(
    ("vocabulary", "idf"),
    [
        ({}, []),
        ({"a": 1}, [1.0]),
        ({"a": 0, "b": 0}, [1.0, 1.0]),
        ({"a": 0, "b": 1}, [1.0]),
        ({"a": 0}, [float("nan")]),
        ({"a": 0}, [float("inf")]),
        ({"a": 0}, [-1.0]),
        ({"a": 0}, [[1.0]]),
        ({"abc": 0}, [1.0]),
        ({"": 0}, [1.0]),
    ],
)
def test_values_that_make_no_sense_are_refused(vocabulary, idf):
    with pytest.raises(ValueError):
        SparseEncoder(vocabulary, idf)


def test_without_ngrams_there_are_no_rows():
    with pytest.raises(RuntimeError, match="fit"):
        SparseEncoder().transform(["a"])


def test_many_texts_are_worked_on_in_chunks(monkeypatch):
    monkeypatch.setattr("biosyn.encoders.sparse._CHUNK", 2)
    assert np.array_equal(SparseEncoder().fit(NAMES)(TEXTS), reference(TEXTS).toarray())


@pytest.mark.parametrize("texts", [[], ["x"]])
def test_any_number_of_texts_gives_that_many_rows(texts):
    found = SparseEncoder().fit(NAMES).transform(texts)
    assert sparse.issparse(found)
    assert found.shape[0] == len(texts)


def test_the_train_dictionary_of_ncbi_has_1122_ngrams(ncbi_processed):
    lines = (ncbi_processed / "train_dictionary.txt").read_text(encoding="utf-8").splitlines()
    encoder = SparseEncoder().fit([line.partition("||")[2] for line in lines])
    assert len(encoder.vocabulary) == 1122
    # measured with scikit-learn 1.2.2, upstream's version
    assert encoder(["ataxia telangiectasia"]).max() == pytest.approx(0.373, abs=5e-4)


# -- n-grams in common


@pytest.mark.parametrize(
    ("mention", "weight"),
    [("ataxia telangiectasia", 1.0), ("AT", 4.22), ("cancer (breast)", -0.5), ("qqq", 4.22), ("###", 1.0)],
)
def test_the_scores_add_up_to_the_sparse_score(mention, weight):
    encoder = SparseEncoder().fit(NAMES)
    expected = weight * (encoder(NAMES) @ encoder([mention])[0])  # (N,)
    found = ngrams_in_common(encoder, mention, NAMES, sparse_weight=weight)
    assert [sum(part.score for part in common) for common in found] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_an_ngram_is_in_both_texts_and_the_largest_part_comes_first():
    encoder = SparseEncoder().fit(["a", "ab"])
    # "ab" = (a 0.449436, ab 0.631667, b 0.631667); "a" = (a 1): see above
    alike, other = ngrams_in_common(encoder, "ab", ["ab", "a"])
    assert [(part.ngram, pytest.approx(part.score, abs=1e-6)) for part in alike] == [
        ("ab", 0.399003),  # 0.631667 ** 2
        ("b", 0.399003),
        ("a", 0.201993),  # 0.449436 ** 2
    ]
    assert [(part.ngram, pytest.approx(part.score, abs=1e-6)) for part in other] == [("a", 0.449436)]


def test_no_names_have_nothing_in_common():
    assert ngrams_in_common(SparseEncoder().fit(NAMES), "ataxia", []) == []


@pytest.mark.parametrize("idf", [float("nan"), float("inf"), 0.0, -1.0, 1e200, 1e-200])
def test_idf_weights_that_give_no_finite_rows_are_refused(idf):
    # 1e200 * 1e200 is infinite, 1e-200 * 1e-200 is 0, by whose root the row would be divided
    with pytest.raises(ValueError, match="positive idf weights"):
        SparseEncoder({"a": 0, "b": 1}, [1.0, idf])
