import gzip

import pytest

from biosyn.errors import InputError
from biosyn.files import open_binary
from biosyn.mention_files import units
from biosyn.mention_files.units import raw_lines


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
