import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from biosyn.checkpoint.files import encoder_sha256, file_hashes, tokenizer_sha256
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.index import build as dense_build
from biosyn.index import build as index_writing
from biosyn.index import cache as index_cache
from biosyn.index import dictionary_index as index_module
from biosyn.index import key as index_files
from biosyn.index.build import open_or_build
from biosyn.index.cache import default_cache_dir, list_indexes, remove_index
from biosyn.index.dictionary_index import ARRAYS, DictionaryIndex
from biosyn.index.key import IndexKey, dictionary_sha256, tfidf_sha256
from biosyn.records import Name

NAMES = ["ataxia", "maladie de Ménière", "脊髄小脳変性症", "ataxia", "anemia", "ß-thalassemia"]  # one comes twice
CUIS = ["D001259", "D008575", "D013132", "D002524", "D000740|D000741", "D017086"]
TFIDF = SparseEncoder().fit(NAMES)


def vector_of(name):
    """H = 4 numbers that depend on the name alone."""
    return np.random.default_rng(list(name.encode())).normal(size=4).astype(np.float32)


class Embed:
    """Counts what it is asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, names):
        self.asked.extend(names)
        return np.stack([vector_of(name) for name in names])


def key_of(names=NAMES, cuis=CUIS, **parts):
    key = IndexKey("encoder", "tokenizer", "tfidf", 25, "float32", dictionary_sha256(names, cuis))
    return replace(key, **parts)


def build(cache_dir, names=NAMES, cuis=CUIS, *, embed=None, embed_block=2, **parts):
    return open_or_build(
        cache_dir,
        key_of(names, cuis, **parts),
        names=names,
        cuis=cuis,
        embed=embed or Embed(),
        tfidf=TFIDF.transform,
        embed_block=embed_block,
    )


def flip(path, place=-1):
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def partials(cache_dir):
    return [path for path in Path(cache_dir).iterdir() if path.name.startswith(".")]


@pytest.fixture
def built(tmp_path):
    return build(tmp_path)


# -- round trip


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("opened", [False, True])
def test_what_went_in_comes_out(tmp_path, precision, opened):
    index = build(tmp_path, precision=precision)
    if opened:
        index = DictionaryIndex.open(index.folder)
    expected = np.stack([vector_of(name) for name in NAMES]).astype(precision)  # (N, H)
    assert list(index) == list(map(Name, NAMES, CUIS))
    assert index[1] == ("maladie de Ménière", "D008575")
    assert (index.name(2), index.cui(4), len(index)) == ("脊髄小脳変性症", "D000740|D000741", 6)
    assert index.dense.dtype == precision
    assert np.array_equal(index.dense, expected)
    assert (index.sparse != TFIDF.transform(NAMES)).nnz == 0
    vectors = index.vectors("cpu")
    assert vectors.dense.dtype == getattr(torch, precision)
    assert np.array_equal(vectors.dense.numpy(), expected.astype(np.float32))
    assert np.array_equal(vectors.sparse.matrix().to_dense().numpy(), TFIDF.transform(NAMES).toarray())
    index.verify()


def test_the_halves_that_a_score_needs(built):
    assert [built.vectors(score_mode=mode).score_mode for mode in ("hybrid", "dense", "sparse")] == [
        "hybrid",
        "dense",
        "sparse",
    ]


def test_vectors_are_the_mapped_file_without_a_copy_or_a_warning(built):
    index = DictionaryIndex.open(built.folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vectors = index.vectors()
    assert np.shares_memory(vectors.dense.numpy(), index.dense)
    assert np.shares_memory(index.sparse.data, vectors.sparse.values.numpy())
    vectors.dense[0] = 7  # private to this process
    DictionaryIndex.open(built.folder).verify()


def test_a_row_that_is_not_there(built):
    for row in (-1, 6):
        with pytest.raises(IndexError):
            built.name(row)


def test_names_without_a_known_ngram(tmp_path):
    index = build(tmp_path, ["ζ"], ["D1"])
    assert index.sparse.shape == (1, len(TFIDF.vocabulary))
    assert index.vectors().sparse.matrix().to_dense().count_nonzero() == 0


def test_many_names_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(index_writing, "TEXT_BLOCK", 7)
    monkeypatch.setattr(index_files, "TEXT_BLOCK", 7)
    monkeypatch.setattr(dense_build, "COPY_BLOCK", 5)
    names = [f"ataxia {number % 40}é" for number in range(100)]
    cuis = [f"D{number}" for number in range(100)]
    embed = Embed()
    index = build(tmp_path, names, cuis, embed=embed, embed_block=9, precision="float16")
    assert embed.asked == list(dict.fromkeys(names))  # each once, in the dictionary's order
    assert list(index) == list(map(Name, names, cuis))
    assert np.array_equal(index.vectors().dense.numpy(), np.float16([vector_of(name) for name in names]))
    assert (index.sparse != TFIDF.transform(names)).nnz == 0


def test_no_array_is_a_pickle(tmp_path, built):
    with pytest.raises(ValueError, match="pickle|Object arrays"):
        np.load(_with_object_array(tmp_path), allow_pickle=False)
    for name in ARRAYS:
        np.load(built.folder / name, allow_pickle=False)


def _with_object_array(folder):
    np.save(folder / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    return folder / "object.npy"


# -- the key


@pytest.mark.parametrize(
    "part",
    [
        {"encoder": "x"},
        {"tokenizer": "x"},
        {"tfidf": "x"},
        {"max_length": 24},
        {"precision": "float16"},
        {"dictionary": "x"},
        {"compute": "bfloat16"},
        {"pooling": "mean cosine"},
    ],
)
def test_each_part_changes_the_key(part):
    assert key_of(**part).digest() != key_of().digest()


def test_the_format_version_changes_the_key(monkeypatch):
    before = key_of().digest()
    monkeypatch.setattr(index_files, "FORMAT_VERSION", 99)
    assert key_of().digest() != before


@pytest.mark.parametrize(
    ("names", "cuis"),
    [
        (NAMES[::-1], CUIS),
        (NAMES, CUIS[::-1]),
        (NAMES[:-1], CUIS[:-1]),
        (["ataxiam", "aladie de Ménière", *NAMES[2:]], CUIS),
    ],
)
def test_names_ids_and_their_order_change_the_dictionary(names, cuis):
    assert dictionary_sha256(names, cuis) != dictionary_sha256(NAMES, CUIS)


def test_the_tfidf_hash_does_not_depend_on_the_order_of_the_ngrams():
    idf = np.array([1.0, 2.0])
    assert tfidf_sha256({"a": 0, "b": 1}, idf) == tfidf_sha256({"b": 1, "a": 0}, idf)
    assert tfidf_sha256({"a": 0, "b": 1}, idf) != tfidf_sha256({"a": 1, "b": 0}, idf)
    assert tfidf_sha256({"a": 0, "b": 1}, idf) != tfidf_sha256({"a": 0, "b": 1}, idf + 1e-15)


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="bfloat16"):
        key_of(precision="bfloat16")


def test_a_key_of_another_dictionary_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not the hash"):
        build(tmp_path, dictionary="x")


# -- damage


def test_a_damaged_header_is_named(built):
    header = built.folder / "header.json"
    for text in ("", "{", "[]", "{}", header.read_text().replace('"hidden": 4', '"hidden": 5'), "{" * 100_000):
        header.write_text(text)
        with pytest.raises(InputError, match=r"header\.json"):
            DictionaryIndex.open(built.folder)


def test_an_index_of_another_format_is_named(built):
    header = built.folder / "header.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "format_version": 2}))
    with pytest.raises(InputError, match="format_version is 2"):
        DictionaryIndex.open(built.folder)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_truncated_array_is_named(built, name):
    os.truncate(built.folder / name, (built.folder / name).stat().st_size - 1)
    with pytest.raises(InputError, match=rf"{name}.*damaged"):
        DictionaryIndex.open(built.folder)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_missing_array_is_named(built, name):
    (built.folder / name).unlink()
    with pytest.raises(InputError, match=name):
        DictionaryIndex.open(built.folder)


def test_swapped_arrays_are_found(built):
    first, second = built.folder / "names_offsets.npy", built.folder / "sparse_offsets.npy"  # of one size and type
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    with pytest.raises(InputError, match="offsets"):
        DictionaryIndex.open(built.folder)


def test_the_array_of_another_index_is_found_by_verify(tmp_path, built):
    other = build(tmp_path, encoder="other", embed=lambda names: np.ones((len(names), 4), dtype=np.float32))
    shutil.copyfile(other.folder / "dense.npy", built.folder / "dense.npy")
    with pytest.raises(InputError, match=r"dense\.npy.*block 0"):
        DictionaryIndex.open(built.folder).verify()


def test_an_array_of_another_type_or_a_pickle_is_named(built):
    path = built.folder / "dense.npy"
    size = path.stat().st_size
    for value in (b"\x93NUMPY", pickle.dumps([0] * 9), b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False"):
        path.write_bytes(value.ljust(size, b" ")[:size])
        with pytest.raises(InputError, match=r"dense\.npy.*damaged"):
            DictionaryIndex.open(built.folder)
    np.save(path, np.zeros((6, 4), dtype=np.int32))  # as many bytes
    with pytest.raises(InputError, match=r"dense\.npy.*int32"):
        DictionaryIndex.open(built.folder)


@pytest.mark.parametrize("name", ARRAYS)
def test_verify_finds_one_flipped_bit(built, name):
    flip(built.folder / name)
    with pytest.raises(InputError, match=name):
        DictionaryIndex.open(built.folder).verify()


def test_verify_names_the_block(built, monkeypatch, tmp_path):
    monkeypatch.setattr(index_files, "CHECKSUM_BLOCK", 64)
    monkeypatch.setattr(index_module, "CHECKSUM_BLOCK", 64)
    index = build(tmp_path, encoder="other")
    flip(index.folder / "dense.npy", 130)
    with pytest.raises(InputError, match=r"block 2 \(bytes 128 to 191\)"):
        index.verify()


def test_a_foreign_folder_is_named(tmp_path, built):
    with pytest.raises(InputError, match="no dictionary index"):
        DictionaryIndex.open(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        DictionaryIndex.open(tmp_path / "nowhere")
    built.folder.rename(tmp_path / ("0" * 32))
    with pytest.raises(InputError, match="not the index of its key"):
        DictionaryIndex.open(tmp_path / ("0" * 32))


def test_a_column_outside_the_vocabulary_never_reaches_torch(built):
    flip(built.folder / "sparse_columns.npy")  # the highest byte of the last column
    raw = bytearray((built.folder / "sparse_columns.npy").read_bytes())
    raw[-1] = 0x7F
    (built.folder / "sparse_columns.npy").write_bytes(raw)
    with pytest.raises(InputError, match="sparse_columns"):
        DictionaryIndex.open(built.folder).vectors()


# -- built once


def test_a_second_start_embeds_nothing(tmp_path, built):
    embed = Embed()
    assert np.array_equal(build(tmp_path, embed=embed).dense, built.dense)
    assert embed.asked == []


def test_a_damaged_index_is_built_again(tmp_path, built, caplog):
    os.truncate(built.folder / "dense.npy", 100)
    index = build(tmp_path)
    index.verify()
    assert "dense.npy: is damaged" in caplog.text
    assert not partials(tmp_path)


def test_a_failing_build_leaves_nothing(tmp_path):
    def fail(names):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        build(tmp_path, embed=fail)
    assert list_indexes(tmp_path) == []
    assert not partials(tmp_path)


PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_index as t
def embed(names):
    with open({marker!r}, "a") as file:
        file.write("x" * len(names))
    time.sleep({sleep})
    return t.Embed()(names)
index = t.build({cache!r}, embed=embed)
index.verify()
print(len(index))
"""


