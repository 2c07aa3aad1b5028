import gzip

import pytest

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
