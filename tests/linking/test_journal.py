import gzip
import json
import os
import sqlite3
from pathlib import Path

import pytest

from biosyn.errors import InputError
from biosyn.linking.journal import Journal
from biosyn.mention_files.added_columns import Link

IDENTITY = {"input": "a", "model": {"w": 1.5}}
ERROR = {"place": "x:1", "problem": "p", "record": "r\ud800"}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out.txt"


def write(journal, text, units, errors=()):
    journal.write(text.encode(), errors, journal.done._replace(units=units))


def test_the_output_appears_whole_and_nothing_else_is_left(target):
    target.write_text("an older output")
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1, [ERROR])
        assert target.read_text() == "an older output"
        write(journal, "two\n", 2)
        journal.publish(keep_errors=True)
    assert target.read_text() == "one\ntwo\n"
    errors = target.with_name("out.txt.errors.jsonl")
    assert json.loads(errors.read_text()) == ERROR
    assert sorted(target.parent.iterdir()) == [target, errors]


@pytest.mark.parametrize(("keep", "there"), [(True, True), (False, False)])
def test_an_errors_file_without_errors_is_there_if_it_is_wanted(target, keep, there):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
        journal.publish(keep_errors=keep)
    assert target.with_name("out.txt.errors.jsonl").exists() == there


def test_the_errors_of_an_earlier_run_do_not_stay_beside_a_new_output(target):
    for errors in ([ERROR], []):
        with Journal(target, IDENTITY, resume=False) as journal:
            write(journal, "one\n", 1, errors)
            journal.publish(keep_errors=False)
    assert list(target.parent.iterdir()) == [target]


def test_what_was_not_recorded_is_cut_off(target):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1, [ERROR])
        journal.remember(["kept"], [Link("D1", "a", 1.0)])
        write(journal, "two\n", 2)
        journal.remember(["lost"], [Link("D1", "a", 1.0)])  # as by a kill between the links and the record
    partial = target.with_name("out.txt.partial")
    for name in ("output", "errors.jsonl"):
        with (partial / name).open("ab") as file:
            file.write(b"half a st")
    with Journal(target, IDENTITY, resume=True) as journal:
        assert journal.done.units == 2
        assert list(journal.known(["kept", "lost"])) == ["kept"]
        write(journal, "three\n", 3)
        journal.publish(keep_errors=False)
    assert target.read_text() == "one\ntwo\nthree\n"
    assert len(target.with_name("out.txt.errors.jsonl").read_text().splitlines()) == 1


def test_without_resume_a_left_run_is_started_anew(target):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
    with Journal(target, {"input": "b"}, resume=False) as journal:
        assert journal.done.units == 0
        write(journal, "other\n", 1)
        journal.publish(keep_errors=False)
    assert target.read_text() == "other\n"


@pytest.mark.parametrize(
    ("identity", "what"), [({"input": "b"}, "input"), ({"input": "a", "model": {"w": 2}}, "model")]
)
def test_another_run_is_not_resumed_and_stays(target, identity, what):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
    with (
        pytest.raises(InputError, match=f"cannot be resumed, as its {what} has changed"),
        Journal(target, identity, resume=True),
    ):
        pass
    with Journal(target, IDENTITY, resume=True) as journal:
        assert journal.done.units == 1


def test_a_kill_while_the_files_are_moved_can_be_resumed(target, monkeypatch):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1, [ERROR])
        moves = iter([os.replace])  # the second move is not made
        monkeypatch.setattr("os.replace", lambda *places: next(moves)(*places))
        with pytest.raises(StopIteration):
            journal.publish(keep_errors=True)
        monkeypatch.undo()
    assert target.with_name("out.txt.errors.jsonl").exists()
    assert not target.exists()
    partial = target.with_name("out.txt.partial")
    with Journal(target, IDENTITY, resume=True) as journal:
        assert journal.done.finished
        journal.publish(keep_errors=True)
    assert target.read_text() == "one\n"
    assert not partial.exists()


def test_two_runs_do_not_write_one_output(target):
    with (
        Journal(target, IDENTITY, resume=False),
        pytest.raises(InputError, match="another run is writing"),
        Journal(target, IDENTITY, resume=True),
    ):
        pass


def test_a_damaged_state_is_named(target):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
    state = target.with_name("out.txt.partial") / "state.sqlite"
    state.write_bytes(b"x" * 4096)
    with pytest.raises(InputError, match=r"state\.sqlite: is damaged"), Journal(target, IDENTITY, resume=True):
        pass
    with Journal(target, IDENTITY, resume=False) as journal:
        assert journal.done.units == 0


def test_an_output_that_lost_its_end_is_named(target):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
    (target.with_name("out.txt.partial") / "output").write_bytes(b"o")
    with pytest.raises(InputError, match="shorter than what was written"), Journal(target, IDENTITY, resume=True):
        pass


def test_packed_output_is_a_member_a_step(tmp_path):
    target = tmp_path / "out.gz"
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
        write(journal, "two\n", 2)
        journal.publish(keep_errors=False)
    assert gzip.decompress(target.read_bytes()) == b"one\ntwo\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="cannot be written"),
        Journal(tmp_path / "file" / "out", IDENTITY, resume=False),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named_and_the_run_can_be_resumed(target):
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
        with Path("/dev/full").open("ab", buffering=0) as full:
            journal._files["output"] = full
            with pytest.raises(
                InputError, match=r"cannot be written \(No space left on device\): continue with --resume"
            ):
                write(journal, "two\n", 2)
    with Journal(target, IDENTITY, resume=True) as journal:
        assert journal.done.units == 1


class Failing:
    """A connection to SQLite on which every statement fails as on a full disk, or a damaged file."""

    def __init__(self, code, message):
        self._error = sqlite3.OperationalError(message)
        self._error.sqlite_errorcode = code

    def execute(self, *_):
        raise self._error

    executescript = executemany = commit = execute

    def close(self):
        pass


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        (
            sqlite3.SQLITE_FULL,
            "database or disk is full",
            r"state\.sqlite: .*full\): free some space, then continue with --resume",
        ),
        (sqlite3.SQLITE_IOERR_WRITE, "disk I/O error", "continue with --resume"),
        (sqlite3.SQLITE_CANTOPEN, "unable to open database file", "continue with --resume"),
        (
            sqlite3.SQLITE_CORRUPT,
            "database disk image is malformed",
            r"is damaged \(.*malformed\): start again without --resume",
        ),
    ],
)
def test_a_database_that_cannot_be_written_is_not_called_damaged(target, monkeypatch, code, message, advice):
    failing = Failing(code, message)
    with Journal(target, IDENTITY, resume=False) as journal:
        write(journal, "one\n", 1)
        with monkeypatch.context() as patched:
            patched.setattr(journal, "_database", failing)
            for call in (
                lambda: journal.known(["a"]),
                lambda: journal.remember(["a"], [Link("D1", "a", 1.0)]),
                journal.distinct,
                lambda: write(journal, "two\n", 2),
            ):
                with pytest.raises(InputError, match=advice):
                    call()
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", lambda path: failing)
        with pytest.raises(InputError, match=advice), Journal(target, IDENTITY, resume=True):
            pass
    with Journal(target, IDENTITY, resume=True) as journal:
        assert journal.done.units == 1
