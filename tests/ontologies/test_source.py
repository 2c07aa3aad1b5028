import pytest

from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.ontologies.source import Row, Source, delimited_rows, named_rows, rows_by_concept, split_rows


def source_of(path="table.csv", *, skip=False):
    return Source(path, counts=ReadCounts(skip=skip))


def rows_of(text, source=None, delimiter=","):
    return list(delimited_rows(enumerate(text.split("\n"), 1), source or source_of(), delimiter=delimiter))


def test_a_quoted_field_holds_commas_quotes_and_line_ends():
    text = 'a,"b, ""c"""\n\n"d\n\ne",f\ng,h'
    assert rows_of(text) == [Row(1, ["a", 'b, "c"']), Row(3, ["d\n\ne", "f"]), Row(6, ["g", "h"])]


def test_between_tabs_a_quote_is_a_character():
    assert rows_of('a\t"b\n\n"c"\t', delimiter="\t") == [Row(1, ["a", '"b']), Row(3, ['"c"', ""])]


@pytest.mark.parametrize(("text", "line"), [('a,b\n"c"d,e', 2), ('a\nb\n"c,d\ne', 3)])
def test_a_quote_that_is_not_closed_or_closed_too_early_is_named_with_the_row_s_first_line(text, line):
    with pytest.raises(InputError, match=rf"table\.csv:{line}: .*, in a row that was read up to line"):
        rows_of(text)


def test_a_row_with_bad_quotes_can_be_skipped():
    source = source_of(skip=True)
    assert rows_of('a\n"b"c\nd', source) == [Row(1, ["a"]), Row(3, ["d"])]
    assert source.counts.skipped == {"quotes": 1}


def test_a_quote_left_open_takes_no_other_row_with_it():
    source = source_of(skip=True)
    assert rows_of('a,"b\nc,d\n"e\nf",g\nh,"i', source) == [Row(2, ["c", "d"]), Row(3, ["e\nf", "g"])]
    assert source.counts.skipped == {"quotes": 2}


def test_a_row_has_a_field_for_each_column():
    source = source_of(skip=True)
    rows = [Row(2, [" 1 ", "x"]), Row(3, ["1"]), Row(4, ["1", "2", "3"])]
    assert list(named_rows(rows, source, columns=["id", "name"])) == [Row(2, {"id": "1", "name": "x"})]
    assert source.counts.skipped == {"number of fields": 2}


def test_every_field_ends_in_the_separator(tmp_path):
    path = tmp_path / "a.RRF"
    path.write_text("a|b|\n\nc||\nd|e\n|\n")
    source = source_of(path, skip=True)
    rows = list(split_rows(source, separator="|", fields=2))
    assert rows == [Row(1, ["a", "b"]), Row(3, ["c", ""]), Row(4, ["d", "e"])]
    assert source.counts.skipped == {"number of fields": 1}
    with pytest.raises(InputError, match=r"a\.RRF:5: expected 2 fields, each followed by '\|'; found 1"):
        list(split_rows(source_of(path), separator="|", fields=2))


def test_rows_of_one_concept_come_together_and_an_id_that_comes_again_is_named():
    rows = [Row(1, "a1"), Row(2, "a2"), Row(3, "b1"), Row(4, "a3"), Row(5, "a4"), Row(6, "c1")]
    source = source_of(skip=True)
    found = list(rows_by_concept(rows, source, key=lambda text: text[0]))
    assert [(key, [row.content for row in group]) for key, group in found] == [
        ("a", ["a1", "a2"]),
        ("b", ["b1"]),
        ("c", ["c1"]),
    ]
    assert source.counts.skipped == {"id comes again": 2}
    with pytest.raises(InputError, match="table.csv:4: 'a' appears again after other ids: sort the file by id"):
        list(rows_by_concept(rows, source_of(), key=lambda text: text[0]))
