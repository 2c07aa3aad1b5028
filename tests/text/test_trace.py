from hypothesis import given
from hypothesis import strategies as st

from biosyn.text.abbreviations import expand
from biosyn.text.cleaning import trace_cleaning
from biosyn.text.preprocess import TextPreprocess

PAIRS = {"AT": "Ataxia-Telangiectasia", "a": "b"}
TYPOS = {"tumour": "tumor", "x": "y-z"}


def test_each_step_that_is_made_is_shown():
    assert [tuple(step) for step in trace_cleaning("AT  Tumour,", abbreviations=PAIRS, typos={"tumour,": "tumor"})] == [
        ("as typed", "AT  Tumour,"),
        ("abbreviations", "Ataxia-Telangiectasia Tumour,"),
        ("lower case", "ataxia-telangiectasia tumour,"),
        ("spelling", "ataxia-telangiectasia tumor"),
        ("punctuation", "ataxia telangiectasia tumor"),
    ]


def test_a_step_without_a_table_is_not_made_and_not_shown():
    assert [step.step for step in trace_cleaning("AT")] == ["as typed", "lower case", "punctuation"]
    mended = trace_cleaning("AT", typos={})
    assert [step.step for step in mended] == ["as typed", "lower case", "spelling", "punctuation"]


@given(st.text(alphabet="AaTtxumor,/- |\tİß", max_size=30) | st.text(max_size=20))
def test_the_last_step_is_what_cleaning_gives(mention):
    assert trace_cleaning(mention)[-1].text == TextPreprocess().run(mention)
    whole = trace_cleaning(mention, abbreviations=PAIRS, typos=TYPOS)[-1].text
    assert whole == TextPreprocess(TYPOS).run(expand(mention, PAIRS))
