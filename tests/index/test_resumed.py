"""A build of an index that is killed, stopped or out of disk is resumed, and ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.index import build as build_module
from biosyn.index.build import open_or_build
from biosyn.index.cache import list_indexes, list_unfinished, remove_index
from biosyn.index.key import IndexKey, dictionary_sha256

NAMES = [f"ataxia {number % 50}é" for number in range(60)]  # ten of them come twice
CUIS = [f"D{number}" for number in range(60)]
TFIDF = SparseEncoder().fit(NAMES)


class Embed:
    """A vector that depends on the name and on its block, as the last bits of an encoder's do; may fail."""

    def __init__(self, fail_at=None, error=KeyboardInterrupt):
        self.asked, self.fail_at, self.error = [], fail_at, error

    def __call__(self, names):
        if len(self.asked) == self.fail_at:
            raise self.error
        self.asked.append(list(names))
        rows = [np.random.default_rng(list((name + names[0]).encode())).normal(size=4) for name in names]
        return np.stack(rows).astype(np.float32)


def build(cache_dir, embed, names=NAMES, **parts):
    key = replace(IndexKey("encoder", "tfidf", 25, "float32", ""), **parts)
    key = replace(key, dictionary=dictionary_sha256(names, CUIS[: len(names)]))
    return open_or_build(
        cache_dir, key, names=names, cuis=CUIS[: len(names)], embed=embed, tfidf=TFIDF.transform, embed_block=7
    )


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def hidden_folders(cache_dir):
    return [path for path in Path(cache_dir).iterdir() if path.name.startswith(".")]


@pytest.fixture
def whole(tmp_path):
    """The uninterrupted build: its files, and the blocks that were asked for (50 names by 7: 8 blocks)."""
    embed = Embed()
    return content(build(tmp_path / "whole", embed).folder), embed.asked


@pytest.mark.parametrize(
    ("fail_at", "error"),
    [(0, KeyboardInterrupt), (1, RuntimeError("out of memory")), (4, KeyboardInterrupt), (7, RuntimeError("no"))],
)
def test_a_stopped_build_is_resumed_to_the_same_bytes(tmp_path, whole, fail_at, error):
    first, second = Embed(fail_at, error), Embed()
    with pytest.raises(type(error) if isinstance(error, RuntimeError) else error):
        build(tmp_path / "cache", first)
    assert list_indexes(tmp_path / "cache") == []
    index = build(tmp_path / "cache", second)
    assert first.asked + second.asked == whole[1]  # no block twice
    assert content(index.folder) == whole[0]
    assert hidden_folders(tmp_path / "cache") == []


def test_vectors_of_another_index_are_taken_once(tmp_path):
    for cache_dir in (tmp_path / "whole", tmp_path / "cache"):
        build(cache_dir, Embed(), NAMES[:20])
    whole = build(tmp_path / "whole", Embed())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "cache", Embed(fail_at=2))
    build(
        tmp_path / "cache", Embed(), NAMES[:40]
    )  # shares more names, but the build that stopped had begun with the other
    embed = Embed()
    index = build(tmp_path / "cache", embed)
    assert sum(map(len, embed.asked)) == 50 - 20 - 14
    assert content(index.folder) == content(whole.folder)


def test_without_the_index_that_vectors_came_from_it_begins_again(tmp_path):
    known = build(tmp_path, Embed(), NAMES[:20])
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, Embed(fail_at=2))
    remove_index(tmp_path, known.folder.name)
    embed = Embed()
    build(tmp_path, embed).verify()
    assert sum(map(len, embed.asked)) == 50


@pytest.mark.parametrize("change", ["block", "library", "progress", "array"])
def test_what_cannot_be_resumed_is_begun_again(tmp_path, whole, change, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "cache", Embed(fail_at=3))
    (stage,) = hidden_folders(tmp_path / "cache")
    progress = json.loads((stage / "progress.json").read_text())
    if change == "array":
        os.truncate(stage / "dense.npy", 200)
    elif change == "progress":
        (stage / "progress.json").write_text('{"done": 3}')
    else:
        other = {"block": 8} if change == "block" else {"libraries": {**progress["libraries"], "torch": "0"}}
        (stage / "progress.json").write_text(json.dumps({**progress, **other}))
    embed = Embed()
    assert content(build(tmp_path / "cache", embed).folder) == whole[0]
    assert embed.asked == whole[1]


