import csv
import io

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
        (b"1," + b"x" * 200_000 + b"\n", "field larger than field limit"),
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
        ("mention,mention\n", "has several columns 'mention'"),
        ("mention,biosyn_id\n", "already holds biosyn_id"),
        ('"mention\n', "has no header: is not a valid record"),
    ],
)
def test_a_bad_header_is_refused(rewrite, header, message):
    with pytest.raises(InputError, match=message):
        rewrite(header, "csv")


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
