"""What others have put into a shared cache stops nobody: it is passed over, and listed with the reason."""

import contextlib
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from biosyn.errors import InputError
from biosyn.index.cache import list_indexes, remove_index, verify_indexes
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.model.embedded_dictionary import open_dictionary

FOREIGN = "f" * 32
NOBODY = 65534


@pytest.fixture
def shared(tmp_path, build):
    """A cache folder that everybody can write to, in a folder that everybody can reach."""
    build(tmp_path / "warm")  # what is imported late is imported by now: nobody may not be allowed to
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o755)
    (parent / "cache").mkdir()
    (parent / "cache").chmod(0o777)
    yield parent / "cache"
    for path in parent.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(parent)


@contextlib.contextmanager
def unprivileged():
    """As a user whom mode bits bind: root is nobody meanwhile."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def no_folder_mode(path):
    path.mkdir()
    (path / "header.json").write_text("{}")
    path.chmod(0)


def no_header_mode(path):
    path.mkdir()
    (path / "header.json").write_text("{}")
    (path / "header.json").chmod(0)


def listed_but_not_entered(path):
    path.mkdir()
    (path / "header.json").write_text("{}")
    path.chmod(0o444)


def header_is_a_folder(path):
    (path / "header.json").mkdir(parents=True)


def header_is_a_pipe(path):
    path.mkdir()
    os.mkfifo(path / "header.json")


def link_behind_a_closed_folder(path):
    closed = path.parent.parent / "closed"
    (closed / "index").mkdir(parents=True)
    path.symlink_to(closed / "index")
    closed.chmod(0)


FOREIGNERS = {
    "folder of mode 000": (no_folder_mode, "Permission denied"),
    "header of mode 000": (no_header_mode, "Permission denied"),
    "folder of mode 444": (listed_but_not_entered, "Permission denied"),
    "link behind a closed folder": (link_behind_a_closed_folder, "Permission denied"),
    "link to nowhere": (lambda path: path.symlink_to("nowhere"), "is a link to nowhere, which is not there"),
    "link to itself": (lambda path: path.symlink_to(path), "is a link to"),
    "file": (lambda path: path.write_text("notes"), "is not a folder"),
    "pipe": (os.mkfifo, "is not a folder"),
    "empty folder": (lambda path: path.mkdir(), "header.json: cannot be read"),
    "header that is a folder": (header_is_a_folder, "header.json: cannot be read"),
    "header that is a pipe": (header_is_a_pipe, "header.json: cannot be read: Not a regular file"),
}


@pytest.fixture(params=FOREIGNERS)
def foreign(shared, request):
    """Puts something into the cache that has the name of an index; gives what is said about it."""
    make, said = FOREIGNERS[request.param]
    make(shared / FOREIGN)
    return said


def test_it_stops_nobody_and_is_listed(shared, foreign, build):
    dictionary = shared.parent / "dictionary.txt"
    dictionary.write_text("D1||ataxia\n")
    with unprivileged():
        index = build(shared)
        assert index.folder.parent == shared
        found = {entry.key: entry for entry in list_indexes(shared)}
        assert found.keys() == {FOREIGN, index.folder.name}
        assert foreign in found[FOREIGN].problem
        assert str(shared / FOREIGN) in found[FOREIGN].problem
        assert found[index.folder.name].problem is None
        assert verify_indexes(shared, index.folder.name) == [index.folder.name]
        assert len(open_dictionary(dictionary, cache_dir=shared)) == 1


def test_in_the_place_of_the_index_itself_it_is_replaced_or_passed_over(shared, build, foreign, embed, caplog):
    folder = build(shared).folder
    shutil.rmtree(folder)
    (shared / FOREIGN).rename(folder)
    stays = foreign == "Permission denied" or (folder.is_dir() and not folder.is_symlink())  # another's folder
    with unprivileged(), caplog.at_level(logging.WARNING):
        index = build(shared, embed=embed)
        assert len(embed.asked) == 5
        index.verify()
        assert len(index) == 6
        assert (index.folder is None) == stays
    (line,) = caplog.messages
    assert str(folder) in line
    assert ("without a cache" if stays else "it is built again") in caplog.text
    if not stays:
        DictionaryIndex.open(folder).verify()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")
def test_removing_all_goes_past_what_cannot_be_removed(shared, build, caplog):
    mine = build(shared).folder
    other = shared / ("0" * 32)
    other.mkdir()
    shared.chmod(0o1777)  # as /tmp: only the owner of a name may remove it
    for path in (mine, *mine.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    with unprivileged(), pytest.raises(InputError, match=f"{other}: cannot be removed: Operation not permitted"):
        remove_index(shared)
    assert other.is_dir()
    assert not mine.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")
def test_a_damaged_index_that_cannot_be_removed_is_one_warning(shared, build, embed, caplog):
    folder = build(shared).folder
    (folder / "header.json").write_text("{}")
    shared.chmod(0o1777)
    with unprivileged(), caplog.at_level(logging.WARNING):
        assert build(shared, embed=embed).folder is None
    assert len(caplog.messages) == 1
    assert "without a cache" in caplog.text


def test_of_all_indexes_those_that_must_not_be_read_are_left_out_of_the_comparison(shared, build, caplog):
    mine = build(shared).folder.name
    no_folder_mode(shared / FOREIGN)
    with unprivileged():
        assert verify_indexes(shared) == [mine]
        with pytest.raises(InputError, match="Permission denied"):
            verify_indexes(shared, FOREIGN)
    assert "Permission denied" in caplog.text


def test_a_cache_that_must_not_be_listed_is_named(shared):
    shared.chmod(0)
    with unprivileged(), pytest.raises(InputError, match="cannot be listed: Permission denied"):
        list_indexes(shared)


def test_a_header_with_a_number_that_is_none_is_damaged(build, tmp_path):
    folder = build(tmp_path).folder
    header = json.loads((folder / "header.json").read_text())
    (folder / "header.json").write_text(json.dumps({**header, "measured": {"recall@1": float("nan")}}))
    with pytest.raises(InputError, match=r"header\.json: is not valid JSON"):
        DictionaryIndex.open(folder)
