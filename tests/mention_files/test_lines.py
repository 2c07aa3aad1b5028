from hypothesis import given
from hypothesis import strategies as st

from biosyn.mention_files.units import ID

ADDED = '\tD1|2\tataxia, type "1" & <é>\t12.3457'


def test_before_and_after(rewrite):
    mentions, written = rewrite("\ufeffataxia\r\n\n  Wilms' tumour \nlast", "lines")
    assert [one.text for one in mentions] == ["ataxia", "  Wilms' tumour ", "last"]
    assert [one.place.rpartition(":")[2] for one in mentions] == ["1", "3", "4"]
    assert written.decode() == f"\ufeffataxia{ADDED}\r\n\n  Wilms' tumour {ADDED}\nlast{ADDED}"


def test_the_id_alone(rewrite):
    assert rewrite("ataxia\n", "lines", keys=(ID,))[1] == b"ataxia\tD1|2\n"


def test_a_line_that_is_not_utf8_is_named_and_stays(rewrite):
    mentions, written = rewrite("good\nsjögren\n".encode("latin-1"), "lines")
    assert [bool(one.problem) for one in mentions] == [False, True]
    assert written.endswith("\nsjögren\n".encode("latin-1"))


@given(content=st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode))
def test_any_bytes_come_back_as_they_were(rewrite, content):
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert rewrite(content, "lines", link=None)[1] == content


@given(
    lines=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t\ufeff"), min_size=1).filter(str.strip)
    )
)
def test_what_is_written_is_read_back(rewrite, lines):
    mentions, written = rewrite("".join(f"{line}\n" for line in lines), "lines")
    assert [one.text for one in mentions] == lines
    assert written.decode().split("\n")[:-1] == [line + ADDED for line in lines]
