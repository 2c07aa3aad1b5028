"""A dictionary's names and vectors come from the index of exactly this file and exactly this model."""

import os
import shutil

import numpy as np
import pytest
import torch

from biosyn.checkpoint.files import FILES
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.index.arrays import PackedTexts
from biosyn.model import embedded_dictionary
from biosyn.model.biosyn import BioSyn
from biosyn.model.embedded_dictionary import open_dictionary


@pytest.fixture
def read(monkeypatch):
    """The dictionary files that are parsed."""
    paths, real = [], DictionaryDataset.__init__

    def counted(self, path, *arguments):
        paths.append(path)
        real(self, path, *arguments)

    monkeypatch.setattr(DictionaryDataset, "__init__", counted)
    return paths


@pytest.fixture
def embedded(tmp_path, tiny_checkpoint, write_dictionary):
    """A dictionary file, its cache folder and its index there."""
    path = write_dictionary("D1||ataxia", "D2||breast cancer", "D1|D3||maladie de Ménière")
    cache_dir = tmp_path / "cache"
    dictionary = open_dictionary(path, cache_dir=cache_dir)
    return path, cache_dir, BioSyn.from_pretrained(tiny_checkpoint).index(dictionary, cache_dir=cache_dir)


def rewrite(path, content):
    """Write other bytes of the same length into the same file (the same inode), and restore its times."""
    before = path.stat()
    with path.open("r+b") as file:
        assert len(content) == before.st_size
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


# -- the names


def test_the_names_of_an_embedded_file_come_from_its_index(embedded, read):
    path, cache_dir, index = embedded
    dictionary = open_dictionary(path, cache_dir=cache_dir)
    assert read == []
    assert isinstance(dictionary.names, PackedTexts)
    assert list(dictionary) == list(index)
    assert dictionary.path == path
    assert dictionary.sha256 == index.key.dictionary == sha256_of(path)
    assert dictionary.names[1:] == ["breast cancer", "maladie de Ménière"]


def test_another_model_takes_the_names_from_there_too(embedded, read, tiny_encoder):
    path, cache_dir, index = embedded
    biosyn = BioSyn()
    biosyn.load_dense_encoder(tiny_encoder)
    biosyn.init_sparse_encoder(["ataxia", "cancer"])
    other = biosyn.index(open_dictionary(path, cache_dir=cache_dir), cache_dir=cache_dir)
    assert read == []
    assert other.folder != index.folder
    assert list(other) == list(index)


def test_an_edited_file_of_the_same_size_and_time_is_another_dictionary(embedded, read, tiny_checkpoint):
    path, cache_dir, index = embedded
    rewrite(path, path.read_bytes().replace(b"D2", b"D9"))
    dictionary = open_dictionary(path, cache_dir=cache_dir)
    assert dictionary[1] == ("breast cancer", "D9")
    assert read == [path]
    other = BioSyn.from_pretrained(tiny_checkpoint).index(dictionary, cache_dir=cache_dir)
    assert other.folder != index.folder
    assert other[1] == ("breast cancer", "D9")


def test_a_file_that_changes_before_it_is_parsed_is_hashed_as_it_was_parsed(tmp_path, write_dictionary, monkeypatch):
    path = write_dictionary("D1||ataxia")

    def changed_after(path):
        found = sha256_of(path)
        path.write_text("D1||anemia or so\n")
        return found

    monkeypatch.setattr(embedded_dictionary, "sha256_of", changed_after)
    dictionary = open_dictionary(path, cache_dir=tmp_path / "cache")
    assert (list(dictionary), dictionary.sha256) == ([("anemia or so", "D1")], sha256_of(path))


def test_a_damaged_text_of_the_index_is_not_taken(embedded, read):
    path, cache_dir, index = embedded
    names = index.folder / "names.npy"
    names.write_bytes(names.read_bytes().replace(b"ataxia", b"ataxie"))
    assert open_dictionary(path, cache_dir=cache_dir).names[0] == "ataxia"
    assert read == [path]


def test_without_its_index_a_file_is_read(embedded, read, tmp_path):
    path, cache_dir, index = embedded
    index.folder.rename(tmp_path / "elsewhere")
    open_dictionary(path, cache_dir=cache_dir)
    assert read == [path]


def test_names_that_are_not_a_whole_file_are_hashed_themselves(embedded, tiny_checkpoint):
    path, cache_dir, index = embedded
    dictionary = open_dictionary(path, cache_dir=cache_dir)
    some = dictionary.with_names(list(dictionary)[:2])
    assert (some.sha256, DictionaryDataset(path, draft=True).sha256) == (None, None)
    other = BioSyn.from_pretrained(tiny_checkpoint).index(some, cache_dir=cache_dir)
    assert list(other) == list(index)[:2]
    assert list(open_dictionary(path, cache_dir=cache_dir)) == list(index)


@pytest.mark.parametrize("part", ["names", "cuis"])
def test_names_or_ids_that_were_replaced_are_not_those_of_the_file(embedded, tiny_checkpoint, part):
    path, cache_dir, index = embedded
    dictionary = DictionaryDataset(path)
    setattr(dictionary, part, ["anemia", *getattr(dictionary, part)[1:]])
    other = BioSyn.from_pretrained(tiny_checkpoint).index(dictionary, cache_dir=cache_dir)
    assert (dictionary.sha256, other[0]) == (None, dictionary[0])
    assert list(open_dictionary(path, cache_dir=cache_dir)) == list(index)


