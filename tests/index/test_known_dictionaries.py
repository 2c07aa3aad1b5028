import json
import os

import pytest

from biosyn.errors import InputError
from biosyn.index import known_dictionaries
from biosyn.index.arrays import PackedTexts
from biosyn.index.known_dictionaries import open_dictionary
from biosyn.model.biosyn import BioSyn


@pytest.fixture
def read(monkeypatch):
    """The dictionary files that are parsed."""
    paths, real = [], known_dictionaries.DictionaryDataset

    class Counted(real):
        def __init__(self, path):
            paths.append(path)
            super().__init__(path)

    monkeypatch.setattr(known_dictionaries, "DictionaryDataset", Counted)
    return paths


@pytest.fixture
def embedded(tmp_path, tiny_checkpoint, write_dictionary):
    """A dictionary file, its cache folder and its index there."""
    path = write_dictionary("D1||ataxia", "D2||breast cancer", "D1|D3||maladie de Ménière")
    cache_dir = tmp_path / "cache"
    dictionary = open_dictionary(path, cache_dir=cache_dir)
    return path, cache_dir, BioSyn.from_pretrained(str(tiny_checkpoint)).index(dictionary, cache_dir=cache_dir)


def test_the_names_of_a_known_file_come_from_its_index(embedded, read):
    path, cache_dir, index = embedded
    dictionary = open_dictionary(path, cache_dir=cache_dir)
    assert read == []
    assert isinstance(dictionary.names, PackedTexts)
    assert list(dictionary) == list(index)
    assert (dictionary.path, dictionary.content_sha256) == (path, index.key.dictionary)
    assert dictionary.names[1:] == ["breast cancer", "maladie de Ménière"]


def test_another_model_takes_the_names_from_there_too(embedded, read, tiny_encoder):
    path, cache_dir, index = embedded
    biosyn = BioSyn()
    biosyn.load_dense_encoder(str(tiny_encoder))
    biosyn.init_sparse_encoder(["ataxia", "cancer"])
    other = biosyn.index(open_dictionary(path, cache_dir=cache_dir), cache_dir=cache_dir)
    assert read == []
    assert other.folder != index.folder
    assert list(other) == list(index)


def test_a_changed_file_is_read_again_even_with_its_old_time_and_size(embedded, read):
    path, cache_dir, _ = embedded
    before = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("D2", "D9"), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_dictionary(path, cache_dir=cache_dir)[1] == ("breast cancer", "D9")
    assert read == [path]


def test_a_damaged_text_of_the_index_is_not_taken(embedded, read):
    path, cache_dir, index = embedded
    raw = (index.folder / "names.npy").read_bytes()
    (index.folder / "names.npy").write_bytes(raw.replace(b"ataxia", b"ataxie"))
    assert open_dictionary(path, cache_dir=cache_dir).names[0] == "ataxia"
    assert read == [path]


@pytest.mark.parametrize("record", ["", "{}", '{"version": 0}', '{"version": 1, "files": 7}', "[]"])
def test_a_damaged_record_is_written_anew(embedded, read, record):
    path, cache_dir, _ = embedded
    (cache_dir / "dictionaries.json").write_text(record)
    open_dictionary(path, cache_dir=cache_dir)
    open_dictionary(path, cache_dir=cache_dir)
    assert read == [path]


def test_without_its_index_a_file_is_read(embedded, read, tmp_path):
    path, cache_dir, index = embedded
    index.folder.rename(tmp_path / "elsewhere")
    open_dictionary(path, cache_dir=cache_dir)
    assert read == [path]


def test_a_file_that_changes_while_it_is_read_is_not_remembered(tmp_path, write_dictionary, monkeypatch):
    path = write_dictionary("D1||ataxia")
    real = known_dictionaries.sha256_of

    def changed_after(path):
        found = real(path)
        path.write_text("D1||anemia or so\n")
        return found

    monkeypatch.setattr(known_dictionaries, "sha256_of", changed_after)
    assert open_dictionary(path, cache_dir=tmp_path / "cache").names == ["anemia or so"]
    assert not (tmp_path / "cache").exists()


def test_only_the_last_files_are_remembered(tmp_path, write_dictionary, monkeypatch):
    monkeypatch.setattr(known_dictionaries, "KEPT", 2)
    for name in ("ataxia", "anemia", "cancer"):
        open_dictionary(write_dictionary(f"D1||{name}"), cache_dir=tmp_path)
    assert len(json.loads((tmp_path / "dictionaries.json").read_text())["files"]) == 2


def test_a_bad_file_is_named_as_ever(tmp_path, write_dictionary):
    with pytest.raises(InputError, match="nowhere"):
        open_dictionary(tmp_path / "nowhere", cache_dir=tmp_path)
    with pytest.raises(InputError, match=r"dictionary\.txt:2"):
        open_dictionary(write_dictionary("D1||ataxia", "anemia"), cache_dir=tmp_path)
    (tmp_path / "file").write_text("")
    assert len(open_dictionary(write_dictionary("D1||ataxia"), cache_dir=tmp_path / "file" / "cache")) == 1