def start(cache_dir, marker, sleep):
    program = PROGRAM.format(tests=str(Path(__file__).parent), marker=str(marker), cache=str(cache_dir), sleep=sleep)
    source = str(Path(__file__).parents[2] / "src")
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_build_once(tmp_path):
    marker = tmp_path / "marker"
    found = [start(tmp_path / "cache", marker, 0.5) for _ in range(2)]
    for process in found:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert out == "6\n"
    assert marker.read_text() == "xxxxx"  # five distinct names, once


def test_after_a_killed_builder_the_next_one_succeeds(tmp_path):
    marker, cache_dir = tmp_path / "marker", tmp_path / "cache"
    process = start(cache_dir, marker, 300)
    deadline = time.monotonic() + 300
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert marker.exists()
    assert len(partials(cache_dir)) == 1
    assert list_indexes(cache_dir) == []
    index = build(cache_dir)
    index.verify()
    assert partials(cache_dir) == []


# -- reuse


def test_only_new_names_are_embedded(tmp_path):
    first = build(tmp_path, NAMES[:4], CUIS[:4])
    embed = Embed()
    names, cuis = ["anemia", *NAMES, "ataxia"], ["D1", *CUIS, "D2"]
    index = build(tmp_path, names, cuis, embed=embed)
    assert embed.asked == ["anemia", "ß-thalassemia"]
    index.verify()
    assert np.array_equal(index.dense[1:5], first.dense)
    assert np.array_equal(index.dense, np.stack([vector_of(name) for name in names]))


