import pytest

from biosyn.encoders.sparse import SparseEncoder, ngrams_in_common

NAMES = ["ataxia telangiectasia", "ataxia", "breast cancer", "zq", "telangiectasias of the skin"]


@pytest.mark.parametrize("mention", ["ataxia telangiectasia", "AT", "cancer (breast)", "qqq", "###"])
@pytest.mark.parametrize("weight", [1.0, 4.22, -0.5])
def test_the_scores_add_up_to_the_sparse_score(mention, weight):
    encoder = SparseEncoder().fit(NAMES)
    expected = weight * (encoder(NAMES) @ encoder([mention])[0])  # (N,)
    found = ngrams_in_common(encoder, mention, NAMES, sparse_weight=weight)
    assert [sum(share.score for share in common) for common in found] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_an_ngram_is_in_both_texts_and_the_weightiest_comes_first():
    encoder = SparseEncoder().fit(["a", "ab"])
    # "ab" = (a 0.449436, ab 0.631667, b 0.631667); "a" = (a 1): see test_sparse
    alike, part = ngrams_in_common(encoder, "ab", ["ab", "a"])
    assert [(share.ngram, pytest.approx(share.score, abs=1e-6)) for share in alike] == [
        ("ab", 0.399003),  # 0.631667 ** 2
        ("b", 0.399003),
        ("a", 0.201993),  # 0.449436 ** 2
    ]
    assert [(share.ngram, pytest.approx(share.score, abs=1e-6)) for share in part] == [("a", 0.449436)]


def test_no_names_have_nothing_in_common():
    assert ngrams_in_common(SparseEncoder().fit(NAMES), "ataxia", []) == []
