import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from biosyn.checkpoint.encoder import load_encoder
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn

CPU = torch.device("cpu")


@pytest.fixture
def folder(tiny_encoder, tmp_path):
    """A copy of the tiny encoder that a test may damage."""
    return shutil.copytree(tiny_encoder, tmp_path / "encoder")


def drop_weights(folder, part):
    """Remove the weights whose name has the part."""
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if part not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(InputError, match="no/such/model: no such model folder"):
        load_encoder("no/such/model", CPU)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        load_encoder(folder, CPU)


def test_weights_that_lack_a_layer_are_refused(folder):
    # transformers would fill the layer with random numbers and go on
    drop_weights(folder, "layer.1")
    with pytest.raises(InputError, match="layer.1"):
        load_encoder(folder, CPU)


def test_weights_without_a_pooler_load(folder):
    # it is not used, and many encoders on the Hub have none
    drop_weights(folder, "pooler")
    load_encoder(folder, CPU)


def test_a_text_longer_than_the_encoders_positions_is_an_input_error(folder, tiny_checkpoint):
    load_encoder(folder, CPU, max_length=64)
    with pytest.raises(InputError, match="64"):
        load_encoder(folder, CPU, max_length=65)
    with pytest.raises(InputError, match="--max_length 65 is more than the encoder's 64 positions"):
        BioSyn(max_length=65).load_model(tiny_checkpoint)
