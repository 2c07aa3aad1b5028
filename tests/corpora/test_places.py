from hypothesis import given
from hypothesis import strategies as st

from biosyn.corpora.raw import find_place
from biosyn.data.bad_entries import ReadingReport


def place(mention, text):
    report = ReadingReport()
    return (*find_place(mention, text, report=report), sum(report.noted.values()))


def test_the_first_place_in_the_same_case_goes_before_an_earlier_one_in_another():
    assert place("Smad", "SMAD and Smad") == ("9", "13", 0)
    assert place("smaD", "x SMAD and Smad") == ("2", "6", 0)


def test_no_place_is_minus_one_and_noted():
    assert place("p53", "p 53") == ("-1", "-1", 1)


def test_a_text_whose_length_changes_with_its_case_gives_no_wrong_place():
    assert place("P53", "\u0130 p53") == ("-1", "-1", 1)  # lower-cased, the first letter is two characters
    assert place("p53", "\u0130 p53") == ("2", "5", 0)


@given(st.text(max_size=20), st.text(min_size=1, max_size=5), st.text(max_size=20))
def test_a_place_holds_the_mention(before, mention, after):
    text = before + mention + after
    start, end = map(int, find_place(mention, text, report=ReadingReport()))
    assert text[start:end] == mention
