import random

import numpy as np
import pytest
import torch

from biosyn.devices import resolve_device, resolve_precision, room_for_vectors, set_seed
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn

HAS_CUDA = torch.cuda.is_available()
HAS_MPS = torch.backends.mps.is_available()


def test_the_cpu_is_always_there():
    assert resolve_device("cpu") == torch.device("cpu")


def test_the_room_for_vectors_is_2_gb_or_half_of_what_a_gpu_has_left():
    assert room_for_vectors(torch.device("cpu")) == 2 * 10**9
    if HAS_CUDA:
        assert room_for_vectors(torch.device("cuda")) < torch.cuda.mem_get_info()[1] // 2 + 1


@pytest.mark.parametrize(
    ("known", "expected"),
    [({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16"), ({"avx512_vnni": True}, "float32")],
)
def test_auto_is_bfloat16_on_a_cpu_that_multiplies_it(monkeypatch, known, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert BioSyn(precision="auto").precision == expected
    assert BioSyn().precision == resolve_precision("float32", torch.device("cpu")) == "float32"


def test_auto_is_float32_where_torch_does_not_say_or_has_no_kernels_for_it(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto", torch.device("cpu")) == "float32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert resolve_precision("auto", torch.device("cpu")) == "float32"
    assert resolve_precision("auto", torch.device("mps")) == "float32"


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_auto_is_bfloat16_on_a_gpu_of_capability_8_or_more(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", torch.device("cuda")) == expected


def test_auto_takes_cuda_where_there_is_one():
    assert resolve_device("auto").type == ("cuda" if HAS_CUDA else "cpu")


@pytest.mark.cuda
def test_cuda_is_found_where_there_is_one():
    assert resolve_device("cuda").type == "cuda"


@pytest.mark.skipif(HAS_CUDA, reason="this machine has CUDA")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_without_cuda_the_message_says_what_to_do(name):
    with pytest.raises(InputError, match="--device cpu"):
        resolve_device(name)


@pytest.mark.skipif(HAS_CUDA, reason="this machine has CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda")])
def test_a_model_is_not_made_for_a_device_that_is_not_there(device):
    with pytest.raises(InputError, match="no CUDA device for 'cuda"):
        BioSyn(device=device)
    with pytest.raises(InputError, match="no CUDA device for 'cuda"):
        BioSyn.from_pretrained("no_such_folder", device=device)


def test_a_model_takes_the_names_of_devices_that_the_commands_take():
    assert BioSyn(device="auto").device == resolve_device("auto")
    with pytest.raises(InputError, match="unknown device 'gpu'"):
        BioSyn(device="gpu")


def test_a_cuda_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="cuda:99"):
        resolve_device("cuda:99")


@pytest.mark.skipif(HAS_MPS, reason="this machine has an Apple GPU")
def test_without_an_apple_gpu_the_message_says_what_to_do():
    with pytest.raises(InputError, match="--device cpu"):
        resolve_device("mps")


@pytest.mark.parametrize("name", ["gpu", "", "meta", "xpu", None])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(InputError, match="unknown device"):
        resolve_device(name)


def test_the_same_seed_gives_the_same_numbers_everywhere():
    def draw():
        set_seed(7)
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draw() == draw()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_beyond_32_bits_works_too(seed):
    set_seed(seed)


@pytest.fixture
def two_ranks_and_gpus(monkeypatch):
    """The second of two ranks, on a machine with two CUDA devices, as far as the choice of a device goes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("biosyn.devices.size", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_rank_takes_the_gpu_of_its_number(two_ranks_and_gpus, name):
    assert resolve_device(name) == torch.device("cuda:1")


def test_one_gpu_is_none_for_several_ranks(two_ranks_and_gpus):
    with pytest.raises(InputError, match="'cuda:1' is one device, not one for each of 2 ranks"):
        resolve_device("cuda:1")
    assert resolve_device("cpu") == torch.device("cpu")