def test_other_ids_embed_nothing(tmp_path, built):
    embed = Embed()
    index = build(tmp_path, NAMES, CUIS[::-1], embed=embed)
    assert embed.asked == []
    assert list(index.cuis) == CUIS[::-1]
    assert np.array_equal(index.dense, built.dense)


def test_the_index_that_shares_most_names_is_taken(tmp_path):
    build(tmp_path, NAMES[:1], CUIS[:1])
    build(tmp_path, NAMES[:5], CUIS[:5])
    build(tmp_path, NAMES[:2], CUIS[:2])
    embed = Embed()
    build(tmp_path, embed=embed)
    assert embed.asked == ["ß-thalassemia"]


@pytest.mark.parametrize("part", [{"encoder": "x"}, {"max_length": 24}, {"precision": "float16"}])
def test_the_vectors_of_another_encoder_are_not_taken(tmp_path, part):
    build(tmp_path, NAMES[:5], CUIS[:5], **part)
    embed = Embed()
    build(tmp_path, embed=embed)
    assert len(embed.asked) == 5


def test_vectors_of_a_damaged_index_are_not_taken(tmp_path, caplog):
    flip(build(tmp_path, NAMES[:5], CUIS[:5]).folder / "dense.npy")
    embed = Embed()
    build(tmp_path, embed=embed)
    assert len(embed.asked) == 5
    assert "dense.npy: is damaged" in caplog.text


