import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel

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


def test_a_full_folder_for_temporary_files_is_not_taken_for_damage(folder, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device", os.fspath(target))

    monkeypatch.setattr("biosyn.checkpoint.tokenizer.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left on device"):  # which the commands end with in a line
        load_encoder(folder, CPU)


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


# -- the probe of two texts


class _Like(BertModel):
    """A BERT whose hidden states a function changes: what transformers might load under a supported name."""

    change = staticmethod(lambda states, mask: states)

    def forward(self, input_ids=None, attention_mask=None, **kwargs):
        found = super().forward(input_ids, attention_mask=attention_mask, **kwargs)
        found.last_hidden_state = type(self).change(found.last_hidden_state, input_ids)
        return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda states, ids: states * 0, "gives different texts the same hidden state"),
        (lambda states, ids: states[:, :1] * 0 + states.cumsum(dim=1) * 0 + 1.0, "the same hidden state"),
        (lambda states, ids: states * float("nan"), "are not finite numbers"),
        (lambda states, ids: states * 1e38 * 10, "are not finite numbers"),
        (lambda states, ids: states[:, 0], "have the shape"),
        (lambda states, ids: states[:, ::2], "have the shape"),
        (lambda states, ids: states[..., :16], "have the shape"),
        (lambda states, ids: states + states.mean(dim=1, keepdim=True), "depend on the padding"),
        (lambda states, ids: states[:, 99], "fails on a short text"),
    ],
)
def test_a_model_whose_hidden_states_are_not_an_encoders_is_refused(change, said, folder, monkeypatch):
    monkeypatch.setattr("biosyn.checkpoint.encoder.model_class", lambda _: _Like)
    load_encoder(folder, CPU)
    monkeypatch.setattr(_Like, "change", staticmethod(change))
    with pytest.raises(InputError, match=f"no encoder can be loaded: .*{said}"):
        load_encoder(folder, CPU)


def test_an_adapter_is_refused(folder):
    # with the package peft installed, transformers would apply it; without, leave it out
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds an adapter, adapter_config\.json, which is not applied"):
        load_encoder(folder, CPU)


# -- with the package kernels, by which transformers fetches code that a config names

KERNELS = """
import os, pathlib
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    def used(*given, **named):
        if name not in ("use_kernel_forward_from_hub", "use_kernelized_func"):  # decorators of the classes it has
            pathlib.Path(os.environ["KERNELS_USED"]).open("a").write(f"{name} {given} {named}\\n")
        return lambda decorated: decorated
    return type(name, (), {"INFERENCE": 1, "TRAINING": 2}) if name[0].isupper() else used
"""
PROGRAM = """
import sys, json, pathlib, torch
from transformers.utils import is_kernels_available
from biosyn.checkpoint.encoder import load_encoder
assert is_kernels_available(), "transformers asks for another version"
path = pathlib.Path(sys.argv[1], "config.json")
config = json.loads(path.read_text())
for named in ("attn_implementation", "_attn_implementation", "experts_implementation"):
    for value in ("evil/kernel@main", "evil/kernel:function", "flash_attention_2"):
        path.write_text(json.dumps({**config, named: value, "use_kernels": True}))
        load_encoder(sys.argv[1], torch.device("cpu"))
"""


@pytest.mark.slow
def test_with_the_package_kernels_nothing_is_fetched(folder, tmp_path):
    from transformers.utils.import_utils import KERNELS_MIN_VERSION

    site = tmp_path / "site"
    (site / "kernels").mkdir(parents=True)
    (site / "kernels" / "__init__.py").write_text(KERNELS)
    (site / f"kernels-{KERNELS_MIN_VERSION}.dist-info").mkdir()
    metadata = f"Metadata-Version: 2.1\nName: kernels\nVersion: {KERNELS_MIN_VERSION}\n"
    (site / f"kernels-{KERNELS_MIN_VERSION}.dist-info" / "METADATA").write_text(metadata)
    used = tmp_path / "used"
    path = os.pathsep.join([str(site), str(Path(__file__).parents[2] / "src")])
    environment = os.environ | {"PYTHONPATH": path, "KERNELS_USED": str(used)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert not used.exists(), used.read_text()
