import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.mention_files.formats import format_of


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "", "csv"),
        ("a.TSV", "", "tsv"),
        ("a.jsonl", "", "jsonl"),
        ("a.xml", "", "bioc-xml"),
        ("a.json", "", "bioc-json"),
        ("a.PubTator", "", "pubtator"),
        ("a.txt", "ataxia\n", "lines"),
        ("a.txt", "\n\n12|t|Title\n", "pubtator"),
        ("noname", "\ufeff12|t|Title\r\n", "pubtator"),
        ("a.txt", "", "lines"),
        ("a.csv.txt", "x", "lines"),
    ],
)
def test_the_name_tells_or_else_the_first_line(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    assert format_of(path) == expected
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert format_of(packed) == expected


@pytest.mark.parametrize(
    ("file_format", "head", "head_after"),
    [
        ("lines", b"", b""),
        ("jsonl", b"", b""),
        ("csv", b"a,mention\n", b"a,mention,biosyn_id,biosyn_name,biosyn_score\n"),
        ("pubtator", b"1|t|x\n", b"1|t|x\n"),
    ],
)
@given(content=st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode))
def test_any_bytes_come_back_as_they_were(rewrite, file_format, head, head_after, content):
    if head or not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert rewrite(head + content, file_format, link=None)[1] == head_after + content
