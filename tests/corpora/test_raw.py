import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.corpora.raw import find_span, raw_file, raw_files
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError


def test_a_file_is_found_as_it_is_or_packed(write, tmp_path):
    plain, packed = write("a.txt", ""), write("b.txt.gz", "")
    write("a.txt.gz", "")
    assert raw_files(tmp_path, {"train": "a.txt", "dev": "b.txt"}) == {"train": plain, "dev": packed}


def test_a_missing_file_is_left_to_the_reader_to_name(tmp_path):
    assert raw_files(tmp_path, {"train": "a.txt"}) == {"train": tmp_path / "a.txt"}


def test_the_first_of_several_names_counts(write, tmp_path):
    first, _ = write("full/data/x.txt", ""), write("x.txt", "")
    assert raw_file(tmp_path, ["full/data/x.txt", "x.txt"]) == first


def test_none_of_several_names_or_no_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"holds no a/x\.txt or x\.txt \(nor the same with \.gz\): check --raw_dir"):
        raw_file(tmp_path, ["a/x.txt", "x.txt"])
    with pytest.raises(InputError, match="no such folder"):
        raw_file(tmp_path / "missing", ["x.txt"])


# -- spans


def span(mention, text):
    counts = ReadCounts()
    return (*find_span(mention, text, counts=counts), sum(counts.noted.values()))


def test_the_first_span_in_the_same_case_goes_before_an_earlier_one_in_another():
    assert span("Smad", "SMAD and Smad") == ("9", "13", 0)
    assert span("smaD", "x SMAD and Smad") == ("2", "6", 0)


def test_no_span_is_minus_one_and_noted():
    assert span("p53", "p 53") == ("-1", "-1", 1)


def test_a_text_whose_length_changes_with_its_case_gives_no_wrong_span():
    assert span("P53", "\u0130 p53") == ("-1", "-1", 1)  # lower-cased, the first letter is two characters
    assert span("p53", "\u0130 p53") == ("2", "5", 0)


@given(st.text(max_size=20), st.text(min_size=1, max_size=5), st.text(max_size=20))
def test_a_span_holds_the_mention(before, mention, after):
    text = before + mention + after
    start, end = map(int, find_span(mention, text, counts=ReadCounts()))
    assert text[start:end] == mention
