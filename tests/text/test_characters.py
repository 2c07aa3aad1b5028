import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.text.characters import plain
from biosyn.text.preprocess import TextPreprocess, has_content, lookup_text, read_typos

clean = TextPreprocess().run


@pytest.mark.parametrize(
    ("looks", "ascii_text"),
    [
        ("type Ⅱ", "type II"),
        ("typeⅫa", "typeXIIa"),
        ("type ２", "type 2"),
        ("type ٢ or २", "type 2 or 2"),  # the digits of other scripts
        ("ＤＩＡＢＥＴＥＳ", "DIABETES"),
        ("𝐛𝑟𝓮𝔞𝕤𝖙 𝚌ancer", "breast cancer"),
        ("ﬁbrosis of the ﬂoor", "fibrosis of the floor"),
        ("ⒶⒷ 🄰🅱 ᴀɴᴇᴍɪᴀ", "AB AB ANEMIA"),
        ("grade ② ❷ ⓶", "grade 2 2 2"),
        ("B₆ and C₁₀H₁₂", "B6 and C10H12"),
        ("Ca²⁺", "Ca2+"),
        ("CD4⁺", "CD4+"),
        ("¹⁴C", "14C"),
        ("5㎎", "5mg"),
        ("m\u00a0x\u2009y\u3000z", "m x y z"),
        ("X\u2010linked\u2011a\u2013b\u2014c\u2212d", "X-linked-a-b-c-d"),
        ("Crohn’s Crohnʼs Crohn′s Crohn´s", "Crohn's Crohn's Crohn's Crohn's"),
        ("dia\u00adbe\u200bt\u2060es\ufeff\u200e", "diabetes"),
        ("İstanbul ı", "Istanbul i"),
        ("diseaſe 5\u212a", "disease 5K"),  # long s, Kelvin sign
        ("1\ufe0f\u20e3", "1"),
    ],
)
def test_what_looks_like_ascii_is_ascii(looks, ascii_text):
    assert plain(looks) == ascii_text
    assert clean(looks) == clean(ascii_text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10²", "10 2"),  # not 102
        ("10⁻³", "10 3"),
        ("2½", "2 1 2"),  # not 21/2
        ("½½", "1 2 1 2"),
        ("5₂", "5 2"),
        ("m²3", "m2 3"),
        ("x²³", "x23"),  # one raised number
        ("①②", "1 2"),
        ("⑫", "12"),
        ("１０", "10"),
    ],
)
def test_a_raised_number_or_a_fraction_is_kept_apart_from_digits(text, expected):
    assert clean(text) == expected


def test_symbols_are_blanks_and_trade_marks_no_letters():
    assert clean("Botox™ ≥ 5 • 😀 Prozac® …") == "botox 5 prozac"


@pytest.mark.parametrize("text", ["sjögren syndrome", "ménière", "β cell", "糖尿病", "диабет", "straße"])
def test_letters_stay_and_both_forms_of_an_accent_are_one(text):
    assert clean(text) == clean(unicodedata.normalize("NFD", text)) == text


@pytest.mark.parametrize(("letter", "text"), [("α", "𝛼"), ("β", "ϐ"), ("μ", "µ"), ("å", "\u212b"), ("ω", "\u2126")])
def test_one_letter_of_several_codes_is_one(letter, text):
    assert clean(f"{text}-thalassemia") == f"{letter} thalassemia"


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_stays_as_it_is(text):
    assert plain(text) == text


@pytest.mark.parametrize("around", ["{}", "1{}2"])
def test_a_second_time_changes_no_character(around):
    texts = [clean(around.format(character)) for character in map(chr, range(0x3400))]
    assert [text for text in texts if clean(text) != text] == []


@pytest.mark.parametrize(
    ("text", "there"), [("Ⓐ", True), ("㎎", True), ("½", True), ("™", False), ("😀", False), ("ʼ", False)]
)
def test_what_has_content_is_judged_by_the_plain_text(text, there):
    assert has_content(text) is there
    assert bool(clean(text)) is there


def test_a_name_that_is_ascii_is_looked_up_as_it_is_and_another_one_clean():
    names = ["Type-II", "Type-Ⅱ", "Me\u0301nie\u0300re", "™"]
    assert [lookup_text(name) for name in names] == ["Type-II", "type ii", "ménière", "™"]


def test_spellings_are_corrected_in_any_form(tmp_path):
    path = tmp_path / "typos.txt"
    path.write_text("me\u0301nieres||ménière\nnon\u2010small||nonsmall\n", encoding="utf-8")
    assert TextPreprocess(read_typos(path)).run("Ménieres, non-small MÉNIERES") == "ménieres nonsmall ménière"
