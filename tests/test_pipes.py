"""What is no regular file, as an input and as an output."""

import os
import socket
import threading

import pytest

from biosyn import pipes
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.files import read_lines, sha256_of
from biosyn.pipes import regular_file
from biosyn.writing import write_text


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def write_later(path, *pieces):
    """Write to a FIFO from another thread, which waits for its reader."""

    def write():
        with path.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    return writer


def test_a_file_is_itself_also_through_a_link(tmp_path):
    (tmp_path / "file").write_text("ataxia\n")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert [regular_file(tmp_path / name) for name in ("file", "link")] == [tmp_path / "file", tmp_path / "link"]


def test_a_pipe_is_read_as_often_as_a_file(piped, tmp_path):
    path = piped(b"D1||ataxia\nD2||anemia\n")
    (tmp_path / "same").write_bytes(b"D1||ataxia\nD2||anemia\n")
    assert list(read_lines(path)) == list(read_lines(path)) == [(1, "D1||ataxia"), (2, "D2||anemia")]
    assert sha256_of(path) == DictionaryDataset(path).sha256 == sha256_of(tmp_path / "same")


def test_an_empty_pipe_is_an_empty_file(piped):
    assert list(read_lines(piped(b""))) == []


def test_a_fifo_is_read_to_the_end_of_its_writer(fifo):
    pieces = [b"x" * 100_000, b"y" * 100_000, b"\n"]  # more than a pipe holds at once
    writer = write_later(fifo, *pieces)
    ((_, line),) = read_lines(fifo)
    writer.join()
    assert line == "x" * 100_000 + "y" * 100_000
    assert len(regular_file(fifo).read_bytes()) == 200_001


def test_a_fifo_that_nobody_writes_to_is_refused_and_can_be_tried_again(fifo, monkeypatch):
    monkeypatch.setattr(pipes, "WRITER_WAIT", 0.01)
    with pytest.raises(InputError, match="fifo: is a pipe that nobody writes to: start the writer, or give a file"):
        list(read_lines(fifo))
    monkeypatch.undo()
    writer = write_later(fifo, b"ataxia\n")
    assert list(read_lines(fifo)) == [(1, "ataxia")]
    writer.join()


def test_several_ranks_do_not_share_a_pipe(piped, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="is a pipe, which one process alone can read: save it as a file first"):
        regular_file(piped(b"ataxia\n"))


@pytest.mark.parametrize("read", [lambda path: list(read_lines(path)), sha256_of, DictionaryDataset])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_a_device_is_no_input(device, read):
    with pytest.raises(InputError, match=f"{device}: cannot be read: it is a device, give a file"):
        read(device)


def test_neither_is_a_folder_or_a_socket(tmp_path):
    with pytest.raises(InputError, match="cannot be read: it is a folder, give a file"):
        regular_file(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(InputError, match="cannot be read: it is a socket, give a file"):
            regular_file(tmp_path / "socket")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("ataxia\n")
    lines = read_lines(path)
    assert next(lines) == (1, "ataxia")
    path.write_text("anemia\n")  # of the same length
    with pytest.raises(InputError, match="file: has changed while it was read"):
        list(lines)


def test_only_a_file_is_replaced(fifo, tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "folder").mkdir()
    kinds = {"fifo": "a pipe", "link": "a symbolic link", "nowhere": "a symbolic link", "folder": "a folder"}
    for name, kind in kinds.items():
        with pytest.raises(InputError, match=f"{name}: is {kind} where a file is to be written: choose another output"):
            write_text(tmp_path / name, "new")
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert fifo.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["file", *kinds])
