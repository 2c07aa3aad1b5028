import shutil

import numpy as np
import pytest

from biosyn.checkpoint.manifest import load_manifest
from biosyn.model.biosyn import BioSyn

NAMES = ["ataxia telangiectasia", "breast cancer"]


@pytest.fixture
def convert(command):
    """Function: model, output folder, flags -> (exit code, JSON of stdout or None, stderr)."""

    def call(model, output, *flags):
        return command("convert", {"--model_name_or_path": model, "--output_dir": output}, *flags)

    return call


def vectors(folder):
    biosyn = BioSyn.from_pretrained(folder)
    return np.hstack([biosyn.embed_sparse(NAMES), biosyn.embed_dense(NAMES)])


def test_there_and_back_gives_the_same_model(convert, tiny_checkpoint, tmp_path):
    code, result, _ = convert(tiny_checkpoint, tmp_path / "theirs", "--to", "upstream")
    assert (code, result["format"]) == (0, "upstream")
    assert not (tmp_path / "theirs" / "biosyn.json").exists()
    code, result, log = convert(tmp_path / "theirs", tmp_path / "ours")
    assert (code, result["format"]) == (0, "biosyn")
    assert "the model is in" in log
    assert np.array_equal(vectors(tmp_path / "ours"), vectors(tiny_checkpoint))
    assert not list((tmp_path / "ours").glob("*.pk"))


def test_a_published_checkpoint_becomes_one_that_says_where_it_came_from(convert, shared_data, tmp_path):
    folder = shared_data / "fixtures" / "legacy-checkpoint-py37"
    assert convert(folder, tmp_path)[0] == 0
    manifest = load_manifest(tmp_path)
    assert (manifest.sparse_weight, manifest.max_length) == (4.25, 25)
    assert manifest.trained == {"converted_from": {"name": "legacy-checkpoint-py37", "revision": None}}
    assert np.array_equal(vectors(tmp_path), vectors(folder))
    assert BioSyn.from_pretrained(tmp_path).annotations is None


def test_a_checkpoint_of_ours_keeps_what_it_was_trained_on(convert, tiny_checkpoint, tmp_path):
    assert convert(tiny_checkpoint, tmp_path)[0] == 0
    assert load_manifest(tmp_path).trained == load_manifest(tiny_checkpoint).trained
    annotations = BioSyn.from_pretrained(tmp_path).annotations
    assert annotations is not None
    assert annotations == BioSyn.from_pretrained(tiny_checkpoint).annotations


def test_the_length_of_a_published_checkpoint_can_be_told(convert, tiny_checkpoint, tmp_path):
    convert(tiny_checkpoint, tmp_path / "theirs", "--to", "upstream")
    assert convert(tmp_path / "theirs", tmp_path / "ours", "--max_length", "12")[0] == 0
    assert load_manifest(tmp_path / "ours").max_length == 12


def test_a_pickle_that_asks_for_something_else_is_refused_and_nothing_is_written(convert, tiny_checkpoint, tmp_path):
    convert(tiny_checkpoint, tmp_path / "theirs", "--to", "upstream")
    (tmp_path / "theirs" / "sparse_encoder.pk").write_bytes(b"\x80\x03cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    code, result, error = convert(tmp_path / "theirs", tmp_path / "ours")
    assert (code, result) == (2, None)
    assert "sparse_encoder.pk: the pickle asks for os.system" in error
    assert not (tmp_path / "ours").exists()


def test_a_model_that_upstreams_programs_would_read_wrongly_is_not_exported(convert, mean_checkpoint, tmp_path):
    code, result, error = convert(mean_checkpoint, tmp_path / "theirs", "--to", "upstream")
    assert (code, result) == (2, None)
    assert "trained with mean pooling and cosine scores" in error
    assert "train with --pooling cls --similarity inner" in error
    assert not (tmp_path / "theirs").exists()


def test_a_copy_has_the_same_pooling(convert, mean_checkpoint, tmp_path):
    assert convert(mean_checkpoint, tmp_path / "copy")[0] == 0
    assert np.array_equal(vectors(tmp_path / "copy"), vectors(mean_checkpoint))


def test_an_export_beside_a_checkpoint_of_ours_is_refused(convert, tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    before = sorted(path.name for path in folder.iterdir())
    code, _, error = convert(folder, folder, "--to", "upstream")
    assert code == 2
    assert "choose another folder" in error
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(("flag", "value"), [("--max_length", "2"), ("--output_dir", "")])
def test_bad_flags_end_with_exit_2(convert, tiny_checkpoint, tmp_path, flag, value):
    code, _, error = convert(tiny_checkpoint, tmp_path / "out", flag, value)
    assert code == 2
    assert flag in error
