"""Every kind of model folder and Hub id, opened by the functions that all commands use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.opening import open_checkpoint, open_encoder
from biosyn.checkpoint.upstream_export import save_upstream
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn

ROOT = Path(__file__).parents[2]
NAMES = ["ataxia telangiectasia", "breast cancer", "anaemia"]


@pytest.fixture(scope="session")
def published(tiny_checkpoint, tmp_path_factory):
    """The tiny checkpoint in upstream's files."""
    folder = tmp_path_factory.mktemp("published")
    model, tokenizer = load_encoder(tiny_checkpoint, torch.device("cpu"))
    ours = open_checkpoint(tiny_checkpoint)
    save_upstream(
        folder,
        model=model,
        tokenizer=tokenizer,
        sparse_encoder=ours.sparse_encoder,
        sparse_weight=ours.manifest.sparse_weight,
    )
    return folder


# -- published checkpoints


@pytest.mark.parametrize("layout", ["legacy-checkpoint", "legacy-checkpoint-py37"])
@pytest.mark.parametrize("score_mode", ["hybrid", "dense", "sparse"])
def test_a_published_checkpoint_gives_what_upstream_computed(shared_data, layout, score_mode):
    folder = shared_data / "fixtures" / layout
    expected = json.loads((folder / "expected_top5.json").read_text(encoding="utf-8"))
    biosyn = BioSyn.from_pretrained(folder)
    assert (biosyn.sparse_weight, biosyn.get_dense_encoder().max_length) == (4.25, 25)

    dictionary = DictionaryDataset(folder / "dictionary.txt")
    mentions = biosyn.embed(expected["mentions"], score_mode=score_mode)
    found = biosyn.search(mentions, biosyn.embed(dictionary.names, score_mode=score_mode), topk=5)
    for rows, scores, candidates in zip(found.rows.tolist(), found.scores.tolist(), expected[score_mode], strict=True):
        assert [dictionary[row] for row in rows] == [(right["name"], right["id"]) for right in candidates]
        assert scores == pytest.approx([right["score"] for right in candidates], abs=1e-4)


def test_both_formats_of_one_model_give_the_same_vectors(tiny_checkpoint, published):
    ours, theirs = BioSyn.from_pretrained(tiny_checkpoint), BioSyn.from_pretrained(published)
    assert theirs.sparse_weight == pytest.approx(ours.sparse_weight, rel=1e-7)  # float32 there
    assert np.array_equal(theirs.embed_sparse(NAMES), ours.embed_sparse(NAMES))
    assert np.array_equal(theirs.embed_dense(NAMES), ours.embed_dense(NAMES))


def test_the_parts_load_one_by_one(published):
    whole, parts = BioSyn.from_pretrained(published), BioSyn()
    assert parts.load_sparse_weight(published) == whole.sparse_weight
    assert np.array_equal(parts.load_sparse_encoder(published)(NAMES), whole.embed_sparse(NAMES))
    assert np.array_equal(parts.load_dense_encoder(published)(NAMES), whole.embed_dense(NAMES))


def test_max_length_can_be_another_than_the_checkpoints(published):
    assert BioSyn.from_pretrained(published, max_length=7).get_dense_encoder().max_length == 7


@pytest.mark.parametrize("name", ["sparse_weight.pt", "pytorch_model.bin", "config.json"])
def test_a_published_checkpoint_that_lacks_a_file_says_which(published, tmp_path, name):
    folder = shutil.copytree(published, tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        BioSyn.from_pretrained(folder)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_published_weights_cut_short_are_an_input_error(published, tmp_path, keep):
    folder = shutil.copytree(published, tmp_path / "model")
    content = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match="no encoder can be loaded"):
        BioSyn.from_pretrained(folder)


class _RunsSomething:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


def test_published_weights_that_would_run_something_are_refused(published, tmp_path):
    folder = shutil.copytree(published, tmp_path / "model")
    torch.save({"embeddings": _RunsSomething()}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="no encoder can be loaded"):
        BioSyn.from_pretrained(folder)