def test_a_bad_file_is_named_as_ever(tmp_path, write_dictionary):
    with pytest.raises(InputError, match="nowhere"):
        open_dictionary(tmp_path / "nowhere", cache_dir=tmp_path)
    with pytest.raises(InputError, match=r"dictionary\.txt:2"):
        open_dictionary(write_dictionary("D1||ataxia", "anemia"), cache_dir=tmp_path)
    (tmp_path / "file").write_text("")
    assert len(open_dictionary(write_dictionary("D1||ataxia"), cache_dir=tmp_path / "file" / "cache")) == 1


def test_a_dictionary_from_a_pipe_has_the_hash_of_its_lines(tmp_path):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(b"D1||ataxia\n")
    (tmp_path / "same.txt").write_bytes(b"D1||ataxia\n")
    try:
        dictionary = open_dictionary(f"/dev/fd/{reading}", cache_dir=tmp_path)
    finally:
        os.close(reading)
    assert dictionary.sha256 == sha256_of(tmp_path / "same.txt")


# -- the model


def loaded(folder, kind):
    """A model of the folder: a checkpoint of ours, or a plain encoder with a TF-IDF of its own."""
    if kind == "checkpoint":
        return BioSyn.from_pretrained(folder)
    biosyn = BioSyn(initial_sparse_weight=1.0)
    biosyn.load_dense_encoder(folder)
    biosyn.init_sparse_encoder(["ataxia", "cancer"])
    return biosyn


@pytest.fixture(params=["checkpoint", "plain encoder"])
def kind(request):
    return request.param


@pytest.fixture
def releases(tmp_path, tiny_checkpoint, kind):
    """Two folders of models that differ in their weights alone."""
    first, second = tmp_path / "model", tmp_path / "second"
    biosyn = BioSyn.from_pretrained(tiny_checkpoint)
    biosyn.save_model(first)
    with torch.no_grad():
        next(biosyn.get_dense_encoder().model.parameters()).mul_(-1)
    biosyn.save_model(second)
    if kind == "plain encoder":
        for folder in (first, second):
            (folder / FILES.manifest).unlink()
    return first, second


def test_a_release_with_the_sizes_times_and_inodes_of_another_gives_its_own_answers(
    releases, kind, tmp_path, tiny_dictionary
):
    first, second = releases
    cache_dir = tmp_path / "cache"
    mentions = ["ataxia telangiectases", "breast tumor"]
    before = loaded(first, kind).load_dictionary(tiny_dictionary, cache_dir=cache_dir)
    answered = before.normalize(mentions)
    for path in (path for path in second.iterdir() if path.is_file()):
        rewrite(first / path.name, path.read_bytes())
    after = loaded(first, kind).load_dictionary(tiny_dictionary, cache_dir=cache_dir)
    expected = loaded(second, kind).load_dictionary(tiny_dictionary, cache_dir=tmp_path / "another cache")
    assert after.normalize(mentions) == expected.normalize(mentions) != answered
    assert after.index_key == expected.index_key != before.index_key


def test_a_model_that_is_replaced_after_it_was_loaded_keeps_its_own_index(releases, kind, tmp_path, tiny_dictionary):
    first, second = releases
    dictionary = DictionaryDataset(tiny_dictionary)
    expected = loaded(first, kind).index(dictionary, cache_dir=tmp_path / "another cache")
    biosyn = loaded(first, kind)
    os.replace(second / FILES.weights, first / FILES.weights)
    index = biosyn.index(dictionary, cache_dir=tmp_path / "cache")
    assert index.key == expected.key
    assert np.array_equal(index.dense, expected.dense)


def test_the_weights_are_hashed_once(releases, kind, tmp_path, tiny_dictionary, monkeypatch):
    hashed = []
    for module in ("files", "manifest"):
        monkeypatch.setattr(
            f"biosyn.checkpoint.{module}.sha256_of", lambda path: hashed.append(path.name) or sha256_of(path)
        )
    loaded(releases[0], kind).index(DictionaryDataset(tiny_dictionary), cache_dir=tmp_path / "cache")
    assert hashed.count(FILES.weights) == hashed.count(FILES.tokenizer) == 1


def test_the_encoders_hash_is_that_of_its_files_wherever_they_are(releases, tmp_path, tiny_dictionary, kind):
    first, _ = releases
    dictionary, cache_dir = DictionaryDataset(tiny_dictionary), tmp_path / "cache"
    key = loaded(first, kind).index(dictionary, cache_dir=cache_dir).key
    assert loaded(shutil.copytree(first, tmp_path / "copy"), kind).index(dictionary, cache_dir=cache_dir).key == key
    (first / "notes.txt").write_text("nothing to do with the encoder")
    os.utime(first / FILES.weights, ns=(1, 1))
    assert loaded(first, kind).index(dictionary, cache_dir=cache_dir).key == key
    (first / "special_tokens_map.json").write_text("{}")
    assert loaded(first, kind).index(dictionary, cache_dir=cache_dir).key != key
