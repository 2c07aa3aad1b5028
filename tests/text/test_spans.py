import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.text.preprocess import TextPreprocess
from biosyn.text.spans import COMMON_NAMES, NameFinder

NAMES = [
    "ataxia",
    "ataxia telangiectasia",
    "sjögren s syndrome",
    "type ii diabetes",
    "10 2 anemia",
    "was",
    "all",
    "fas",
]
FINDER = NameFinder([*NAMES, "a", "Wilms' tumour"])
CLEAN = TextPreprocess().run
# characters that change their number in NFKC or lower case, that vanish, that combine, and that separate
ODD = "İıßŒﬁⅡ½²℃™\u00ad\u200b\u0301\u0338ΣσςǅＡ𝛼’–—… \t\n\r.,;:()[]=<>/-'\x1f\u2028😀糖"
WRITTEN = st.sampled_from(
    ["Ataxia", "ATAXIA–Telangiectasia", "Sjögren’s  syndrome", "type Ⅱ\ndiabetes", "10² anemia", "WAS"]
)
TEXTS = st.lists(st.one_of(WRITTEN, st.text(ODD, max_size=4), st.text(max_size=3))).map("".join)


def found(text, abbreviations=None, finder=FINDER):
    return [text[start:end] for start, end in finder.spans(text, abbreviations or {})]


@given(TEXTS)
def test_a_span_selects_exactly_a_name_between_words(text):
    end_before = 0
    for start, end in FINDER.spans(text):
        assert end_before <= start < end <= len(text)
        end_before = end
        assert CLEAN(text[start:end]) in NAMES
        for beside in (text[start - 1 : start], text[end : end + 1]):
            assert not (beside.isascii() and beside.isalnum())


@given(WRITTEN, st.sampled_from(ODD.replace("\u0301", "").replace("\u0338", "")), st.booleans())
def test_a_name_is_found_whatever_stands_before_it(name, character, decomposed):
    name = unicodedata.normalize("NFD", name) if decomposed else name
    text = f"{character}{character} {name} {character}"
    assert name in found(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ataxia, ataxia-telangiectasia", ["Ataxia", "ataxia-telangiectasia"]),  # the longest
        ("ataxias, nonataxia ataxia2 2ataxia", []),  # whole words
        (
            "Sj\u00f6gren\u2019s syndrome; Sjo\u0308gren's-Syndrome",
            ["Sj\u00f6gren\u2019s syndrome", "Sjo\u0308gren's-Syndrome"],
        ),
        ("ata\u00adxia with TYPE \uff29\uff29 diabetes", ["ata\u00adxia", "TYPE \uff29\uff29 diabetes"]),
        ("Wilms tumour", ["Wilms tumour"]),
        ("(ataxia) telangiectasia, ataxia: telangiectasia", ["ataxia", "ataxia"]),  # a name does not go on
        ("was all All ALL Fas A a", ["ALL"]),  # short names in capitals only, one letter never
    ],
)
def test_what_is_found(text, names):
    assert found(text) == names


def test_a_short_form_stands_for_its_long_form_where_that_is_a_name():
    abbreviations = {"A-T": "ataxia telangiectasia", "fas": "fetal alcohol syndrome", "at": "ataxia-telangiectasia"}
    assert found("A-T, at and fas. Familial A-Ts, A-TX", abbreviations) == ["A-T", "at", "fas"]
    assert found("at risk of fas", {}) == []


def test_a_word_of_many_names_is_no_name():
    names = [f"syndrome {number}" for number in range(COMMON_NAMES - 1)]
    text = "a syndrome"
    assert found(text, finder=NameFinder([*names[1:], "syndrome"])) == ["syndrome"]
    assert found(text, finder=NameFinder([*names, "syndrome"])) == []
