import gzip
import hashlib
import json
import math

import pytest

from biosyn.errors import InputError
from biosyn.files import json_text, open_binary, read_json, read_lines, require_folder, sha256_of
from biosyn.writing import require_writable, staged_folder, write_json, write_lines, write_text


def lines_of(path, content):
    path.write_bytes(content)
    return list(read_lines(path))


def test_lines_come_with_their_numbers(tmp_path):
    assert lines_of(tmp_path / "a", b"one\n\ntwo") == [(1, "one"), (2, ""), (3, "two")]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    assert lines_of(tmp_path / "a", b"\xef\xbb\xbfone\r\ntwo\r\n") == [(1, "one"), (2, "two")]


def test_only_a_newline_ends_a_line(tmp_path):
    # a form feed, a vertical tab, U+0085 and U+2028 end a line for str.splitlines, but not in these files
    content = "a\fb\vc\x85d\u2028e\n"
    assert lines_of(tmp_path / "a", content.encode()) == [(1, content.rstrip("\n"))]


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a:2: not UTF-8 \(byte 0xe9\)"):
        lines_of(tmp_path / "a", b"one\ncaf\xe9\n")


def test_gzip_is_unpacked_where_the_name_says_so(tmp_path):
    packed = gzip.compress("\ufeffone\r\ncaf\u00e9\n".encode())
    assert lines_of(tmp_path / "a.gz", packed) == [(1, "one"), (2, "caf\u00e9")]


@pytest.mark.parametrize(
    "damaged",
    [
        b"one\n",
        gzip.compress(b"one\n" * 999)[:-9],  # cut off
        gzip.compress(b"one\n")[:-8] + bytes(8),  # another checksum
        gzip.compress(b"one\n")[:10] + b"\xff" * 20,
    ],
    ids=[
        "not gzip",
        "cut off",
        "another checksum",
        "no deflate",
    ],  # the bytes hold the time: two processes would differ
)
def test_gzip_that_is_damaged_is_named(tmp_path, damaged):
    with pytest.raises(InputError, match=r"a\.gz: is damaged, or no gzip file"):
        lines_of(tmp_path / "a.gz", damaged)


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_the_bytes_that_are_read_are_counted_as_they_are_on_disk(tmp_path, name):
    path, counts = tmp_path / name, []
    path.write_bytes(gzip.compress(bytes(3_000_000)) if name == "a.gz" else bytes(3_000_000))
    with open_binary(path, tick=counts.append) as file:
        assert sum(map(len, iter(lambda: file.read(100_000), b""))) == 3_000_000
    assert sum(counts) == path.stat().st_size


def test_an_error_of_the_caller_keeps_its_own_name(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x"))
    with pytest.raises(PermissionError), open_binary(tmp_path / "a.gz"):
        raise PermissionError("of something else")


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_the_lines_are_hashed_as_they_are_on_disk(tmp_path, name):
    content = "".join(f"{number} {'é' * 99}\r\n" for number in range(10_000)).encode()  # more than one piece
    (tmp_path / name).write_bytes(gzip.compress(content) if name == "a.gz" else content)
    digest = hashlib.sha256()
    assert len(list(read_lines(tmp_path / name, digest=digest))) == 10_000
    assert digest.hexdigest() == sha256_of(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="missing.txt: cannot be read"):
        list(read_lines(tmp_path / "missing.txt"))


def test_a_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        list(read_lines(tmp_path))


def test_json_that_cannot_be_read_is_not_called_invalid(tmp_path):
    with pytest.raises(InputError) as folder:
        read_json(tmp_path)
    assert str(folder.value) == f"{tmp_path}: cannot be read: it is a folder, give a file"
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InputError) as other:
        read_json(tmp_path / "a.json")
    assert str(other.value).startswith(f"{tmp_path / 'a.json'}:1: not UTF-8")


