import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from biosyn.errors import InputError
from biosyn.index.cache import default_cache_dir, list_indexes, locked, remove_index, verify_indexes


def test_the_default_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOSYN_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("BIOSYN_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_dir() == tmp_path / "xdg" / "biosyn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == tmp_path / ".cache" / "biosyn"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_cache_dir() == tmp_path / "Library" / "Caches" / "biosyn"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert default_cache_dir() == tmp_path / "local" / "biosyn"


def test_indexes_are_listed_verified_and_removed(tmp_path, build):
    first, second = build(tmp_path), build(tmp_path, encoder="other", precision="float16")
    assert verify_indexes(tmp_path) == sorted([first.folder.name, second.folder.name])
    os.truncate(second.folder / "dense.npy", 100)
    (tmp_path / "something else").mkdir()
    found = {entry.key: entry for entry in list_indexes(tmp_path)}
    assert found.keys() == {first.folder.name, second.folder.name}
    entry = found[first.folder.name]
    assert (entry.n_names, entry.precision, entry.problem) == (6, "float32", None)
    assert entry.n_bytes == sum(path.stat().st_size for path in first.folder.iterdir())
    assert "damaged" in found[second.folder.name].problem
    assert verify_indexes(tmp_path, first.folder.name[:12]) == [first.folder.name]
    with pytest.raises(InputError, match=r"dense\.npy"):
        verify_indexes(tmp_path)
    with pytest.raises(InputError, match="the key is empty"):
        remove_index(tmp_path, "")
    with pytest.raises(InputError, match="no index"):
        remove_index(tmp_path, "zz")
    assert remove_index(tmp_path, second.folder.name[:12]) == [second.folder.name]
    assert [entry.key for entry in list_indexes(tmp_path)] == [first.folder.name]
    assert remove_index(tmp_path) == [first.folder.name]
    assert list_indexes(tmp_path) == []
    assert (tmp_path / "something else").is_dir()
    assert list_indexes(tmp_path / "nowhere") == remove_index(tmp_path / "nowhere") == []


def test_an_index_of_an_older_version_is_listed_and_removed(tmp_path):
    folder = tmp_path / "0123456789abcdef0123456789abcdef"
    folder.mkdir()
    (folder / "dense.npy").write_bytes(bytes(1000))
    (folder / "header.json").write_text(json.dumps({"format": "biosyn dictionary index", "format_version": 1}))
    (entry,) = list_indexes(tmp_path)
    assert (entry.key, entry.n_bytes > 1000, entry.n_names) == (folder.name, True, 0)
    assert "format_version is 1, this program reads 2" in entry.problem
    assert verify_indexes(tmp_path) == []  # it is not damaged
    with pytest.raises(InputError, match="this program reads 2"):
        verify_indexes(tmp_path, "0123")
    assert remove_index(tmp_path, "0123") == [folder.name]
    assert list_indexes(tmp_path) == []


def test_an_index_that_is_being_built_is_not_removed(tmp_path, built):
    with locked(tmp_path, built.folder.name), pytest.raises(InputError, match="being built"):
        remove_index(tmp_path)
    assert remove_index(tmp_path) == [built.folder.name]


def test_listing_needs_neither_torch_nor_scipy_nor_faiss(built):
    program = """
import sys
from biosyn.index.cache import list_indexes
entry, = list_indexes(sys.argv[1])
heavy = {"torch", "scipy", "sklearn", "faiss", "biosyn.data"} & set(sys.modules)
sys.exit(f"imported: {sorted(heavy)}" if heavy else 0)
"""
    command = [sys.executable, "-c", program, str(built.folder.parent)]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("chosen", [None, "~nobody-of-this-name/cache", "  "])
def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch, chosen):
    # as in a container that runs under a number that no list of users has
    monkeypatch.delenv("BIOSYN_CACHE", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if chosen is not None:
        monkeypatch.setenv("BIOSYN_CACHE", chosen)
    with pytest.raises(InputError, match="name a folder"):
        default_cache_dir()
