import csv
import io
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import ID, NAME, SCORE

NAME_FOUND = 'ataxia, type "1" & <é>'
AFTER_A_LINE = '\tD1|2\tataxia, type "1" & <é>\t12.3457'
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\r"), max_size=8)  # csv.writer leaves \r bare


def test_tables_before_and_after(rewrite):
    before = '\ufeffid,"mention",note\r\n1,"ataxia, ""late""","two\r\nlines"\r\n\r\n2,asthma,'
    after = (
        '\ufeffid,"mention",note,biosyn_id,biosyn_name,biosyn_score\r\n'
        '1,"ataxia, ""late""","two\r\nlines",D1|2,"ataxia, type ""1"" & <é>",12.3457\r\n\r\n'
        '2,asthma,,D1|2,"ataxia, type ""1"" & <é>",12.3457'
    )
    mentions, written = rewrite(before, "csv")
    assert [(one.text, one.place.rpartition(":")[2]) for one in mentions] == [('ataxia, "late"', "2"), ("asthma", "5")]
    assert written.decode() == after


def test_tabs_and_the_id_alone(rewrite):
    written = rewrite("a\tmention\n1\tataxia\n", "tsv", keys=(ID,))[1]
    assert written == b"a\tmention\tbiosyn_id\n1\tataxia\tD1|2\n"


@pytest.mark.parametrize("delimiter", [",", "\t"])
@given(data=st.data())
def test_what_is_written_is_read_back(rewrite, delimiter, data):
    width = data.draw(st.integers(1, 4))
    at = data.draw(st.integers(0, width - 1))
    rows = data.draw(st.lists(st.lists(CELLS, min_size=width, max_size=width).filter(any)))
    header = [f"c{number}" for number in range(width)]
    text = io.StringIO()
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([header, *rows])
    file_format = "csv" if delimiter == "," else "tsv"
    rewrite = partial(rewrite, quotes="double")  # which a TSV has if it is said
    mentions, written = rewrite(text.getvalue(), file_format, column=f"c{at}")
    assert [one.text for one in mentions] == [row[at] for row in rows]
    read = list(csv.reader(io.StringIO(written.decode(), newline=""), delimiter=delimiter))
    added = ["D1|2", NAME_FOUND, "12.3457"]
    assert read == [[*header, ID, NAME, SCORE], *([*row, *added] for row in rows)]
    assert rewrite(text.getvalue(), file_format, column=f"c{at}", link=None)[1].count(b"D1|2") == 0


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"1\n", "has 1 fields where the header has 2"),
        (b"1,2,3\n", "has 3 fields where the header has 2"),
        (b'1,"open\n', "is not a valid record"),
        (b'1,"a"b\n', "is not a valid record"),
        (b"1,sj\xf6gren\n", "is not UTF-8"),
    ],
)
def test_a_bad_record_is_named_and_the_next_ones_are_read(rewrite, record, problem):
    mentions, written = rewrite(b"a,mention\n" + record + b"2,ataxia\n3,asthma\n", "csv")
    assert [one.text for one in mentions[1:]] == ["ataxia", "asthma"]
    assert problem in mentions[0].problem
    assert mentions[0].place.endswith(":2")
    assert record in written


def test_a_quote_left_open_and_closed_lines_later_spoils_its_own_line_only(rewrite):
    mentions, _ = rewrite('a,mention\n"1,ataxia\n2,asthma\n3,anemia"\n4,tumor\n', "csv")
    assert [one.text for one in mentions if not one.problem] == ["asthma", 'anemia"', "tumor"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "has no header: it is empty"),
        ("id,text\n", "has no column 'mention'"),
        ("mention,mention\n", r"has several columns 'mention' \(they are: mention, mention\): rename all but one"),
        ("mention,biosyn_id\n", "already holds biosyn_id"),
        ('"mention\n', "has no header: is not a valid record"),
    ],
)
def test_a_bad_header_is_refused(rewrite, header, message):
    with pytest.raises(InputError, match=message):
        rewrite(header, "csv")


# -- tables as they are found


