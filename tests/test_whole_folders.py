import os

import pytest

from biosyn.writing import discard, remove_leftovers, staged_folder, sync, whole_folder


def test_the_folder_appears_at_the_end_of_the_block(tmp_path):
    target = tmp_path / "made" / "target"
    with whole_folder(target) as stage:
        (stage / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    assert (target / "a").read_text() == "1"


def test_after_an_error_nothing_is_there(tmp_path):
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "target") as stage:
        (stage / "missing" / "a").write_text("1")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_not_replaced(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "old").write_text("1")
    with pytest.raises(OSError, match="target"), whole_folder(tmp_path / "target") as stage:
        (stage / "new").write_text("2")
    assert [path.name for path in tmp_path.rglob("*")] == ["target", "old"]


def test_its_files_are_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order, rename = [], os.rename
    monkeypatch.setattr("biosyn.writing.sync", lambda path: order.append(("sync", path.name)))
    monkeypatch.setattr(
        "os.rename", lambda source, target: order.append(("rename", target.name)) or rename(source, target)
    )
    with whole_folder(tmp_path / "target") as stage:
        (stage / "a").mkdir()
        (stage / "a" / "b").write_text("1")
    assert order == [("sync", "a"), ("sync", "b"), ("sync", "target"), ("rename", "target"), ("sync", tmp_path.name)]


def test_it_is_as_readable_to_others_as_any_folder(tmp_path):
    with whole_folder(tmp_path / "target"):
        pass
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_discarded_folder_loses_its_name_first(tmp_path, monkeypatch):
    (tmp_path / "target").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda path, **settings: None)  # as if it were killed here
        discard(tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert len(list(tmp_path.iterdir())) == 1
    remove_leftovers(tmp_path, "target")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_of_any_kind_is_removed(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda path, **settings: None)
        with staged_folder(tmp_path) as stage:
            (stage / "file").write_text("1")
        with pytest.raises(KeyError), whole_folder(tmp_path / "target"):
            raise KeyError
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_removed_by_name(tmp_path):
    for name in (".a.partial-5e1f00d1", ".b.partial-5e1f00d2", "a", ".a"):
        (tmp_path / name).mkdir()
    remove_leftovers(tmp_path, "a")
    assert {path.name for path in tmp_path.iterdir()} == {".b.partial-5e1f00d2", "a", ".a"}
    remove_leftovers(tmp_path / "missing")


def test_files_and_folders_can_be_synced(tmp_path):
    (tmp_path / "a").write_text("1")
    for path in (tmp_path / "a", tmp_path):
        sync(path)
    with pytest.raises(OSError, match="missing"):
        sync(tmp_path / "missing")
