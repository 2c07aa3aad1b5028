"""Weights are copies, whole, finite and no larger than their file."""

import json
import shutil
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load_file, save_file

from biosyn.checkpoint.encoder import load_encoder
from biosyn.checkpoint.weights import read_weights
from biosyn.errors import InputError

CPU = torch.device("cpu")
WORDS = "embeddings.word_embeddings.weight"


@pytest.fixture
def folder(tiny_encoder, tmp_path):
    """A copy of the tiny encoder that a test may change."""
    return shutil.copytree(tiny_encoder, tmp_path / "encoder")


def as_bin(folder, **kwargs):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin", **kwargs)
    return folder / "pytorch_model.bin"


def in_parts(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    for part, name in enumerate(names):
        save_file(dict(list(weights.items())[part::2]), folder / name)
    listed = {key: names[row % 2] for row, key in enumerate(weights)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}), encoding="utf-8")
    return folder / names[0]


@pytest.mark.parametrize("write", [lambda folder: folder / "model.safetensors", as_bin, in_parts])
def test_a_file_that_is_overwritten_in_place_does_not_change_a_model_in_memory(write, folder):
    path = write(folder)
    model, _ = load_encoder(folder, CPU)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with path.open("r+b") as file:
        file.write(b"\x55" * path.stat().st_size)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with path.open("r+b") as file:
        file.truncate(16)  # a mapped file would end the process here
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("legacy", [False, True])
def test_torchs_files_of_old_and_new_format_give_the_same_tensors(legacy, folder):
    expected = read_weights(folder)
    as_bin(folder, _use_new_zipfile_serialization=not legacy)
    found = read_weights(folder)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_weight_that_is_not_finite_is_refused(number, dtype, folder):
    weights = load_file(folder / "model.safetensors")
    weights[WORDS] = weights[WORDS].to(dtype)
    weights[WORDS][7, 3] = number
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(InputError, match=rf"{WORDS}' has numbers that are not finite"):
        load_encoder(folder, CPU)


def test_finite_weights_whose_sum_is_not_are_read(folder):
    weights = load_file(folder / "model.safetensors")
    weights[WORDS][7, :3] = torch.finfo(torch.float32).max
    save_file(weights, folder / "model.safetensors")
    assert torch.equal(read_weights(folder)[WORDS], weights[WORDS])


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_quantized_weights_are_refused(dtype, folder):
    weights = load_file(folder / "model.safetensors")
    weights[WORDS] = weights[WORDS].to(dtype)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(InputError, match="is quantized: give the model's float weights"):
        load_encoder(folder, CPU)


@pytest.mark.parametrize("outside", ["../other/model-00001-of-00002.safetensors", "/etc/passwd", "model.bin", 7])
def test_a_list_of_parts_that_leads_out_of_the_folder_is_refused(outside, folder):
    in_parts(folder)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WORDS: outside}}))
    with pytest.raises(InputError, match="does not list the parts of the weights"):
        load_encoder(folder, CPU)


def test_a_missing_part_is_named(folder):
    in_parts(folder).unlink()
    with pytest.raises(InputError, match=r"lacks model-00001-of-00002\.safetensors"):
        load_encoder(folder, CPU)


class _Asks:
    """Pickled as a call of the function with the arguments."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_asks_for_memory_is_refused_before_it_gets_it(legacy, folder):
    as_bin(folder)
    hostile = OrderedDict(a=_Asks(bytearray, 8 * 10**12))  # torch would make it: 8 TB
    torch.save(hostile, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match="asks for .*bytearray', which no weights need, and is not opened"):
        load_encoder(folder, CPU)


def test_a_file_that_unpacks_to_more_than_it_is_long_is_refused(folder):
    path = as_bin(folder)
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in records.items():
            archive.writestr(name, content + b"\0" * 10**7 if name.endswith("/data/0") else content)
    with pytest.raises(InputError, match="its records are packed"):
        load_encoder(folder, CPU)


def test_a_tensor_that_repeats_one_number_is_refused(folder):
    path = as_bin(folder)
    torch.save({WORDS: torch.zeros(1).expand(10**6, 10**6)}, path)
    with pytest.raises(InputError, match="is larger than its numbers"):
        load_encoder(folder, CPU)


@pytest.mark.parametrize("content", [{"state": {WORDS: torch.zeros(2)}}, [torch.zeros(2)], torch.zeros(2), {"a": 1}])
def test_a_file_of_anything_but_tensors_by_name_is_refused(content, folder):
    torch.save(content, as_bin(folder))
    with pytest.raises(InputError, match="no encoder can be loaded"):
        load_encoder(folder, CPU)