@pytest.mark.parametrize("cell", ['"5 mm nodule', 'nodule 5"', '"a" b', '"', '""', 'x"y"z', '"whole"'])
def test_a_quote_is_a_character_of_a_tsv(rewrite, cell):
    before = f"n\tmention\tnote\n1\t{cell}\t{cell}\n2\tasthma\t{cell}\n"
    mentions, written = rewrite(before, "tsv", keys=(ID, NAME))
    assert [(one.text, one.problem) for one in mentions] == [(cell, ""), ("asthma", "")]
    added = f"\tD1|2\t{NAME_FOUND}\n"
    assert written.decode() == before.replace("note\n", f"note\t{ID}\t{NAME}\n").replace(f"{cell}\n", f"{cell}{added}")


def test_a_tsv_may_have_quotes_if_it_is_said(rewrite):
    before = 'mention\tnote\n"ataxia\t""late"""\tx\n'
    (mention,), written = rewrite(before, "tsv", quotes="double", keys=(ID, NAME))
    assert mention.text == 'ataxia\t"late"'
    assert written.decode().endswith('\tx\tD1|2\t"ataxia, type ""1"" & <é>"\n')


@pytest.mark.parametrize("place", ["mention", "note"])
def test_a_cell_may_have_any_length(rewrite, place):
    long = "x" * 400_000
    row = {"mention": "ataxia", "note": "none", place: long}
    mentions, _ = rewrite(f'mention,note\n{row["mention"]},"{row["note"]}"\nasthma,\n', "csv")
    assert [(one.text, one.problem) for one in mentions] == [(row["mention"], ""), ("asthma", "")]
    assert csv.field_size_limit() < len(long)  # that of others stays


def test_a_record_that_goes_on_to_another_line_is_noted(units_of):
    units = units_of('n,mention,note\n1,ataxia,"late\n2,asthma,mild"\n3,anemia,"two\nlines"\n4,tumor,\n', "csv")
    notes = [unit.note.rpartition("file:")[2] for unit in units if unit.note]
    where = "this record goes on to line {}, inside quotes: is a quote left open?"
    assert notes == [f"2: {where.format(3)}", f"4: {where.format(5)}"]
    assert [one.text for unit in units for one in unit.mentions] == ["ataxia", "anemia", "tumor"]


def test_a_quote_that_is_never_closed_is_a_bad_record_with_its_lines(rewrite):
    mentions, _ = rewrite('n,mention\n1,"ataxia\n2,asthma\n3,anemia\n', "csv")
    assert [bool(one.problem) for one in mentions] == [True, False, False]
    assert mentions[0].problem.endswith("(a quote is open from line 2 to 4)")


@pytest.mark.parametrize(
    ("file_format", "delimiter", "head", "mark"),
    [
        ("csv", ";", "", ";"),
        ("csv", "|", "", "|"),
        ("csv", "\t", "", "\t"),
        ("tsv", ";", "", ";"),
        ("csv", None, "sep=;\r\n", ";"),
        ("csv", None, '\ufeff"sep=\t"\n', "\t"),
        ("tsv", None, "sep=,\n", ","),
        ("csv", ";", "sep=,\n", ";"),
    ],
)
def test_the_delimiter_is_told_or_named_by_the_first_line(rewrite, file_format, delimiter, head, mark):
    before = f'{head}n{mark}mention\n1{mark}"ataxia{mark} late"\n'
    mentions, written = rewrite(before, file_format, delimiter=delimiter, keys=(ID, NAME))
    assert [(one.text, one.problem) for one in mentions] == [(f"ataxia{mark} late", "")]
    assert mentions[0].place.endswith(":3" if head else ":2")
    assert written.decode().startswith(head)
    rows = list(csv.reader(io.StringIO(written.decode().removeprefix(head)), delimiter=mark))
    assert rows == [["n", "mention", ID, NAME], ["1", f"ataxia{mark} late", "D1|2", NAME_FOUND]]


def test_another_delimiter_or_quotes_are_proposed_where_they_find_the_column(rewrite):
    with pytest.raises(InputError, match=r"no column 'mention' \(they are: n;mention\): give --delimiter ';'"):
        rewrite("n;mention\n1;x\n", "csv")
    with pytest.raises(InputError, match=r"no column 'mention' \(they are: \"n\", \"mention\"\): give --quotes double"):
        rewrite('"n"\t"mention"\n"1"\t"x"\n', "tsv")
    with pytest.raises(InputError, match="--quotes none goes with tabs"):
        rewrite("n,mention\n", "csv", quotes="none")