def test_code_that_comes_with_a_model_is_not_run(published, tmp_path):
    folder = shutil.copytree(published, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    classes = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": classes}))
    (folder / "evil.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(InputError, match="no encoder can be loaded"):
        BioSyn.from_pretrained(folder)


def test_files_that_a_model_would_have_written_elsewhere_are_not(published, tmp_path):
    # each chat template of a tokenizer is saved to a file of its name
    folder = shutil.copytree(published, tmp_path / "deep" / "model")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    config["chat_template"] = [{"name": name, "template": "x"} for name in ("default", "../../../evil", "fine")]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    BioSyn.from_pretrained(folder).save_model(tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*.jinja"))


# -- what is no checkpoint


def test_a_plain_encoder_is_refused_with_what_can_be_done(tiny_encoder):
    with pytest.raises(InputError, match=r"is an encoder alone .*: train a BioSyn model from it with train\.py"):
        open_checkpoint(tiny_encoder)


def test_a_folder_whose_saving_was_not_finished_is_told_from_a_plain_encoder(tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / "biosyn.json").unlink()
    with pytest.raises(InputError, match=r"lacks biosyn\.json: saving it was not finished"):
        open_checkpoint(folder)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"lacks biosyn\.json"):
        open_checkpoint(tmp_path)


def test_the_encoder_of_a_checkpoint_is_checked_before_it_is_trained_on(tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    (folder / "config.json").write_text("{}")
    with pytest.raises(InputError, match="is not the file"):
        open_encoder(folder)


# -- the Hub


@pytest.fixture
def run(hub, tmp_path):
    """Function: script and flags -> finished process that uses the small Hub."""

    def call(script, *flags):
        env = hub.env(tmp_path / "home") | {"PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, str(ROOT / script), *map(str, flags), "--device", "cpu", "--precision", "float32"]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)

    return call


def test_a_published_hub_id_is_downloaded_once_and_gives_what_its_folder_gives(connected, published):
    connected.add("dmis-lab/biosyn-tiny", published, revision="v1")
    biosyn = BioSyn.from_pretrained("dmis-lab/biosyn-tiny", revision="v1")
    assert np.array_equal(biosyn.embed_dense(NAMES), BioSyn.from_pretrained(published).embed_dense(NAMES))
    fetched = connected.downloads()
    assert {"sparse_encoder.pk", "sparse_weight.pt", "pytorch_model.bin"} <= set(fetched)
    open_checkpoint("dmis-lab/biosyn-tiny", revision="v1")
    assert connected.downloads() == fetched


def test_a_hub_id_of_our_own_format_gives_what_its_folder_gives(connected, tiny_checkpoint):
    connected.add("someone/biosyn-tiny", tiny_checkpoint)
    biosyn = BioSyn.from_pretrained("someone/biosyn-tiny")
    assert np.array_equal(biosyn.embed_dense(NAMES), BioSyn.from_pretrained(tiny_checkpoint).embed_dense(NAMES))


@pytest.mark.slow
def test_inference_takes_a_published_hub_id_and_downloads_it_once(hub, run, published, tiny_dictionary):
    hub.add("dmis-lab/biosyn-tiny", published, revision="v1")
    flags = ("--model_name_or_path", "dmis-lab/biosyn-tiny", "--revision", "v1", "--mention", "Ataxia telangiectasia")
    first = run("inference.py", *flags, "--dictionary_path", tiny_dictionary)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["predictions"][0]["name"] == "ataxia telangiectasia"
    fetched = hub.downloads()
    second = run("inference.py", *flags, "--dictionary_path", tiny_dictionary)
    assert second.stdout == first.stdout
    assert hub.downloads() == fetched


@pytest.mark.slow
def test_train_takes_a_hub_id_as_its_starting_encoder(hub, run, tiny_encoder, tiny_dictionary, tiny_queries, tmp_path):
    hub.add("someone/encoder", tiny_encoder)
    files = ("--train_dictionary_path", tiny_dictionary, "--train_dir", tiny_queries, "--output_dir", tmp_path / "out")
    done = run("train.py", "--model_name_or_path", "someone/encoder", *files, "--topk", 6, "--epoch", 1)
    assert done.returncode == 0, done.stderr
    trained = open_checkpoint(tmp_path / "out").manifest.trained
    assert trained["encoder"] == {"name": "someone/encoder", "revision": None}
    assert "base_model: someone/encoder" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_hub_id_of_a_plain_encoder_says_what_can_be_done(connected, tiny_encoder):
    connected.add("someone/encoder", tiny_encoder)
    folder, _ = open_encoder("someone/encoder")
    assert (folder / "config.json").is_file()
    with pytest.raises(InputError, match="someone/encoder: is an encoder alone"):
        open_checkpoint("someone/encoder")
