"""Inputs apart from outputs, and unchanged."""

import dataclasses
import os

import pytest

from biosyn.errors import InputError
from biosyn.places import READS, Inputs
from biosyn.settings import verbs
from biosyn.settings.groups import Settings

# settings that name a path to write to, or none at all
WRITTEN = {"output", "output_dir", "cache_dir"}
RECORDS = [each for each in vars(verbs).values() if isinstance(each, type) and issubclass(each, Settings)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_setting_that_names_a_path_says_what_is_read_there(record):
    for field in dataclasses.fields(record):
        reads = field.metadata["reads"]
        assert reads in (*READS, "")
        if field.name.endswith(("path", "_dir")) or field.name in ("input", "document"):
            assert bool(reads) == (field.name not in WRITTEN), field.name


@pytest.fixture
def read(tmp_path):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "read.txt"
    path.write_text("ataxia\n")
    return path


@pytest.mark.parametrize("name", ["itself", "relative", "a symbolic link", "a hard link", "through a linked folder"])
def test_no_name_of_an_input_is_an_output(read, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path / "folder")
    os.symlink(tmp_path, tmp_path / "linked")
    os.symlink(read, tmp_path / "symbolic")
    os.link(read, tmp_path / "hard")
    output = {
        "itself": read,
        "relative": "../folder/../read.txt",
        "a symbolic link": tmp_path / "symbolic",
        "a hard link": tmp_path / "hard",
        "through a linked folder": tmp_path / "linked" / "read.txt",
    }[name]
    with pytest.raises(InputError, match=r"is the input too.* and would be overwritten: choose another --output"):
        Inputs([read]).require_apart([output], option="--output")


def test_other_files_are_outputs_whether_they_exist_or_not(read, tmp_path):
    (tmp_path / "old.txt").write_text("ataxia\n")
    Inputs([read, tmp_path / "missing"]).require_apart([tmp_path / "old.txt", tmp_path / "new.txt"])


def test_an_input_that_does_not_exist_is_not_an_output_either(tmp_path):
    with pytest.raises(InputError, match="is the input too"):
        Inputs([tmp_path / "missing"]).require_apart([tmp_path / "." / "missing"])


def in_place(path):
    path.write_text("anemia\n")


def by_rename(path):
    other = path.with_name("other")
    other.write_text("ataxia\n")
    other.replace(path)


def with_its_old_time(path):
    """Of the same length, and with the time stamp that it had."""
    status = path.stat()
    path.write_text("anemia\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [in_place, by_rename, with_its_old_time, os.unlink], ids=lambda each: each.__name__)
def test_a_change_is_noticed(read, caplog, change):
    inputs = Inputs([read])
    inputs.require_unchanged()
    change(read)
    with pytest.raises(InputError, match=r"read\.txt: has changed while it was used: start again"):
        inputs.require_unchanged()
    inputs.warn_of_changes()
    assert "read.txt: has changed during the run" in caplog.text
