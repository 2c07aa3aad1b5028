import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.folder import Manifest, load_manifest, load_sparse_encoder, save_checkpoint
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn

CPU = torch.device("cpu")
NAMES = ["ataxia", "sjögren syndrome", "β thalassemia"]
OWN_FILES = ["biosyn.json", "sparse_encoder.json"]
ENCODER_FILES = ["config.json", "model.safetensors", "tokenizer.json"]


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    """A copy of the tiny checkpoint that a test may spoil."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


@pytest.fixture
def parts(tiny_encoder):
    model, tokenizer = load_encoder(tiny_encoder, CPU)
    return {"model": model, "tokenizer": tokenizer, "sparse_encoder": SparseEncoder().fit(NAMES)}


def load(folder):
    return BioSyn().load_model(folder)


def change_json(path, **values):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


# -- round trip


def test_everything_comes_back_bit_by_bit(parts, tmp_path):
    manifest = Manifest(sparse_weight=0.1 + 0.2, max_length=17, trained={"settings": {"seed": 3}})
    save_checkpoint(tmp_path, **parts, manifest=manifest)
    assert load_manifest(tmp_path) == manifest
    sparse = load_sparse_encoder(tmp_path)
    assert np.array_equal(sparse(NAMES), parts["sparse_encoder"](NAMES))
    model, tokenizer = load_encoder(tmp_path, CPU)
    theirs = parts["model"].state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items())
    before = DenseEncoder(parts["model"], parts["tokenizer"]).encode(NAMES)
    assert torch.equal(DenseEncoder(model, tokenizer).encode(NAMES), before)


def test_a_checkpoint_can_be_saved_over_another(parts, tmp_path):
    for weight in (0.25, 0.5):
        save_checkpoint(tmp_path, **parts, manifest=Manifest(weight, 25))
    assert load(tmp_path).get_sparse_weight() == 0.5


def test_a_checkpoint_loads_wherever_it_is_moved(folder, tmp_path):
    before = load(folder).embed_dense(NAMES)
    assert np.array_equal(load(shutil.move(folder, tmp_path / "elsewhere")).embed_dense(NAMES), before)


def test_there_is_no_pickle_in_it(tiny_checkpoint):
    assert {path.suffix for path in tiny_checkpoint.iterdir()} == {".json", ".jsonl", ".safetensors"}


def test_our_files_are_utf8_json_that_a_person_can_read(parts, tmp_path):
    save_checkpoint(tmp_path, **parts, manifest=Manifest(1.0, 25))
    manifest = json.loads((tmp_path / FILES.manifest).read_text(encoding="utf-8"))
    assert list(manifest) == ["sparse_weight", "max_length", "pooling", "format_version", "trained"]
    assert "β" in (tmp_path / FILES.sparse_encoder).read_text(encoding="utf-8")


def test_other_files_in_the_folder_stay(parts, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    save_checkpoint(tmp_path, **parts, manifest=Manifest(1.0, 25))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_nothing_else_is_left_behind(parts, tmp_path):
    save_checkpoint(tmp_path, **parts, manifest=Manifest(1.0, 25))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*OWN_FILES, *ENCODER_FILES, "tokenizer_config.json"]
    )


# -- a crash while saving


@pytest.fixture
def replace_fails_at(folder, monkeypatch):
    """Function: the n-th move into the checkpoint's own folder fails."""

    def arm(nth):
        moves, replace = [], os.replace

        def flaky(source, target):
            if os.path.dirname(target) == str(folder):
                moves.append(target)
                if len(moves) == nth:
                    raise OSError(28, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(os, "replace", flaky)

    return arm


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 6])
def test_a_crash_leaves_a_folder_that_does_not_load(parts, folder, replace_fails_at, nth):
    replace_fails_at(nth)
    with pytest.raises(InputError, match="No space left on device"):
        save_checkpoint(folder, **parts, manifest=Manifest(9.0, 25))
    with pytest.raises(InputError, match=r"lacks biosyn\.json"):
        load(folder)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_crash_before_anything_is_moved_leaves_the_old_checkpoint(parts, folder, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    before = load(folder)
    monkeypatch.setattr(parts["model"], "save_pretrained", fail)
    with pytest.raises((InputError, OSError)):
        save_checkpoint(folder, **parts, manifest=Manifest(9.0, 25))
    assert load(folder).get_sparse_weight() == before.get_sparse_weight()


def test_the_manifest_is_removed_first_and_written_last(parts, folder, monkeypatch):
    replace, seen = os.replace, []

    def watch(source, target):
        if os.path.dirname(target) == str(folder):
            seen.append((os.path.basename(target), (folder / FILES.manifest).exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    save_checkpoint(folder, **parts, manifest=Manifest(9.0, 25))
    assert not any(manifest_was_there for _, manifest_was_there in seen)
    assert seen[-1][0] == FILES.manifest


def test_a_folder_below_a_regular_file_cannot_be_written(parts, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "out", **parts, manifest=Manifest(1.0, 25))


# -- what does not load


@pytest.mark.parametrize("name", [*OWN_FILES, *ENCODER_FILES])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
        load(folder)
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize("name", [*OWN_FILES, *ENCODER_FILES])
@pytest.mark.parametrize("keep", [0.0, 0.5], ids=["empty", "cut"])
def test_a_damaged_file_is_an_input_error_that_names_the_folder(folder, name, keep):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError) as caught:
        load(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*OWN_FILES, "config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["{}", "[]", "null"])
def test_json_of_another_kind_is_an_input_error(folder, name, content):
    (folder / name).write_text(content)
    with pytest.raises(InputError, match="checkpoint"):
        load(folder)


@pytest.mark.parametrize("name", OWN_FILES)
def test_bytes_that_are_not_utf8_are_named(folder, name):
    (folder / name).write_bytes(b'{\n"a": "\xe9"}')
    with pytest.raises(InputError, match=rf"{name}:2: not UTF-8"):
        load(folder)


def test_weights_that_lack_a_layer_are_refused(folder):
    # transformers would fill the layer with random numbers and go on
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="layer.1"):
        load(folder)


def test_weights_without_a_pooler_load(folder):
    # it is not used, and many encoders on the Hub come without one
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "pooler" not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    load(folder)


@pytest.mark.parametrize("version", [0, 2, "1.0", None])
def test_another_format_version_is_refused(folder, version):
    change_json(folder / FILES.manifest, format_version=version)
    with pytest.raises(InputError, match=r"biosyn\.json: format_version is"):
        load(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"sparse_weight": "heavy"},
        {"sparse_weight": None},
        {"sparse_weight": float("nan")},
        {"max_length": "long"},
        {"max_length": 0},
        {"trained": 3},
        {"pooling": "mean"},
    ],
    ids=str,
)
def test_a_manifest_that_makes_no_sense_is_refused(folder, values):
    change_json(folder / FILES.manifest, **values)
    with pytest.raises(InputError, match=r"biosyn\.json"):
        load(folder)


@pytest.mark.parametrize(
    "values", [{"idf": [1.0]}, {"vocabulary": {"a": 7}, "idf": [1.0]}, {"idf": "x"}, {"vocabulary": None}], ids=str
)
def test_a_sparse_encoder_that_makes_no_sense_is_refused(folder, values):
    change_json(folder / FILES.sparse_encoder, **values)
    with pytest.raises(InputError, match=r"sparse_encoder\.json: is damaged"):
        load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        load(tmp_path / "nowhere")


def test_an_encoder_that_neither_a_folder_nor_the_hub_has_is_named():
    with pytest.raises(InputError, match="no/such/model: no encoder can be loaded"):
        load_encoder("no/such/model", CPU)


def test_a_text_longer_than_the_encoders_positions_is_an_input_error(tiny_checkpoint):
    # the tiny encoder has 64 positions
    with pytest.raises(InputError, match="64"):
        BioSyn(max_length=65).load_model(tiny_checkpoint)
