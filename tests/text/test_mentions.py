import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.errors import InputError
from biosyn.text.abbreviations import abbreviation_finder, expand
from biosyn.text.mentions import LONGEST, MentionCleaner
from biosyn.text.preprocess import TextPreprocess, has_content

PAIRS = {"AT": "Ataxia-Telangiectasia", "a": "b"}
TYPOS = {"tumour": "tumor", "x": "y-z"}


def test_abbreviations_then_composites_then_spelling_then_cleaning():
    cleaner = MentionCleaner(
        lambda text: {"CA": "Cancer"} if "CA" in text else {},
        typos={"brest": "breast"},
        names={"breast cancer", "ovarian cancer"},
    )
    pairs = cleaner.abbreviations("Cancer (CA) of two kinds")
    assert cleaner.parts("Brest and ovarian CA", pairs) == ("breast cancer", "ovarian cancer")
    assert cleaner.split("Brest and ovarian CA", pairs) == ("Brest Cancer", "ovarian Cancer")
    assert cleaner.parts("Lung CA.", pairs) == ("lung ca",)  # a token with a full stop is not looked up


def test_without_names_nothing_is_split_and_without_a_text_nothing_expanded():
    cleaner = MentionCleaner(lambda text: pytest.fail("there is no document"))
    assert cleaner.abbreviations(None) == cleaner.abbreviations("\n\n\n") == {}
    assert cleaner.parts("breast|ovarian cancer") == ("breast ovarian cancer",)


def test_the_finder_never_sees_a_nul_or_half_a_surrogate_pair():
    cleaner = MentionCleaner(abbreviation_finder("ab3p"))
    found = cleaner.abbreviations("Skin\0 \ud800. Adenomatous polyposis coli (APC) is rare.")
    assert found == {"APC": "Adenomatous polyposis coli"}


def test_a_line_that_the_finder_cannot_take_is_an_error():
    with pytest.raises(InputError, match="too long for Ab3P"):
        MentionCleaner(abbreviation_finder("ab3p")).abbreviations("a " * 10_000)


# -- which texts are mentions


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no letter or digit"),
        (" ", "no letter or digit"),
        ("-- | ?!", "no letter or digit"),
        ("a" * (LONGEST + 1), "1001 characters: give 1000 at most"),
        ("a" * 100_000, "100000 characters"),
        ("a\0", "control character"),
        ("a\x1b[31m", "control character"),
        ("a\ud800", "surrogate"),
    ],
)
def test_what_is_no_mention(text, problem):
    cleaner = MentionCleaner(printable=True)
    assert problem in cleaner.problem(text)
    for method in (cleaner.parts, cleaner.clean):
        with pytest.raises(InputError, match=problem):
            method(text)


@pytest.mark.parametrize("text", ["a", "7", "β", "tab\tand\nline", "a" * LONGEST])
def test_what_is_one(text):
    assert MentionCleaner(printable=True).problem(text) == ""


def test_control_characters_are_judged_where_it_is_asked_for_and_the_length_everywhere():
    assert MentionCleaner().problem("a\0b") == ""
    assert MentionCleaner().problem("a" * (LONGEST + 1)) == "the mention has 1001 characters: give 1000 at most"


def test_spelling_that_leaves_nothing_is_an_error():
    with pytest.raises(InputError, match="nothing is left"):
        MentionCleaner(typos={"nix": "-"}).parts("nix")


def test_the_error_for_one_mention_quotes_it():
    with pytest.raises(InputError, match="^'--': the mention holds no letter or digit"):
        MentionCleaner().clean("--")


@pytest.mark.parametrize("mention", ["p53", "β", "٣", "İ", "", " ", "--- | ...", "“”", "\x00"])
def test_what_has_content_stays_when_it_is_cleaned(mention):
    assert has_content(mention) == has_content(TextPreprocess().run(mention))
    assert has_content(mention) == (MentionCleaner().problem(mention) == "")


# -- the steps


def test_each_step_that_is_made_is_shown():
    steps = MentionCleaner(typos={"tumour,": "tumor"}).steps("AT  Tumour,", PAIRS)
    assert [tuple(step) for step in steps] == [
        ("as typed", "AT  Tumour,"),
        ("abbreviations", "Ataxia-Telangiectasia Tumour,"),
        ("lower case", "ataxia-telangiectasia tumour,"),
        ("spelling", "ataxia-telangiectasia tumor"),
        ("punctuation", "ataxia telangiectasia tumor"),
    ]


