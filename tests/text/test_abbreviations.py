import logging
import os
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.errors import InputError
from biosyn.text.abbreviations import MAX_LENGTH, MAX_LINE, abbreviation_finder, expand

DOCUMENT = "A study.\n\nFamilial adenomatous polyposis (FAP) comes of the adenomatous polyposis coli (APC) gene.\n"
PAIRS = {"APC": "adenomatous polyposis coli", "FAP": "familial adenomatous polyposis"}


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ("APC tumour", "adenomatous polyposis coli tumour"),
        ("APC, and", "adenomatous polyposis coli, and"),
        ("APC,,", "adenomatous polyposis coli,"),  # loses its commas, gets one back
        ("APC/FAP", "adenomatous polyposis coli/familial adenomatous polyposis"),
        ("FAP/x,", "familial adenomatous polyposis/x,"),
        ("(APC)", "(APC)"),
        ("APC-linked", "APC-linked"),
        ("apc", "apc"),  # case counts
        ("APC.", "APC."),
        (" two   blanks ", "two blanks"),
    ],
)
def test_expands(mention, expected):
    assert expand(mention, PAIRS) == expected


def test_a_long_form_is_expanded_in_turn():
    assert expand("AB", {"AB": "A b", "A": "alpha"}) == "alpha b"


def test_a_circle_ends_at_the_repeat():
    assert expand("A", {"A": "B", "B": "A"}) == "A"


def test_a_long_form_that_holds_its_short_form_ends_after_ten_rounds():
    assert expand("HD", {"HD": "HD disease"}) == "HD" + 10 * " disease"


def test_a_long_form_that_doubles_does_not_fill_the_memory():
    start = time.monotonic()
    assert len(expand("A", {"A": " ".join(20 * "A")})) < 50 * MAX_LENGTH  # 20 ** 10 tokens without the limit
    assert time.monotonic() - start < 5


TOKENS = st.lists(st.sampled_from(["A", "B", "A,", "A/B", "(A)", "x"]), max_size=3).map(" ".join)


@given(TOKENS, st.dictionaries(st.sampled_from(["A", "B", "x"]), TOKENS.filter(bool)))
def test_the_result_has_single_blanks_and_nothing_left_to_expand_or_a_reason(mention, pairs):
    result = expand(mention, pairs)
    assert result == " ".join(result.split())
    if not any(short in long for short in pairs for long in pairs.values()):  # nothing can grow or go in a circle
        assert expand(result, pairs) == result


def test_ab3p_finds_the_pairs_of_a_document():
    pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")
    assert abbreviation_finder("ab3p")(DOCUMENT) == {
        "FAP": "Familial adenomatous polyposis",
        "APC": "adenomatous polyposis coli",
    }


def test_ab3p_writes_to_neither_stream_and_ours_still_work(capfd):
    pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")
    find = abbreviation_finder("ab3p")
    for length in range(1000, 9000, 1000):
        find("x" * length + " (xx)")  # makes Ab3P complain
    os.write(2, b"still open\n")
    logging.getLogger("other").warning("logged")
    sys.stderr.write("printed\n")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[0] == "still open"
    assert "printed" in captured.err


def test_ab3p_leaves_no_descriptor_open():
    pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")
    find = abbreviation_finder("ab3p")
    before = os.dup(0)
    os.close(before)
    for _ in range(5):
        find(DOCUMENT)
    after = os.dup(0)
    os.close(after)
    assert after == before  # the lowest free number


def test_ab3p_refuses_a_line_that_would_end_the_process():
    pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")
    with pytest.raises(InputError, match="too long for Ab3P, it begins with 'xxxx"):
        abbreviation_finder("ab3p")("Title\n\n" + "x" * (MAX_LINE + 1))


def test_schwartz_hearst_finds_pairs_and_leaves_logging_alone():
    pytest.importorskip("abbreviations", reason="the package abbreviations is not installed")
    root = logging.getLogger()
    before = root.handlers[:], root.level
    pairs = abbreviation_finder("schwartz-hearst")(DOCUMENT)
    assert pairs["APC"] == "adenomatous polyposis coli"
    assert (root.handlers, root.level) == before


def test_none_finds_nothing():
    assert abbreviation_finder("none")(DOCUMENT) == {}


@pytest.mark.parametrize(
    ("method", "package", "module"),
    [("ab3p", "pyab3p", "pyab3p"), ("schwartz-hearst", "abbreviations", "abbreviations.schwartz_hearst")],
)
def test_a_missing_package_says_what_to_install(monkeypatch, method, package, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"'{package}' is not installed: run pip install 'biosyn\[{method}\]'"):
        abbreviation_finder(method)


def test_an_unknown_method_names_the_known_ones():
    with pytest.raises(InputError, match="choose one of ab3p, schwartz-hearst, none"):
        abbreviation_finder("ab3")