def test_an_index_whose_names_are_no_text_is_passed_over(tmp_path):
    path = build(tmp_path, NAMES[:5], CUIS[:5]).folder / "names.npy"
    path.write_bytes(path.read_bytes().replace(b"anemia", b"\xff\xff\xff\xff\xff\xff"))
    embed = Embed()
    build(tmp_path, embed=embed).verify()
    assert len(embed.asked) == 5


# -- vectors that cannot be kept, folders that cannot be written


def test_vectors_too_large_for_float16_are_refused(tmp_path):
    def embed(names):
        return np.full((len(names), 4), 1e6, dtype=np.float32)

    with pytest.raises(InputError, match="use float32"):
        build(tmp_path, embed=embed, precision="float16")
    with pytest.raises(InputError, match="not finite"):
        build(tmp_path, embed=lambda names: np.full((len(names), 4), np.nan, dtype=np.float32))
    assert list_indexes(tmp_path) == []


def test_vectors_of_another_shape_are_our_own_fault(tmp_path):
    with pytest.raises(ValueError, match="embed gave"):
        build(tmp_path, embed=lambda names: np.zeros((len(names) + 1, 4), dtype=np.float32))
    widths = iter([4, 1, 4])
    with pytest.raises(ValueError, match="embed gave"):
        build(tmp_path, embed=lambda names: np.zeros((len(names), next(widths)), dtype=np.float32))


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_without_a_folder_to_write_to_the_index_is_in_memory(tmp_path, caplog, precision):
    (tmp_path / "file").write_text("")
    index = build(tmp_path / "file" / "cache", precision=precision)
    assert "without a cache" in caplog.text
    assert index.folder is None
    on_disk = build(tmp_path, precision=precision)
    assert list(index) == list(on_disk)
    assert np.array_equal(index.dense, on_disk.dense)
    assert (index.sparse != on_disk.sparse).nnz == 0
    assert torch.equal(index.vectors().dense, on_disk.vectors().dense)
    index.verify()


def test_a_full_disk_is_told_and_the_index_is_in_memory(tmp_path, caplog, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_writing, "allocate", full)
    index = build(tmp_path)
    assert index.folder is None
    assert "No space left" in caplog.text
    assert not partials(tmp_path)


# -- the cache folder


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


