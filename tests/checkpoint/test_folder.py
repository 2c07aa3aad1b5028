import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.folder import load_sparse_encoder, record_figures, save_checkpoint
from biosyn.checkpoint.manifest import Manifest, load_manifest
from biosyn.data.annotations import Annotations
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.model.biosyn import BioSyn

CPU = torch.device("cpu")
NAMES = ["ataxia", "sjögren syndrome", "β thalassemia"]
OWN_FILES = ["biosyn.json", "sparse_encoder.json"]
ENCODER_FILES = ["config.json", "model.safetensors", "tokenizer.json"]
OTHER_FILES = ["tokenizer_config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"]


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    """A copy of the tiny checkpoint that a test may damage."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


@pytest.fixture
def parts(tiny_encoder):
    model, tokenizer = load_encoder(tiny_encoder, CPU)
    return {"model": model, "tokenizer": tokenizer, "sparse_encoder": SparseEncoder().fit(NAMES)}


@pytest.fixture
def saved(parts, tmp_path):
    """A folder with a new checkpoint, and a file that was there before."""
    (tmp_path / "notes.txt").write_text("mine")
    manifest = Manifest(sparse_weight=0.1 + 0.2, max_length=17, trained={"settings": {"seed": 3}})
    save_checkpoint(tmp_path, **parts, manifest=manifest)
    return tmp_path


def load(folder):
    return BioSyn().load_model(folder)


def change_json(path, **values):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


def seal(folder):
    """Write the sha256 of the files as they are into the manifest, so that the checks behind that one are reached."""
    files = {name: sha256_of(folder / name) for name in load_manifest(folder).files if (folder / name).exists()}
    change_json(folder / FILES.manifest, files=files)


# -- what is saved


def test_everything_comes_back_bit_by_bit(parts, saved):
    manifest = Manifest(sparse_weight=0.1 + 0.2, max_length=17, trained={"settings": {"seed": 3}})
    assert replace(load_manifest(saved), files={}, libraries={}) == manifest
    assert np.array_equal(load_sparse_encoder(saved)(NAMES), parts["sparse_encoder"](NAMES))
    model, tokenizer = load_encoder(saved, CPU)
    before = parts["model"].state_dict()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    vectors = DenseEncoder(parts["model"], parts["tokenizer"]).encode(NAMES)
    assert torch.equal(DenseEncoder(model, tokenizer).encode(NAMES), vectors)


def test_these_files_are_written_and_other_files_stay(saved):
    found = [path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()]
    assert sorted(found) == sorted([*OWN_FILES, *ENCODER_FILES, *OTHER_FILES, "README.md", "notes.txt"])
    assert (saved / "notes.txt").read_text() == "mine"
    assert "β" in (saved / FILES.sparse_encoder).read_text(encoding="utf-8")  # readable, not escaped


def test_there_is_no_pickle_in_a_trained_checkpoint(tiny_checkpoint):
    suffixes = {path.suffix for path in tiny_checkpoint.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".jsonl", ".md", ".safetensors"}


def test_the_manifest_has_the_sha256_of_every_file_but_itself_and_the_card(saved):
    files = load_manifest(saved).files
    assert sorted(files) == sorted(["sparse_encoder.json", *ENCODER_FILES, *OTHER_FILES])
    assert all(hashlib.sha256((saved / name).read_bytes()).hexdigest() == found for name, found in files.items())


def test_the_manifest_lists_the_libraries(saved):
    libraries = load_manifest(saved).libraries
    assert libraries["torch"] == version("torch")
    assert set(libraries) == {"biosyn", "python", "torch", "transformers", "tokenizers", "scikit-learn", "numpy"}


def test_a_checkpoint_can_be_saved_over_another(parts, saved):
    save_checkpoint(saved, **parts, manifest=Manifest(0.5, 25))
    assert load(saved).get_sparse_weight() == 0.5


def test_a_checkpoint_loads_wherever_it_is_moved(folder, tmp_path):
    before = load(folder).embed_dense(NAMES)
    assert np.array_equal(load(shutil.move(folder, tmp_path / "elsewhere")).embed_dense(NAMES), before)


def test_a_checkpoint_of_format_1_loads(folder):
    # it had no sha256, figures or libraries
    content = json.loads((folder / FILES.manifest).read_text(encoding="utf-8"))
    for key in ("files", "figures", "libraries"):
        del content[key]
    (folder / FILES.manifest).write_text(json.dumps({**content, "format_version": 1}), encoding="utf-8")
    assert load(folder).get_sparse_weight() == content["sparse_weight"]


# -- annotations


COUNTS = Annotations({"D1": 3, "D2": 1}, {"ataxia": {"D1": 2}})


def test_counts_of_annotations_are_kept_with_their_sha256(parts, tmp_path):
    save_checkpoint(tmp_path, **parts, manifest=Manifest(0.5, 25), annotations=COUNTS)
    assert load_manifest(tmp_path).files[FILES.annotations] == sha256_of(tmp_path / FILES.annotations)
    assert load(tmp_path).annotations == COUNTS


def test_the_counts_of_an_earlier_model_are_removed(parts, tmp_path):
    save_checkpoint(tmp_path, **parts, manifest=Manifest(0.5, 25), annotations=COUNTS)
    save_checkpoint(tmp_path, **parts, manifest=Manifest(0.5, 25))
    assert not (tmp_path / FILES.annotations).exists()
    assert load(tmp_path).annotations is None


def test_counts_are_added_to_a_checkpoint_without_training(saved, tmp_path):
    biosyn = load(saved)
    assert biosyn.annotations is None
    biosyn.annotations = COUNTS
    biosyn.save_model(tmp_path / "with")
    assert load(tmp_path / "with").annotations == COUNTS


def test_a_checkpoint_of_format_3_loads_without_counts(folder):
    content = json.loads((folder / FILES.manifest).read_text(encoding="utf-8"))
    del content["files"][FILES.annotations]
    (folder / FILES.manifest).write_text(json.dumps({**content, "format_version": 3}), encoding="utf-8")
    assert load(folder).annotations is None


@pytest.mark.parametrize("content", ['{"concepts": {"D1": -1}, "names": {}}', '{"concepts": {}}', "[]", "{"])
def test_damaged_counts_are_refused_in_a_line(folder, content):
    path = folder / FILES.annotations
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"annotations.json: is not the file that biosyn.json was saved with"):
        load(folder)
    seal(folder)
    with pytest.raises(InputError, match=r"annotations.json(:1)?: is (damaged|not)") as refused:
        load(folder)
    assert "\n" not in str(refused.value)


# -- figures


def test_recorded_figures_go_to_the_manifest_and_the_card(folder):
    before = load_manifest(folder)
    figures = {"queries": {"mentions": 21}, "dictionary": {"names": 40}, "hybrid": {"acc1": 0.75, "acc5": 0.875}}
    record_figures(folder, "test", figures)
    assert load_manifest(folder) == replace(before, figures={"test": figures})
    assert "| test | 21 | 40 | hybrid | 0.7500 | 0.8750 |" in (folder / FILES.card).read_text(encoding="utf-8")
    load(folder)


def test_a_card_that_the_user_wrote_stays(parts, folder):
    (folder / FILES.card).write_text("# My model")
    save_checkpoint(folder, **parts, manifest=Manifest(1.0, 25))
    record_figures(folder, "test", {})
    assert (folder / FILES.card).read_text() == "# My model"


# -- a crash while saving


def test_a_folder_below_a_regular_file_cannot_be_written(parts, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "out", **parts, manifest=Manifest(1.0, 25))


def test_a_crash_before_anything_is_moved_leaves_the_old_checkpoint(parts, folder, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    before = load(folder)
    monkeypatch.setattr(parts["model"], "save_pretrained", fail)
    with pytest.raises((InputError, OSError)):
        save_checkpoint(folder, **parts, manifest=Manifest(9.0, 25))
    assert load(folder).get_sparse_weight() == before.get_sparse_weight()


@pytest.mark.parametrize("nth", [1, 2, 8, 9, 10])  # eight files, the card, the manifest
def test_a_crash_leaves_a_folder_that_does_not_load(parts, folder, monkeypatch, nth):
    moves, move = [], os.replace

    def flaky(source, target):
        if Path(target).is_relative_to(folder) and ".partial-" not in str(target):
            moves.append(target)
            if len(moves) == nth:
                raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", flaky)
    with pytest.raises(InputError, match="No space left on device"):
        save_checkpoint(folder, **parts, manifest=Manifest(9.0, 25))
    with pytest.raises(InputError, match=r"lacks biosyn\.json"):
        load(folder)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


SAVES_FOR_EVER = """
import sys
from itertools import count
from biosyn.model.biosyn import BioSyn

