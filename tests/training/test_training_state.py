import hashlib
import json

import pytest
import torch

from biosyn.errors import InputError
from biosyn.training.states import HEADER, TENSORS, TrainingState, read_state, write_state

TENSOR_TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8)


@pytest.fixture
def state():
    tensors = {str(dtype): torch.arange(6).to(dtype).view(2, 3) for dtype in TENSOR_TYPES}
    return TrainingState(3, 17, {**tensors, "number": torch.tensor(0.1)}, {"log": [{"loss": 0.1}], "none": None})


@pytest.fixture
def folder(state, tmp_path):
    write_state(tmp_path / "states" / "3_17", state)
    return tmp_path / "states" / "3_17"


def test_a_state_comes_back_bit_for_bit(state, folder):
    found = read_state(folder)
    assert (found.epochs, found.steps, found.values) == (3, 17, state.values)
    assert found.tensors.keys() == state.tensors.keys()
    for name, tensor in state.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_tensors_of_any_layout_are_written(tmp_path):
    wide = torch.arange(6.0).view(2, 3)
    write_state(
        tmp_path / "0_1", TrainingState(0, 1, {"turned": wide.T, "needs_grad": wide.clone().requires_grad_()}, {})
    )
    assert torch.equal(read_state(tmp_path / "0_1").tensors["turned"], wide.T)


def test_a_state_says_where_it_is():
    assert str(TrainingState(2, 5, {}, {})) == "epoch 3, step 5"
    assert str(TrainingState(2, 0, {}, {})) == "the end of epoch 2"


def test_it_is_safetensors_and_json_alone(folder):
    assert sorted(path.name for path in folder.iterdir()) == [HEADER, TENSORS]
    assert json.loads((folder / HEADER).read_text())["format_version"] == 1


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def rewrite(**changes):
    def change(path):
        values = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))

    return change


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        (TENSORS, cut, "sha256 differs"),
        (TENSORS, flip, "sha256 differs"),
        (TENSORS, lambda path: path.unlink(), "cannot be read"),
        (HEADER, lambda path: path.unlink(), "cannot be read"),
        (HEADER, lambda path: path.write_text("{"), "not valid JSON"),
        (HEADER, rewrite(format_version=2), "format_version is 2, this program reads 1"),
        (HEADER, rewrite(steps=None), "is damaged"),
        (HEADER, rewrite(values=[1]), "is damaged"),
    ],
)
def test_what_is_not_as_written_is_refused(folder, name, change, what):
    change(folder / name)
    with pytest.raises(InputError, match=what) as refused:
        read_state(folder)
    assert str(refused.value).startswith(str(folder))


def test_no_tensors_with_the_right_sum_are_refused(folder):
    (folder / TENSORS).write_bytes(b"nothing")
    rewrite(sha256=hashlib.sha256(b"nothing").hexdigest())(folder / HEADER)
    with pytest.raises(InputError, match="is damaged"):
        read_state(folder)


@pytest.mark.parametrize("name", ["save_file", "sync", "write_json"])
def test_a_write_that_fails_leaves_nothing(state, tmp_path, monkeypatch, name):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"biosyn.training.states.{name}", full)
    with pytest.raises(InputError, match=r"No space left on device.*make room there, then go on with --resume"):
        write_state(tmp_path / "3_17", state)
    assert list(tmp_path.iterdir()) == []


def test_the_header_is_written_last(state, tmp_path, monkeypatch):
    def killed(path, values):
        assert (path.parent / TENSORS).stat().st_size
        raise KeyboardInterrupt

    monkeypatch.setattr("biosyn.training.states.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        write_state(tmp_path / "3_17", state)