def test_indexes_are_listed_and_removed(tmp_path):
    first, second = build(tmp_path), build(tmp_path, encoder="other", precision="float16")
    os.truncate(second.folder / "dense.npy", 100)
    (tmp_path / "something else").mkdir()
    found = {entry.key: entry for entry in list_indexes(tmp_path)}
    assert found.keys() == {first.folder.name, second.folder.name}
    entry = found[first.folder.name]
    assert (entry.n_names, entry.precision, entry.problem) == (6, "float32", None)
    assert entry.n_bytes == sum(path.stat().st_size for path in first.folder.iterdir())
    assert "damaged" in found[second.folder.name].problem
    with pytest.raises(InputError, match="several"):
        remove_index(tmp_path, "")
    with pytest.raises(InputError, match="no index"):
        remove_index(tmp_path, "zz")
    assert remove_index(tmp_path, second.folder.name[:12]) == [second.folder.name]
    assert [entry.key for entry in list_indexes(tmp_path)] == [first.folder.name]
    assert remove_index(tmp_path) == [first.folder.name]
    assert list_indexes(tmp_path) == []
    assert (tmp_path / "something else").is_dir()
    assert list_indexes(tmp_path / "nowhere") == remove_index(tmp_path / "nowhere") == []


def test_an_index_that_is_being_built_is_not_removed(tmp_path, built):
    with index_cache.locked(tmp_path, built.folder.name), pytest.raises(InputError, match="being built"):
        remove_index(tmp_path)
    assert remove_index(tmp_path) == [built.folder.name]


# -- the encoder's hash is remembered


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "biosyn.json"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that are hashed."""
    names, real = [], index_files.sha256_of
    monkeypatch.setattr(index_files, "sha256_of", lambda path: names.append(path.name) or real(path))
    return names


def test_the_encoder_is_hashed_once(tmp_path, model, hashed):
    cache_dir = tmp_path / "cache"
    found = encoder_sha256(model, cache_dir)
    assert hashed == ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"]
    assert encoder_sha256(model, cache_dir) == found
    tokenizer = tokenizer_sha256(model, cache_dir)
    assert len(hashed) == 4
    (model / "biosyn.json").write_text("other figures")
    assert encoder_sha256(model, cache_dir) == found
    (model / "model.safetensors").write_text("other weights")
    assert encoder_sha256(model, cache_dir) != found
    assert len(hashed) == 8
    assert tokenizer_sha256(model, cache_dir) == tokenizer
    (model / "vocab.txt").write_text("other words")
    assert tokenizer_sha256(model, cache_dir) != tokenizer
    (model / "special_tokens_map.json").write_text("{}")
    assert "special_tokens_map.json" in file_hashes(model, cache_dir)


def test_a_touched_file_is_hashed_again_to_the_same_hash(tmp_path, model, hashed):
    found = encoder_sha256(model, tmp_path)
    os.utime(model / "model.safetensors", ns=(1, 1))
    assert encoder_sha256(model, tmp_path) == found
    assert len(hashed) == 8


def test_the_hash_does_not_depend_on_where_the_folder_lies(tmp_path, model):
    shutil.copytree(model, tmp_path / "copy")
    assert encoder_sha256(model, tmp_path) == encoder_sha256(tmp_path / "copy", tmp_path)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"/x": 1}', b"\xff\xfe", "FOLDER"])
def test_a_damaged_record_is_written_anew(tmp_path, model, hashed, damage):
    found = encoder_sha256(model, tmp_path)
    record = tmp_path / "encoders.json"
    if damage == "FOLDER":
        record.write_text(json.dumps({str(model): {"stamps": {}, "sha256": {"config.json": 1}}}))
    else:
        record.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    assert encoder_sha256(model, tmp_path) == found
    assert len(hashed) == 8
    assert encoder_sha256(model, tmp_path) == found
    assert len(hashed) == 8


def test_without_a_folder_for_the_record_the_hash_is_the_same(tmp_path, model, hashed):
    (tmp_path / "file").write_text("")
    assert encoder_sha256(model, tmp_path / "file" / "cache") == encoder_sha256(model, tmp_path / "cache")
    with pytest.raises(InputError, match="no such folder"):
        encoder_sha256(tmp_path / "nowhere", tmp_path)


def test_sparse_rows_are_not_copied(built):
    matrix = built.sparse
    assert isinstance(matrix, sparse.csr_matrix)
    for name, part in (("sparse_values.npy", matrix.data), ("sparse_columns.npy", matrix.indices)):
        assert np.shares_memory(part, built._arrays[name])


def test_listing_needs_neither_torch_nor_scipy(tmp_path, built):
    program = f"""
import sys
from biosyn.retrieval.index_cache import list_indexes
entry, = list_indexes({str(tmp_path)!r})
heavy = {{"torch", "scipy", "sklearn"}} & set(sys.modules)
sys.exit(f"imported: {{sorted(heavy)}}" if heavy else 0)
"""
    source = str(Path(__file__).parents[2] / "src")
    found = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": source}, capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
