import gzip

import pytest

from biosyn.errors import InputError
from biosyn.files import open_binary
from biosyn.mention_files import units
from biosyn.mention_files.units import cut_span, is_same, plain_unit, raw_lines, with_blank_lines


def lines_of(path):
    with open_binary(path) as stream:
        return list(raw_lines(stream, path))


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_end_at_lf_only_and_keep_their_ends(tmp_path, name):
    content = b"one\r\ntwo\x0c\rstill two\n\nlast"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert lines_of(tmp_path / name) == [(1, b"one\r\n"), (2, b"two\x0c\rstill two\n"), (3, b"\n"), (4, b"last")]


def test_utf_16_is_named(tmp_path):
    (tmp_path / "a").write_bytes("ataxia".encode("utf-16"))
    with pytest.raises(InputError, match="is UTF-16"):
        lines_of(tmp_path / "a")


def test_a_file_without_line_ends_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(units, "MAX_LINE", 10)
    (tmp_path / "a").write_bytes(b"short\n" + b"x" * 100)
    with pytest.raises(InputError, match=r"a:2: is longer than 10 bytes"):
        lines_of(tmp_path / "a")


def test_blank_lines_are_few_units_of_a_bounded_size(monkeypatch):
    monkeypatch.setattr(units, "BLANK_BYTES", 4)
    record = plain_unit(b"ataxia\n")
    found = with_blank_lines(iter([*[b"\n"] * 9, record, b"\r\n", record, b" " * 9 + b"\n", b"\n"]))
    assert [unit.render(()) for unit in found] == [
        *[b"\n" * 4] * 2,
        b"\n",
        b"ataxia\n",
        b"\r\n",
        b"ataxia\n",
        b" " * 9 + b"\n",
        b"\n",
    ]


@pytest.mark.parametrize(
    ("mention", "text", "same"),
    [
        ("skin tumour", "skin\n  tumour", True),
        ("skin", "skin" + 900 * " ", True),
        ("skin", "skin" + 5_000 * " ", False),
        ("skin", "skin" + 5_000 * " " + "x", False),
        ("skin", "skin" + 5_000 * "x", False),
    ],
)
def test_a_span_is_cut_where_it_is_far_too_long_for_the_mention(mention, text, same):
    end = cut_span(mention, 0, len(text))
    assert end <= len(mention) + units.BLANKS
    assert is_same(mention, text[:end]) == same
