"""How a command ends: one line and an exit code, by whatever it ends."""

import errno
import io
import signal
import subprocess
import sys

import pytest

from biosyn.cli.exits import debug_wanted, guarded, print_result
from biosyn.cli.main import main
from biosyn.errors import InputError


class OutOfMemoryError(RuntimeError):
    """The name of torch's error of a GPU."""


def raising(error):
    def work():
        raise error

    return work


ENDS = [
    (InputError("is empty", path="names.txt"), 2, "names.txt: is empty"),
    (OSError(errno.ENOSPC, "No space left on device", "out.json"), 2, "out.json: No space left on device: free some"),
    (PermissionError(errno.EACCES, "Permission denied", b"model"), 2, "model: Permission denied: change its perm"),
    (OSError(errno.EMFILE, "Too many open files"), 2, "Too many open files: raise the limit"),
    (OSError("no number"), 2, "no number"),
    (UnicodeEncodeError("ascii", "ö", 0, 1, "ordinal not in range"), 2, "PYTHONUTF8=1"),
    (MemoryError("Unable to allocate 9 TiB"), 2, "out of memory (Unable to allocate 9 TiB)"),
    (OutOfMemoryError("CUDA out of memory."), 2, "out of memory (CUDA"),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate"), 2, "out of memory"),
    (RuntimeError("Symlink loop from 'a'"), 2, "Symlink loop"),
    (KeyboardInterrupt(), 130, "stopped"),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, None),
]


@pytest.mark.parametrize(("error", "code", "said"), ENDS, ids=lambda part: type(part).__name__)
def test_an_error_of_the_edges_is_one_line(capsys, error, code, said):
    assert guarded(raising(error), "train.py") == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (said is not None)
    assert all(line.startswith("train.py: ") and said in line for line in lines)


@pytest.mark.parametrize("error", [KeyError("topk"), TypeError(), ValueError("a bug"), RuntimeError("a bug")])
def test_a_bug_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        guarded(raising(error), "train.py")


def test_a_line_of_a_very_long_name_is_cut_in_its_middle(capsys):
    guarded(raising(OSError(errno.ENAMETOOLONG, "File name too long", "a" * 5000)), "eval.py")
    line = capsys.readouterr().err
    assert len(line) < 1100
    assert line.endswith("aaa: File name too long: give a shorter path\n")


# -- debug


def test_debug_may_stand_anywhere_but_after_two_dashes(monkeypatch):
    monkeypatch.delenv("BIOSYN_DEBUG", raising=False)
    assert debug_wanted(["cache", "ls", "--debug"]) == (["cache", "ls"], True)
    assert debug_wanted(["compare", "--", "--debug"]) == (["compare", "--", "--debug"], False)
    monkeypatch.setenv("BIOSYN_DEBUG", "1")
    assert debug_wanted(["cache", "ls"]) == (["cache", "ls"], True)


@pytest.mark.parametrize(
    "words", [["--debug", "compare", "a", "b"], ["compare", "a", "b", "--debug"], ["--debug", "eval", "--topk", "0"]]
)
def test_debug_shows_the_traceback_before_the_line(capsys, monkeypatch, words):
    monkeypatch.delenv("BIOSYN_DEBUG", raising=False)
    flags = ["--model_name_or_path", "m", "--dictionary_path", "d", "--data_dir", "q"] if "eval" in words else []
    assert main([word for word in (*words, *flags) if word != "--debug"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert main([*words, *flags]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == line


# -- stdout


@pytest.mark.parametrize(
    ("result", "encoding", "printed"),
    [
        ({"name": "Sjögren"}, "ascii", b'{\n  "name": "Sj\\u00f6gren"\n}\n'),
        ({"name": "Sjögren"}, "utf-8", '{\n  "name": "Sjögren"\n}\n'.encode()),
        ({"path": "a\udcff"}, "utf-8", b'{\n  "path": "a\\udcff"\n}\n'),  # a path that is not UTF-8
        ("Sjögren: β", "latin-1", "Sjögren: \\u03b2\n".encode("latin-1")),
    ],
)
def test_what_the_encoding_of_stdout_lacks_is_escaped(monkeypatch, result, encoding, printed):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", stdout)
    print_result(result)
    stdout.flush()
    assert stdout.buffer.getvalue() == printed


PROCESSES = """
run() { "$@"; echo $? >&2; }
run $BIOSYN --help >/dev/full
run $BIOSYN cache ls --cache_dir x >/dev/full
run $BIOSYN cache ls --cache_dir x >&-
(sleep 0.2; run $BIOSYN cache ls --cache_dir x) | true
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_stdout_that_is_full_closed_or_a_closed_pipe(tmp_path):
    script = PROCESSES.replace("$BIOSYN", f"{sys.executable} -m biosyn")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    full = "stdout cannot be written (No space left on device): give it another place"
    assert done.stderr.splitlines() == [
        *(f"biosyn: error: {full}", "2"),
        *(f"biosyn cache: error: {full}", "2"),
        *("biosyn cache: error: stdout is closed: give it a place, for example > /dev/null", "2"),
        "141",
    ]


# -- signals


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "train.py: stopped\n"), (signal.SIGTERM, 143, "train.py: terminated\n")],
)
def test_a_signal_ends_a_command_with_its_number_and_what_it_holds_is_given_back(capsys, number, code, line):
    before, given_back = signal.getsignal(number), []

    def work():
        try:
            signal.raise_signal(number)
        finally:
            given_back.append(True)

    assert guarded(work, "train.py") == code
    assert capsys.readouterr().err == line
    assert given_back == [True]
    assert signal.getsignal(number) is before


SWALLOWS = """
import signal
try:
    signal.raise_signal(signal.SIGINT)
except BaseException as error:
    raise ImportError("half imported") from None
"""


def test_ctrl_c_while_a_library_is_imported_that_makes_another_error_of_it(tmp_path):
    (tmp_path / "swallows.py").write_text(SWALLOWS)
    code = "from biosyn.cli.exits import guarded; guarded(lambda: __import__('swallows'), 'train.py')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "stopped\n")