@pytest.mark.parametrize("digits", [None, 8], ids=["all", "by key"])
def test_what_is_left_of_a_build_is_removed(tmp_path, digits):
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, Embed(fail_at=3))
    (stage,) = hidden_folders(tmp_path)
    (n_bytes,) = list_unfinished(tmp_path).values()
    assert n_bytes == sum(path.stat().st_size for path in stage.iterdir())
    key = stage.name[1:].removesuffix(".building")
    assert remove_index(tmp_path, digits and key[:digits]) == [key]
    assert list_unfinished(tmp_path) == list_unfinished(tmp_path / "nowhere") == {}
    assert hidden_folders(tmp_path) == []


@pytest.mark.parametrize("where", ["dense.npy", "progress.json"])
def test_a_full_disk_is_one_line_and_what_is_done_stays(tmp_path, monkeypatch, whole, where):
    monkeypatch.setattr(build_module, "TEMPORARY_NAMES", 10)

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if where == "dense.npy":
            patched.setattr(build_module, "allocate", full)
        else:
            real, calls = build_module.write_json, []
            patched.setattr(
                build_module,
                "write_json",
                lambda *args: calls.append(args) or (full() if len(calls) == 3 else real(*args)),
            )
        with pytest.raises(InputError, match="No space left on device.*cache_dir") as caught:
            build(tmp_path / "cache", Embed())
    assert "\n" not in str(caught.value)
    embed = Embed()
    assert content(build(tmp_path / "cache", embed).folder) == whole[0]
    assert len(embed.asked) == (8 if where == "dense.npy" else 6)


KILLED = """
import os, runpy, signal, sys
tests = runpy.run_path(sys.argv[1])
class Embed(tests["Embed"]):
    def __call__(self, names):
        if len(self.asked) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(names)
tests["build"](sys.argv[2], Embed())
"""


def run_until_killed(program, *arguments):
    command = [sys.executable, "-c", program, __file__, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    assert subprocess.run(command, env=environment, timeout=300).returncode == -signal.SIGKILL


def test_a_killed_build_is_resumed_to_the_same_bytes(tmp_path, whole):
    run_until_killed(KILLED, tmp_path / "cache", 3)
    assert list_indexes(tmp_path / "cache") == []
    assert len(hidden_folders(tmp_path / "cache")) == 1
    embed = Embed()
    assert content(build(tmp_path / "cache", embed).folder) == whole[0]
    assert embed.asked == whole[1][3:]
    assert hidden_folders(tmp_path / "cache") == []


KILLED_MODEL = """
import os, runpy, signal, sys
from biosyn.encoders.dense import DenseEncoder
real, calls = DenseEncoder.encode, []
def encode(self, *arguments, **settings):
    calls.append(1)
    if len(calls) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *arguments, **settings)
DenseEncoder.encode = encode
runpy.run_path(sys.argv[1])["build_by_model"](sys.argv[2], sys.argv[3])
"""


def build_by_model(checkpoint, cache_dir):
    from biosyn.model import embedded_dictionary
    from biosyn.model.biosyn import BioSyn

    embedded_dictionary.open_or_build = partial(open_or_build, embed_block=7)
    try:
        names = [f"{name} {'syndrome ' * (row % 3)}" for row, name in enumerate(NAMES)]  # of several lengths
        dictionary = DictionaryDataset.of_texts(Path("names.txt"), names, CUIS)
        return BioSyn.from_pretrained(checkpoint).index(dictionary, cache_dir=cache_dir)
    finally:
        embedded_dictionary.open_or_build = open_or_build


@pytest.mark.slow
def test_a_real_encoder_killed_twice_gives_the_same_bytes(tmp_path, tiny_checkpoint):
    for call in (3, 2):  # two blocks are done, and then one more
        run_until_killed(KILLED_MODEL, tiny_checkpoint, tmp_path / "cache", call)
    (stage,) = hidden_folders(tmp_path / "cache")
    assert json.loads((stage / "progress.json").read_text())["done"] == 3 * 7
    index = build_by_model(tiny_checkpoint, tmp_path / "cache")
    assert content(index.folder) == content(build_by_model(tiny_checkpoint, tmp_path / "whole").folder)
