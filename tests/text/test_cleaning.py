import pytest

from biosyn.errors import InputError
from biosyn.text.abbreviations import abbreviation_finder
from biosyn.text.cleaning import MAX_CHARACTERS, Preparation, mention_problem


def test_abbreviations_then_composites_then_spelling_then_cleaning():
    preparation = Preparation(
        lambda text: {"CA": "Cancer"} if "CA" in text else {},
        typos={"brest": "breast"},
        names={"breast cancer", "ovarian cancer"},
    )
    pairs = preparation.abbreviations("Cancer (CA) of two kinds")
    assert preparation.parts("Brest and ovarian CA", pairs) == ("breast cancer", "ovarian cancer")
    assert preparation.parts("Lung CA.", pairs) == ("lung ca",)  # a token with a full stop is not looked up


def test_without_names_nothing_is_split_and_without_a_text_nothing_expanded():
    preparation = Preparation(lambda text: pytest.fail("there is no document"))
    assert preparation.abbreviations(None) == preparation.abbreviations("\n\n\n") == {}
    assert preparation.parts("breast|ovarian cancer", {}) == ("breast ovarian cancer",)


def test_the_finder_never_sees_a_nul_or_half_a_surrogate_pair():
    preparation = Preparation(abbreviation_finder("ab3p"))
    found = preparation.abbreviations("Skin\0 \ud800. Adenomatous polyposis coli (APC) is rare.")
    assert found == {"APC": "Adenomatous polyposis coli"}


def test_a_line_that_the_finder_cannot_take_is_an_error():
    with pytest.raises(InputError, match="too long for Ab3P"):
        Preparation(abbreviation_finder("ab3p")).abbreviations("a " * 10_000)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no letter or digit"),
        (" ", "no letter or digit"),
        ("-- | ?!", "no letter or digit"),
        ("a" * (MAX_CHARACTERS + 1), "1001 characters long"),
        ("a" * 100_000, "100000 characters long"),
        ("a\0", "control character"),
        ("a\x1b[31m", "control character"),
        ("a\ud800", "surrogate"),
    ],
)
def test_what_is_no_mention(text, problem):
    assert problem in mention_problem(text)


@pytest.mark.parametrize("text", ["a", "7", "β", "tab\tand\nline", "a" * MAX_CHARACTERS])
def test_what_is_one(text):
    assert mention_problem(text) == ""