def test_a_step_without_a_table_is_not_made_and_not_shown():
    assert [step.step for step in MentionCleaner().steps("AT")] == ["as typed", "lower case", "punctuation"]
    mended = MentionCleaner(typos={}).steps("AT")
    assert [step.step for step in mended] == ["as typed", "lower case", "spelling", "punctuation"]


def test_the_last_step_of_a_composite_mention_is_its_parts():
    cleaner = MentionCleaner(names={"breast cancer", "ovarian cancer"})
    assert [tuple(step) for step in cleaner.steps("Breast and ovarian CA", {"CA": "cancer"})] == [
        ("as typed", "Breast and ovarian CA"),
        ("abbreviations", "Breast and ovarian cancer"),
        ("composite", "Breast cancer | ovarian cancer"),
    ]


@given(st.text(alphabet="AaTtxumor,/- |\tİß", max_size=30) | st.text(max_size=20))
def test_the_last_step_is_what_cleaning_gives(mention):
    assert MentionCleaner().steps(mention)[-1].text == TextPreprocess().run(mention)
    whole = MentionCleaner(typos=TYPOS).steps(mention, PAIRS)[-1].text
    assert whole == TextPreprocess(TYPOS).run(expand(mention, PAIRS))
    if MentionCleaner().problem(mention) == "" and has_content(whole):
        assert MentionCleaner(typos=TYPOS).parts(mention, PAIRS) == (whole,)
        assert MentionCleaner(typos=TYPOS).clean(mention, PAIRS) == whole


def test_plain_characters_come_first():
    cleaner = MentionCleaner(lambda text: {"AT": "Ataxia"} if "(AT)" in text else pytest.fail(text))
    pairs = cleaner.abbreviations("Ataxia\u00a0（ＡＴ）")  # what finds abbreviations sees ASCII
    assert cleaner.parts("ＡＴ", pairs) == ("ataxia",)
    assert [tuple(step) for step in cleaner.steps("ＡＴ", pairs)][:3] == [
        ("as typed", "ＡＴ"),
        ("characters", "AT"),
        ("abbreviations", "Ataxia"),
    ]


# -- an abbreviation that is itself a name

KINASE = {"PCSK9": "proprotein convertase 9", "APC": "polyposis coli", "B/O": "breast and ovarian cancer"}


@pytest.mark.parametrize(
    ("mention", "names", "as_written"),
    [
        ("PCSK9", {"pcsk9"}, "pcsk9"),
        ("PCSK9", {"PCSK9"}, "pcsk9"),  # a dictionary that is not clean
        ("(PCSK9)", {"pcsk9"}, ""),  # was not expanded
        ("PCSK9 gain", {"pcsk9 gain"}, "pcsk9 gain"),
        ("PCSK9", {"pcsk9", "proprotein convertase 9"}, ""),  # the long form is a name, too
        ("PCSK9", {"convertase"}, ""),
        ("ataxia", {"ataxia"}, ""),
        ("APC", {"apc", "Polyposis coli"}, "apc"),
    ],
)
def test_a_mention_that_is_a_name_is_looked_up_as_written_unless_its_long_form_is_one(mention, names, as_written):
    assert MentionCleaner(is_name=names.__contains__).as_written(mention, KINASE) == as_written


def test_the_parts_of_a_composite_long_form_are_names():
    names = {"breast cancer", "ovarian cancer", "bo"}
    cleaner = MentionCleaner(names=names, is_name=names.__contains__)
    assert cleaner.as_written("BO", {"BO": "breast and ovarian cancer"}) == ""
    assert cleaner.as_written("BO", {"BO": "breast and lung cancer"}) == "bo"


def test_without_names_or_abbreviations_nothing_is_looked_up_as_written():
    assert MentionCleaner().as_written("PCSK9", KINASE) == ""
    assert MentionCleaner(is_name={"pcsk9"}.__contains__).as_written("PCSK9") == ""


def test_the_steps_of_a_mention_that_stays_as_written():
    steps = MentionCleaner().steps("PCSK9", KINASE, as_written=True)
    assert [tuple(step) for step in steps] == [
        ("as typed", "PCSK9"),
        ("abbreviations", "proprotein convertase 9"),
        ("as written", "PCSK9"),
        ("lower case", "pcsk9"),
        ("punctuation", "pcsk9"),
    ]
