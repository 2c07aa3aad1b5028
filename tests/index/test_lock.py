"""Who waits for an index says for whom."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from biosyn.errors import InputError
from biosyn.index import lock
from biosyn.index.cache import remove_index
from biosyn.index.lock import Holder, holder, locked

KEY = "0123456789abcdef" * 2
HOLDS = """
import sys
from pathlib import Path
from biosyn.index.lock import locked
with locked(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def builder(tmp_path):
    """Another process, which holds the lock until its stdin is closed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", HOLDS, str(tmp_path), KEY]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_builder_that_was_stopped_is_named(tmp_path, builder, monkeypatch):
    monkeypatch.setattr(lock, "FIRST_WAITS", (0.05,))
    builder.send_signal(signal.SIGSTOP)
    os.waitpid(builder.pid, os.WUNTRACED)  # it has stopped
    said, lines = threading.Event(), []
    monkeypatch.setattr(lock.logger, "warning", lambda line, *parts: (lines.append(line % parts), said.set()))

    def go_on():
        said.wait()
        builder.send_signal(signal.SIGCONT)
        builder.stdin.close()

    threading.Thread(target=go_on).start()
    with locked(tmp_path, KEY):
        pass
    line = lines[0]
    assert f"the index {KEY}, which is being built by process {builder.pid} of " in line
    assert "which is stopped: kill -CONT resumes it" in line


def test_what_is_being_built_is_not_removed_and_its_builder_named(tmp_path, builder):
    (tmp_path / KEY).mkdir()
    with pytest.raises(InputError, match=rf"is being built by process {builder.pid} of .*, for \d+ seconds \(since "):
        remove_index(tmp_path)


def test_the_lines_become_seldom(tmp_path, monkeypatch, caplog):
    waits = []

    class Held:
        def acquire(self, timeout):
            waits.append(timeout)
            if len(waits) < 7:
                raise lock.Timeout("it")

    with caplog.at_level(logging.WARNING):
        lock._wait_for(Held(), tmp_path, KEY)
    assert waits == [1, 9, 50, 300, 300, 300, 300]
    assert len(caplog.messages) == 6
    assert "another process" in caplog.messages[0]


def test_the_note_goes_with_the_lock(tmp_path):
    with locked(tmp_path, KEY):
        assert f"process {os.getpid()} of " in holder(tmp_path, KEY)
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}.lock"]


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        "{}",
        '{"pid": "x", "host": "h", "user": "u", "since": 0}',
        '{"pid": 1, "host": "h", "user": "u", "since": 1e99}',
    ],
)
def test_a_note_that_is_none_stops_nobody(tmp_path, note):
    (tmp_path / f"{KEY}.holder").write_text(note)
    assert holder(tmp_path, KEY) == "another process"
    with locked(tmp_path, KEY):
        pass


def test_a_full_disk_stops_no_lock(tmp_path, monkeypatch):
    def full(*args):
        raise InputError("cannot be written: No space left on device")

    monkeypatch.setattr(lock, "write_json", full)
    with locked(tmp_path, KEY):
        assert holder(tmp_path, KEY) == "another process"


def test_a_process_of_another_machine_is_not_looked_for_here(tmp_path):
    here = Holder(os.getpid(), "elsewhere", "eve", 0.0)
    assert (
        here.described(90)
        == f"process {os.getpid()} of eve on elsewhere, for 90 seconds (since 1970-01-01 00:00:00 UTC)"
    )
    (tmp_path / f"{KEY}.holder").write_text(json.dumps({"pid": 7, "host": "elsewhere", "user": "eve", "since": 0.0}))
    assert holder(tmp_path, KEY).startswith("process 7 of eve on elsewhere, for ")