@pytest.mark.parametrize(
    ("column", "header", "text", "found", "first"),
    [
        ("2", None, "1,ataxia\n2,asthma\n", ["ataxia", "asthma"], "1,ataxia,D1|2"),
        ("1", None, "1\n1\n", ["1", "1"], "1,D1|2"),  # a cell "1" is no header
        ("1", "yes", "n,1\n7,ataxia\n", ["ataxia"], "n,1,biosyn_id"),  # a column called 1
        ("1", "no", "mention,x\n", ["mention"], "mention,x,D1|2"),
        ("2", None, 'sep=;\n1;"a;b"\n', ["a;b"], "sep=;"),
    ],
)
def test_a_number_is_the_place_of_a_column_in_a_table_without_a_header(rewrite, column, header, text, found, first):
    mentions, written = rewrite(text, "csv", column=column, header=header, keys=(ID,))
    assert [(one.text, one.problem) for one in mentions] == [(one, "") for one in found]
    assert written.decode().splitlines()[0] == first


@pytest.mark.parametrize(("column", "header"), [("0", None), ("3", None), ("mention", "no"), ("9" * 99, None)])
def test_a_place_that_is_none_is_refused(rewrite, column, header):
    with pytest.raises(InputError, match="without a header --column is the place of a column, 1 to 2 here"):
        rewrite("1,ataxia\n", "csv", column=column, header=header)


# -- one mention a line


def test_lines_before_and_after(rewrite):
    mentions, written = rewrite("\ufeffataxia\r\n\n  Wilms' tumour \nlast", "lines")
    assert [one.text for one in mentions] == ["ataxia", "  Wilms' tumour ", "last"]
    assert [one.place.rpartition(":")[2] for one in mentions] == ["1", "3", "4"]
    assert written.decode() == f"\ufeffataxia{AFTER_A_LINE}\r\n\n  Wilms' tumour {AFTER_A_LINE}\nlast{AFTER_A_LINE}"


def test_the_id_alone_after_a_line(rewrite):
    assert rewrite("ataxia\n", "lines", keys=(ID,))[1] == b"ataxia\tD1|2\n"


def test_a_line_that_is_not_utf8_is_named_and_stays(rewrite):
    mentions, written = rewrite("good\nsjögren\n".encode("latin-1"), "lines")
    assert [bool(one.problem) for one in mentions] == [False, True]
    assert written.endswith("\nsjögren\n".encode("latin-1"))


@given(
    lines=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t\ufeff"), min_size=1).filter(str.strip)
    )
)
def test_lines_that_are_written_are_read_back(rewrite, lines):
    mentions, written = rewrite("".join(f"{line}\n" for line in lines), "lines")
    assert [one.text for one in mentions] == lines
    assert written.decode().split("\n")[:-1] == [line + AFTER_A_LINE for line in lines]


def test_a_quote_left_open_takes_a_bounded_number_of_lines(rewrite, monkeypatch):
    monkeypatch.setattr("biosyn.mention_files.tables.RECORD_LINES", 3)
    content = 'mention\n"ataxia\nasthma\n"two\nlines"\n\nataxia\n'
    mentions, written = rewrite(content, "csv", link=None)
    assert [(one.place.rpartition(":")[2], bool(one.problem)) for one in mentions] == [
        ("2", True),
        ("3", False),
        ("4", False),
        ("7", False),
    ]
    assert written == content.replace("mention\n", "mention,biosyn_id,biosyn_name,biosyn_score\n", 1).encode()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("file_format", ["csv", "tsv", "lines", "jsonl"])
def test_blank_lines_stay_wherever_they_are(rewrite, file_format, end):
    record = {"jsonl": '{"mention": "ataxia"}'}.get(file_format, "ataxia")
    lines = ["mention"] * (file_format in ("csv", "tsv")) + [record, *[""] * 3, record, record, "", ""]
    mentions, written = rewrite(end.join(lines) + end, file_format)
    places = [number for number, line in enumerate(lines, 1) if line == record]
    assert [int(one.place.rpartition(":")[2]) for one in mentions] == places
    assert [not line for line in written.decode().split(end)] == [not line for line in [*lines, ""]]
