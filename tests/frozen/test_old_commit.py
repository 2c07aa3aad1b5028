"""What the old commit left on disk still loads: its checkpoint, its export for upstream, its interrupted training."""

import json
import pickletools
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

MENTIONS = ("louis-bar syndrome", "ovarian tumours", "haemolytic anaemia")


def test_the_checkpoint_and_the_export_give_the_same_five_names(result, model, fixtures, golden):
    for folder in ("checkpoint", "upstream"):
        answers = [result("inference", *model(fixtures / folder), "--mention", mention) for mention in MENTIONS]
        golden("old_answers", answers)  # made by the old commit, from the checkpoint


def opcodes(path):
    """Return a pickle's opcodes and arguments; the version of scikit-learn, which is in it, is taken out."""
    found = [(code.name, argument) for code, argument, _ in pickletools.genops(path.read_bytes())]
    return [(name, re.sub(r"^\d+(\.\d+)+$", "VERSION", part) if type(part) is str else part) for name, part in found]


def test_an_export_is_as_it_was(result, fixtures, tmp_path):
    then, now = fixtures / "upstream", tmp_path / "upstream"
    result("convert", "--model_name_or_path", fixtures / "checkpoint", "--to", "upstream", "--output_dir", now)
    assert sorted(path.name for path in now.iterdir()) == sorted(path.name for path in then.iterdir())
    assert (now / "vocab.txt").read_bytes() == (then / "vocab.txt").read_bytes()
    assert opcodes(now / "sparse_encoder.pk") == opcodes(then / "sparse_encoder.pk")
    weights = [torch.load(folder / "pytorch_model.bin", weights_only=True) for folder in (then, now)]
    assert list(weights[1]) == list(weights[0])
    assert all(torch.equal(weights[1][name], weights[0][name]) for name in weights[0])
    w = [torch.load(folder / "sparse_weight.pt", weights_only=True) for folder in (then, now)]
    assert torch.equal(w[1], w[0])
    assert type(w[1]) is type(w[0]) is torch.nn.Parameter


def test_an_import_keeps_the_weights(result, model, fixtures, golden, tmp_path):
    result("convert", "--model_name_or_path", fixtures / "upstream", "--output_dir", tmp_path / "ours")
    golden("old_answers", [result("inference", *model(tmp_path / "ours"), "--mention", text) for text in MENTIONS])


# -- the training that was killed after two steps of the second of two epochs


@pytest.fixture
def train(run, fixtures):
    """Function: output folder and further flags -> what train.py does with the flags of the killed run."""
    corpus = fixtures / "corpus"
    data = {
        "--model_name_or_path": fixtures / "encoder",
        "--train_dictionary_path": corpus / "dictionary.txt",
        "--train_dir": corpus / "traindev",
        "--dev_dictionary_path": corpus / "dictionary.txt",
        "--dev_dir": corpus / "test",
    }
    numbers = {"--topk": 6, "--train_batch_size": 4, "--learning_rate": 1e-3, "--epoch": 2, "--save_every_steps": 2}
    flags = [part for pair in {**data, **numbers}.items() for part in pair]

    def call(folder, *more):
        return run("train", *flags, "--device", "cpu", "--quiet", "--output_dir", folder, *more)

    return call


@pytest.fixture
def interrupted(fixtures, tmp_path):
    return shutil.copytree(fixtures / "interrupted", tmp_path / "interrupted")


@pytest.mark.usefixtures("same_dropout")
def test_an_interrupted_training_goes_on_to_the_same_model(train, interrupted, golden, masked, tmp_path):
    before = [json.loads(line) for line in (interrupted / "train_log.jsonl").read_text("utf-8").splitlines()]
    code, out, err = train(interrupted, "--resume")
    assert code == 0, err
    resumed = json.loads(out)["epochs"]
    code, out, err = train(tmp_path / "uninterrupted")
    assert code == 0, err
    for rows in (resumed, json.loads(out)["epochs"]):
        golden("resumed", masked(rows, "seconds", "mentions_per_second"))
    assert resumed[:2] == before  # with the old run's times: the first epoch was not done again
    models = [load_file(folder / "model.safetensors") for folder in (interrupted, tmp_path / "uninterrupted")]
    assert list(models[0]) == list(models[1])
    for name in models[0]:
        if not name.endswith("key.bias"):  # it cancels out in the softmax: its gradient is rounding errors alone
            np.testing.assert_allclose(models[0][name], models[1][name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_it_goes_on_with_its_own_flags_only(train, interrupted):
    code, out, err = train(interrupted, "--resume", "--seed", 1)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--seed" in err
