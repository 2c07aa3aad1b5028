import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.errors import InputError
from biosyn.text.preprocess import TextPreprocess, read_typos


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ataxia-Telangiectasia", "ataxia telangiectasia"),
        ("  (APC)  tumours. ", "apc tumours"),
        ("a\tb\u00a0c\n", "a b c"),  # any Unicode white space
        ("snake_case|pipe", "snake case pipe"),
        ("Sjögren’s β-cell", "sjögren s β cell"),
        ("(+)", ""),
        ("", ""),
    ],
)
def test_cleans(text, expected):
    assert TextPreprocess().run(text) == expected


def test_keeps_the_pipe_of_a_query():
    assert TextPreprocess(keep_pipe=True).run("Breast cancer|(Ovarian) cancer,") == "breast cancer| ovarian cancer"


def test_corrects_whole_tokens_before_punctuation_goes():
    preprocess = TextPreprocess({"tumour": "tumor", "smallbowel": "small bowel"})
    assert preprocess.run("Tumour smallbowel tumour, tumour-like") == "tumor small bowel tumour tumour like"


def test_a_corrected_token_is_not_corrected_again():
    assert TextPreprocess({"a": "b", "b": "c"}).run("a b") == "b c"


def test_the_table_is_copied():
    typos = {"a": "b"}
    preprocess = TextPreprocess(typos)
    typos["a"] = "c"
    assert preprocess.run("a") == "b"


@given(st.text(), st.booleans())
def test_result_is_tidy(text, keep_pipe):
    result = TextPreprocess(keep_pipe=keep_pipe).run(text)
    punctuation = set(string.punctuation) - ({"|"} if keep_pipe else set())
    assert not punctuation & set(result)
    assert result == " ".join(result.split())


@given(st.text(alphabet=string.printable))
def test_a_second_cleaning_changes_nothing(text):
    once = TextPreprocess().run(text)
    assert TextPreprocess().run(once) == once


# -- the table of spelling corrections


def test_reads_lower_cased_pairs(tmp_path):
    path = tmp_path / "typos.txt"
    path.write_text("Tumour||tumor\n\nsmallbowel||small bowel")
    assert read_typos(path) == {"tumour": "tumor", "smallbowel": "small bowel"}


@pytest.mark.parametrize("line", ["tumour", "tumour|tumor", "||tumor", "tumour||", "a||b||c"])
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "typos.txt"
    path.write_text(f"a||b\n{line}\n")
    with pytest.raises(InputError, match=r"typos\.txt:2: expected 'wrong\|\|right'"):
        read_typos(path)