biosyn = BioSyn.from_pretrained(sys.argv[1])
for number in count(1):
    biosyn.init_sparse_encoder(["x" * number])
    biosyn.init_sparse_weight(number)
    print(number, flush=True)
    biosyn.save_model(sys.argv[2], trained={"idf": number})
"""


@pytest.mark.parametrize("milliseconds", [7, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 19))])
def test_a_process_killed_while_saving_leaves_a_whole_model_or_none(tiny_checkpoint, tmp_path, milliseconds):
    target = tmp_path / "model"
    command = [sys.executable, "-c", SAVES_FOR_EVER, str(tiny_checkpoint), str(target)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        for _ in range(4):  # three are saved, the fourth begins
            process.stdout.readline()
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
    if (target / FILES.manifest).exists():
        manifest = load(target).manifest
        assert manifest.sparse_weight == manifest.trained["idf"] >= 3
    else:
        with pytest.raises(InputError, match=r"lacks biosyn\.json"):
            load(target)


# -- what does not load


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [*OWN_FILES, *ENCODER_FILES])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
        load(folder)
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize("name", ["sparse_encoder.json", *ENCODER_FILES, "1_Pooling/config.json"])
def test_a_file_of_another_model_is_refused(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-2] + bytes(reversed(content[-2:])))  # of the same length
    with pytest.raises(InputError, match=rf"{name}: is not the file that biosyn\.json was saved with"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "keep"),
    [(name, 0.5) for name in (*OWN_FILES, *ENCODER_FILES)] + [("biosyn.json", 0.0), ("model.safetensors", 0.0)],
)
def test_a_file_cut_short_is_an_input_error_that_names_the_folder(folder, name, keep):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * keep)])
    for past_the_sha256 in (False, name != FILES.manifest):
        if past_the_sha256:
            seal(folder)
        with pytest.raises(InputError) as caught:
            load(folder)
        assert str(caught.value).startswith(str(folder))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("biosyn.json", "{}"),
        ("biosyn.json", "[]"),
        ("sparse_encoder.json", "{}"),
        ("sparse_encoder.json", "null"),
        ("config.json", "[]"),
        ("config.json", "{}"),
        ("tokenizer.json", "null"),
    ],
)
def test_json_of_another_kind_is_an_input_error(folder, name, content):
    (folder / name).write_text(content)
    if name != FILES.manifest:
        seal(folder)
    with pytest.raises(InputError, match="checkpoint"):
        load(folder)


@pytest.mark.parametrize("name", OWN_FILES)
def test_bytes_that_are_not_utf8_are_named(folder, name):
    (folder / name).write_bytes(b'{\n"a": "\xe9"}')
    if name != FILES.manifest:
        seal(folder)
    with pytest.raises(InputError, match=rf"{name}:2: not UTF-8"):
        load(folder)


@pytest.mark.parametrize(
    "values", [{"idf": [1.0]}, {"vocabulary": {"a": 7}, "idf": [1.0]}, {"idf": "x"}, {"vocabulary": None}], ids=str
)
def test_a_sparse_encoder_with_invalid_values_is_refused(folder, values):
    change_json(folder / FILES.sparse_encoder, **values)
    with pytest.raises(InputError, match=r"sparse_encoder\.json: is damaged"):
        load_sparse_encoder(folder)
