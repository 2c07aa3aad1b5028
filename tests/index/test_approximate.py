import json
import multiprocessing
import shutil
import sys

import numpy as np
import pytest
import torch

from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.index import approximate, approximate_build
from biosyn.index.approximate import FILES, faiss_settings, open_ann
from biosyn.index.approximate_build import build_ann, open_or_mend_ann
from biosyn.index.build import open_or_build
from biosyn.index.cache import list_indexes, remove_index
from biosyn.index.faiss_index import FaissSettings
from biosyn.index.header import ann_folders, read_header, write_header
from biosyn.index.key import AnnKey, IndexKey, dictionary_sha256
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import SparseRows, Vectors

WORDS = ["ataxia", "anemia", "cancer", "breast", "familial", "acute", "type", "syndrome", "ovarian", "spinal"]
NAMES = [f"{WORDS[n % 10]} {WORDS[n // 10 % 10]} {WORDS[n // 100 % 10]} {n % 7}" for n in range(1000)]
TFIDF = SparseEncoder().fit(NAMES)
GRAPH, LISTS = FaissSettings("hnsw", 16, 40, 64), FaissSettings("ivf", 16, 5, 14)


def dense_of(names):
    """Vectors of one length, as a LayerNorm gives: 16 numbers that depend on the name alone."""
    rows = np.stack([np.random.default_rng(list(name.encode())).normal(size=16) for name in names])
    return (4 * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def embed(texts):
    """A query's dense half is that of the first name that has its letters, roughly: what is near is near."""
    dense = dense_of([NAMES[sum(text.encode()) % len(NAMES)] for text in texts])
    return Vectors(torch.from_numpy(dense), SparseRows.from_scipy(TFIDF.transform(texts)))


def build_index(cache_dir, names=NAMES):
    key = IndexKey("e", "s", 25, "float32", dictionary_sha256(names, names))
    return open_or_build(cache_dir, key, names=names, cuis=names, embed=dense_of, tfidf=TFIDF.transform)


def exact_search(names, weight):
    return lambda mentions, topk: top_names(mentions, names, topk=topk, sparse_weight=weight)


def build(index, weight=4.0, settings=GRAPH):
    return build_ann(index, sparse_weight=weight, embed=embed, memory=50, settings=settings)


def opened(index, weight=4.0):
    names = index.vectors()
    return open_ann(index, names, sparse_weight=weight, exact=exact_search(names, weight))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_index(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def fresh(index, tmp_path):
    """An index of its own, without approximate ones."""
    shutil.copytree(index.folder, tmp_path / index.folder.name, ignore=shutil.ignore_patterns("ann-*"))
    return type(index).open(tmp_path / index.folder.name)


@pytest.mark.parametrize("settings", [GRAPH, LISTS])
@pytest.mark.parametrize("weight", [4.0, 0.0, -0.5, 40.0])
def test_it_finds_what_the_exact_search_does_and_scores_it_exactly(fresh, weight, settings):
    header = build(fresh, weight, settings)
    search, mentions = opened(fresh, weight), embed(NAMES[::9])
    found = search.search(mentions, 5)
    expected = exact_search(fresh.vectors(), weight)(mentions, 5)
    same = found.rows == expected.rows
    assert same.float().mean() > 0.9
    assert torch.allclose(found.scores[same], expected.scores[same], rtol=1e-5, atol=1e-5)
    assert (found.scores.diff(dim=1) <= 0).all()
    assert header.measured["recall@1"] > 0.9
    assert header.measured["queries"] == 500
    assert header.measured["ms_a_query"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [GRAPH, LISTS])
def test_a_forked_process_searches_after_its_parent_has(fresh, settings):
    build(fresh, settings=settings)
    search, mentions = opened(fresh), embed(NAMES)
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # FAISS takes as many
    try:
        expected = search.search(mentions, 5).rows
        forking = multiprocessing.get_context("fork")
        same = forking.Value("b", False)

        def look_in_child():
            same.value = torch.equal(search.search(mentions, 5).rows, expected)

        process = forking.Process(target=look_in_child)
        process.start()
        process.join(timeout=60)
        process.kill()
    finally:
        torch.set_num_threads(before)
    assert same.value


def test_its_recall_is_that_of_its_own_search(fresh, monkeypatch):
    """With every list read, and every name a candidate, nothing is missed."""
    monkeypatch.setattr(approximate_build, "QUERIES", 40)
    monkeypatch.setitem(approximate_build.CANDIDATES, "ivf", len(NAMES))
    measured = build(fresh, settings=FaissSettings("ivf", 4, 5, 4)).measured
    assert (measured["queries"], measured["recall@1"], measured["recall@20"]) == (40, 1.0, 1.0)


def test_ties_go_by_row(tmp_path):
    names = [f"{name}" for name in ["ataxia", "anemia", "cancer"] * 20]
    index = build_index(tmp_path, names)
    build(index)
    found = opened(index).search(embed(["ataxia"]), 6)
    best = found.scores[0, :6] == found.scores[0, 0]
    rows = found.rows[0][best]
    assert (rows.diff() > 0).all()


def test_what_it_cannot_find_enough_of_is_searched_exactly(fresh, monkeypatch):
    build(fresh, settings=FaissSettings("ivf", 200, 5, 1))  # one list of five names
    search, mentions = opened(fresh), embed(NAMES[:30])
    found, expected = search.search(mentions, 50), exact_search(fresh.vectors(), 4.0)(mentions, 50)
    assert torch.equal(found.rows, expected.rows)
    monkeypatch.setattr(approximate, "DEEPEST", 10)  # deeper than it ever looks
    assert torch.equal(search.search(mentions, 11).rows, expected.rows[:, :11])
    assert search.search(mentions.slice(0, 0), 3).rows.shape == (0, 3)


def test_it_works_on_streamed_vectors(fresh):
    build(fresh)
    names = fresh.vectors(streamed_above=0)
    streamed = open_ann(fresh, names, sparse_weight=4.0, exact=exact_search(names, 4.0))
    found, expected = (search.search(embed(NAMES[:9]), 5) for search in (streamed, opened(fresh)))
    assert torch.equal(found.rows, expected.rows)


def test_it_belongs_to_one_model_dictionary_and_weight(fresh, tmp_path):
    build(fresh)
    with pytest.raises(InputError, match="biosyn index build --ann"):
        opened(fresh, 4.5)
    other = build_index(tmp_path, NAMES[:500])
    shutil.copytree(ann_folders(fresh.folder)[0], other.folder / ann_folders(fresh.folder)[0].name)
    with pytest.raises(InputError, match="biosyn index build --ann"):
        opened(other)
    build(fresh, 4.5)
    assert len(ann_folders(fresh.folder)) == 2
    assert opened(fresh, 4.5).key.sparse_weight == 4.5
    assert opened(fresh).key.sparse_weight == 4.0


def test_it_is_built_once(fresh, monkeypatch):
    header = build(fresh)
    monkeypatch.setattr(approximate_build, "_build", None)
    assert build(fresh) == header


def test_what_a_builder_that_died_left_is_removed(fresh):
    (fresh.folder / ".ann-0.partial-5e1f00d1").mkdir()
    build(fresh)
    assert not list(fresh.folder.glob(".ann*"))


def test_a_build_that_fails_leaves_nothing(fresh, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(approximate_build.FaissIndex, "save", fail)
    with pytest.raises(InputError, match="No space left"):
        build(fresh)
    assert not list(fresh.folder.glob("*ann*"))


@pytest.mark.parametrize("name", ["names.faiss", "projection.npy"])
def test_a_damaged_file_never_reaches_faiss(fresh, name, monkeypatch):
    build(fresh)
    path = ann_folders(fresh.folder)[0] / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    monkeypatch.setattr(approximate.FaissIndex, "load", None)
    with pytest.raises(InputError, match=f"{name}.*damaged"):
        opened(fresh)


@pytest.mark.parametrize("damage", ["version", "content", "key", "missing"])
def test_a_damaged_header_is_named(fresh, damage):
    build(fresh)
    folder = ann_folders(fresh.folder)[0]
    values = json.loads((folder / "header.json").read_text())
    if damage == "version":
        (folder / "header.json").write_text(json.dumps({**values, "format_version": 0}))
    elif damage == "content":
        (folder / "header.json").write_text(json.dumps({**values, "counts": {"names": 1, "width": 2}}))
    elif damage == "key":
        folder = folder.rename(folder.with_name("ann-0"))
    else:
        (folder / "header.json").unlink()
    with pytest.raises(InputError, match=folder.name):
        opened(fresh)


@pytest.mark.parametrize("name", ["header.json", "names.faiss"])
def test_a_damaged_one_is_built_again(fresh, name, caplog):
    header = build(fresh)
    (ann_folders(fresh.folder)[0] / name).write_text("{}")
    assert build(fresh).key == header.key
    assert name in caplog.text
    opened(fresh)


@pytest.mark.parametrize("name", ["header.json", "names.faiss", "projection.npy"])
def test_a_flipped_bit_is_mended_when_it_is_opened(fresh, name, caplog):
    build_ann(fresh, sparse_weight=4.0, embed=embed, memory=50)
    names = fresh.vectors()
    path = ann_folders(fresh.folder)[0] / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 4
    path.write_bytes(raw)
    search = open_or_mend_ann(fresh, names, sparse_weight=4.0, exact=exact_search(names, 4.0), embed=embed, memory=50)
    assert search.search(embed(NAMES[:3]), 2).rows.shape == (3, 2)
    (line,) = [line for line in caplog.messages if "it is built again" in line]
    assert name in line
    assert read_header(ann_folders(fresh.folder)[0], AnnKey).verify(ann_folders(fresh.folder)[0]) is None


def test_a_damaged_one_does_not_hide_another(fresh):
    build(fresh)
    (fresh.folder / "ann-0").mkdir()
    assert opened(fresh).key.sparse_weight == 4.0


def test_another_index_under_a_true_sha256_is_refused(fresh, monkeypatch):
    """Not damage, but a header that somebody wrote: its numbers are compared with what FAISS read."""
    build(fresh)
    folder = ann_folders(fresh.folder)[0]
    header = read_header(folder, AnnKey)
    write_header(folder, header.key, {**header.counts, "names": 999}, FILES, measured=header.measured)
    with pytest.raises(InputError, match="holds 1000 vectors"):
        opened(fresh)


def test_without_the_package_the_command_to_type_is_told(fresh, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InputError, match=r"biosyn\[ann\]"):
        build(fresh)


def test_an_index_in_memory_has_none(tmp_path):
    (tmp_path / "file").write_text("")
    index = build_index(tmp_path / "file" / "cache", NAMES[:9])
    with pytest.raises(InputError, match="--cache_dir"):
        build(index)
    with pytest.raises(InputError, match="no approximate index"):
        opened(index)


def test_it_is_listed_and_removed_with_its_dictionary(fresh):
    build(fresh)
    cache_dir = fresh.folder.parent
    (entry,) = list_indexes(cache_dir)
    assert entry.n_bytes == sum(path.stat().st_size for path in fresh.folder.rglob("*") if path.is_file())
    fresh.verify()
    remove_index(cache_dir)
    assert list_indexes(cache_dir) == []


def test_the_size_decides():
    assert faiss_settings(1_000_000).effort < faiss_settings(1_000_001).effort
    assert faiss_settings(4_000_000).kind == "hnsw"
    assert faiss_settings(4_000_001).kind == "ivf"