def test_a_missing_folder_and_a_file_in_its_place_are_told_apart(tmp_path):
    (tmp_path / "file").touch()
    assert require_folder(tmp_path) == tmp_path
    with pytest.raises(InputError, match="no such folder"):
        require_folder(tmp_path / "missing")
    with pytest.raises(InputError, match="is not a folder"):
        require_folder(tmp_path / "file")


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    folder = require_writable(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_a_folder_below_a_regular_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/out: cannot be written to"):
        require_writable(tmp_path / "file" / "out")


def test_text_is_written_as_utf8_with_plain_newlines(tmp_path):
    assert write_lines(tmp_path / "a", iter(["é", "b"])) == 2
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\nb\n"


def test_a_write_that_fails_keeps_the_old_content_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_text(path, "old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match="a: cannot be written: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_that_end_in_an_error_leave_nothing(tmp_path):
    def lines():
        yield "one"
        raise InputError("no two")

    with pytest.raises(InputError, match="no two"):
        write_lines(tmp_path / "a", lines())
    assert list(tmp_path.iterdir()) == []


def test_a_file_below_a_regular_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / "file" / "a", "text")


def test_json_reads_back_as_it_was(tmp_path):
    value = {"name": "Sjögren", "score": 0.1, "rows": [1, None]}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == value


def test_a_stage_is_inside_its_target_and_is_gone_afterwards(tmp_path):
    with staged_folder(tmp_path / "out") as stage:
        assert stage.parent == tmp_path / "out"
        (stage / "kept").touch()
        (stage / "dropped").touch()
        (stage / "kept").rename(tmp_path / "out" / "kept")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


def test_a_stage_is_gone_after_an_error(tmp_path):
    def fail_half_way():
        with staged_folder(tmp_path) as stage:
            (stage / "half").touch()
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_json_is_written_with_a_number_that_is_not_finite(number, tmp_path):
    write_json(tmp_path / "old.json", {"a": 1.0})
    for write in (json_text, lambda value: write_json(tmp_path / "old.json", value)):
        with pytest.raises(InputError, match="not finite"):
            write({"scores": [1.0, {"b": number}]})
    assert read_json(tmp_path / "old.json") == {"a": 1.0}


@pytest.mark.parametrize("content", ['{"a": NaN}', '{"a": [-Infinity]}', '{"a": ' + "9" * 5000 + "}"])
def test_json_with_a_number_that_is_none_is_not_read(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json: is not valid JSON"):
        read_json(tmp_path / "a.json")


# -- what a kill leaves, and the mode of a file


def test_what_a_killed_process_has_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    (tmp_path / ".biosyn.json.partial-5e1f00d1").touch()
    (tmp_path / ".model.partial-5e1f00d2").mkdir()
    (tmp_path / ".biosyn.json.4711.partial").touch()  # of an earlier version
    theirs = [".hidden", ".a.partial-of-a-user", "model.partial"]
    for name in theirs:
        (tmp_path / name).touch()

    def lines():
        yield "half"
        require_writable(tmp_path)  # the start of another run
        assert sorted(path.name for path in tmp_path.iterdir() if path.name not in theirs) == [
            stage.name,
            *(path.name for path in tmp_path.glob(".names.txt.partial-*")),
        ]
        yield "whole"

    with staged_folder(tmp_path) as stage:
        write_lines(tmp_path / "names.txt", lines())
    assert (tmp_path / "names.txt").read_text() == "half\nwhole\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*theirs, "names.txt"])


def test_two_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "a"

    def lines():
        yield "first"
        write_text(path, "second\n")
        yield "third"

    write_lines(path, lines())
    assert path.read_text() == "first\nthird\n"


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path):
    for name in ("a" * 255, "ö" * 127):
        write_text(tmp_path / name, "text")
        assert (tmp_path / name).read_text() == "text"


def test_a_path_that_is_not_utf_8_is_written_with_escapes(tmp_path):
    write_json(tmp_path / "a.json", {"path": "a\udcff"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"path": "a\udcff"}


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_json_that_python_does_not_read_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match="a.json: is not"):
        read_json(tmp_path / "a.json")
