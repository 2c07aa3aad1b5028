import hashlib
import json

import pytest
import torch
from torch import nn

from biosyn.devices import set_seed
from biosyn.errors import InputError
from biosyn.training.states import (
    HEADER,
    TENSORS,
    StateFolder,
    TrainingState,
    generator_tensors,
    network_tensors,
    read_state,
    restore_generators,
    restore_network,
    write_state,
)

# -- the states of a run

IDENTITY = {"settings": {"seed": 0, "revision": None}, "files": {"train_dir": "c0ffee"}}
ROWS = [{"epoch": 1}]


@pytest.fixture
def states(tmp_path):
    """Function: how many to keep -> the states of a run."""
    return lambda keep=1, identity=IDENTITY: StateFolder(tmp_path, identity, keep=keep)


def state_at(epochs, steps):
    return TrainingState(epochs, steps, {"place": torch.tensor([epochs, steps])}, {"seconds": 1.5})


def saved(states, *places):
    for epochs, steps in places:
        states.save(state_at(epochs, steps), log=ROWS)
    return states


def names_in(states):
    return sorted(path.name for path in states.folder.iterdir())


def place(found):
    return found.epochs, found.steps, found.tensors["place"].tolist()


def test_the_newest_is_by_number_and_has_what_was_saved(states):
    found = saved(states(3), (9, 0), (9, 10), (10, 0)).begin(resume=True, epochs=12)
    assert place(found) == (10, 0, [10, 0])
    assert found.values == {"seconds": 1.5, "identity": IDENTITY, "log": ROWS}


def test_the_oldest_go_first(states):
    kept = states(2)
    saved(kept, (0, 2), (0, 9), (0, 10), (1, 0))
    assert names_in(kept) == ["0_10", "1_0"]
    kept.finish()
    assert names_in(kept) == ["0_10", "1_0"]


def test_none_are_kept_at_the_end_if_so_wanted(states):
    kept = saved(states(0), (0, 2), (1, 0))
    assert names_in(kept) == ["1_0"]
    kept.finish()
    assert not kept.folder.exists()


def test_what_is_no_state_is_left_alone(states):
    kept = saved(states(0), (1, 0))
    (kept.folder / "my_notes").write_text("mine")
    (kept.folder / ".5_0.partial-5e1f00d1").mkdir()
    assert place(kept.begin(resume=True, epochs=1)) == (1, 0, [1, 0])
    kept.finish()
    assert names_in(kept) == ["my_notes"]


def test_there_is_none_at_the_beginning(states, caplog):
    with caplog.at_level("INFO", logger="biosyn"):
        assert states().begin(resume=True, epochs=1) is None
        assert states().begin(resume=False, epochs=1) is None
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "there is no training state, starting from the beginning"
    ]


def test_without_resume_those_of_an_earlier_run_go(states, caplog):
    kept = saved(states(2), (1, 0), (2, 0))
    assert kept.begin(resume=False, epochs=3) is None
    assert not kept.folder.exists()
    assert caplog.messages == [f"{kept.folder}: states of an earlier run are removed (--resume would go on from them)"]


def test_a_damaged_one_is_passed_over_and_removed(states, caplog):
    kept = saved(states(3), (1, 0), (2, 0), (2, 5))
    for name in ("2_0", "2_5"):
        (kept.folder / name / TENSORS).write_bytes(b"")
    assert place(kept.begin(resume=True, epochs=3)) == (1, 0, [1, 0])
    assert [message.endswith("the state before it is taken") for message in caplog.messages] == [True, True]
    assert names_in(kept) == ["1_0"]  # or else they would be taken for the newest ones when the next is saved


def test_only_damaged_ones_are_an_error_and_stay(states, caplog):
    kept = saved(states(3), (1, 0), (2, 0))
    for name in ("1_0", "2_0"):
        (kept.folder / name / TENSORS).write_bytes(b"")
    with pytest.raises(InputError, match=r"2_0/tensors.*and there is no other training state: start anew without --r"):
        kept.begin(resume=True, epochs=3)
    assert names_in(kept) == ["1_0", "2_0"]
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"settings": {"seed": 1, "revision": None}}, "--seed is 1 (it was 0)"),
        ({"settings": {"seed": 0, "revision": "main"}}, "--revision is main (it was None)"),
        ({"settings": {"seed": 0, "topk": 2}}, "--topk is 2 (it was None)"),
        ({"files": {"train_dir": "f00d"}}, "the content of --train_dir has changed"),
        ({"files": {}}, "the content of --train_dir has changed"),
    ],
)
def test_a_state_of_another_training_is_refused(states, changes, what):
    kept = saved(states(), (1, 0))
    with pytest.raises(InputError) as refused:
        states(identity={**IDENTITY, **changes}).begin(resume=True, epochs=2)
    expected = f"{kept.folder / '1_0'}: is of another training: {what}; give the same, or start anew without --resume"
    assert str(refused.value) == expected
    assert names_in(kept) == ["1_0"]


@pytest.mark.parametrize(("steps", "begun"), [(0, 2), (1, 3)])
def test_fewer_epochs_than_are_begun_are_refused(states, steps, begun):
    kept = saved(states(), (2, steps))
    with pytest.raises(InputError, match=f"is of epoch {begun}: --epoch {begun - 1} is less"):
        kept.begin(resume=True, epochs=begun - 1)
    assert kept.begin(resume=True, epochs=begun) is not None


def test_a_state_that_cannot_be_written_leaves_those_before(states, monkeypatch):
    kept = saved(states(), (1, 0))

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("biosyn.training.states.sync", full)
    with pytest.raises(InputError, match="No space left"):
        saved(kept, (2, 0))
    assert names_in(kept) == ["1_0"]
    assert place(kept.begin(resume=True, epochs=2)) == (1, 0, [1, 0])


# -- one state on disk

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


# -- the tensors that every training has


class Net(nn.Module):
    """A layer that is used, one that is not, one that stands twice, a buffer, and a constant."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 3)
        self.again = self.used
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("ones", torch.ones(1).expand(3), persistent=False)

    def forward(self, values):
        self.mean += values.mean(0)
        return self.again(self.used(values * self.ones))


def net_of(seed):
    torch.manual_seed(seed)
    net = Net()
    groups = [{"params": list(net.unused.parameters()) + list(net.used.parameters()), "lr": 0.1}]  # another order
    return net, torch.optim.Adam(groups)


def take_steps(net, optimizer, steps):
    for step in range(steps):
        net(torch.arange(6.0).view(2, 3) + step).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_each_part_has_one_name():
    net, optimizer = net_of(0)
    take_steps(net, optimizer, 1)
    parts = {f"network.{name}.{part}" for name in ("used", "unused") for part in ("weight", "bias")}
    kept = {
        f"optimizer.used.{part}.{what}" for part in ("weight", "bias") for what in ("exp_avg", "exp_avg_sq", "step")
    }
    assert set(network_tensors(net, optimizer)) == parts | kept | {"network.mean"}


def test_a_restored_network_trains_on_as_the_first_one():
    net, optimizer = net_of(0)
    take_steps(net, optimizer, 3)
    tensors = {name: part.detach().clone() for name, part in network_tensors(net, optimizer).items()}
    take_steps(net, optimizer, 2)
    other, its_optimizer = net_of(1)
    restore_network(other, its_optimizer, {**tensors, "another": torch.zeros(1)})
    take_steps(other, its_optimizer, 2)
    expected, found = network_tensors(net, optimizer), network_tensors(other, its_optimizer)
    assert found.keys() == expected.keys()
    assert all(torch.equal(part, found[name]) for name, part in expected.items())


def test_what_the_optimizer_is_set_to_is_not_restored():
    net, optimizer = net_of(0)
    take_steps(net, optimizer, 1)
    tensors = network_tensors(net, optimizer)
    its_optimizer = torch.optim.Adam(net.parameters(), lr=0.5)
    restore_network(net, its_optimizer, tensors)
    assert its_optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("name", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_a_generator_goes_on_where_it_was(name):
    device = torch.device(name)
    torch.rand(3), torch.rand(3, device=device)
    tensors = {key: state.clone() for key, state in generator_tensors(device).items()}
    first = torch.rand(2), torch.rand(2, device=device)
    set_seed(1)
    restore_generators(device, {**tensors, "random.0.xpu": torch.zeros(1, dtype=torch.uint8)})  # another device's
    assert all(torch.equal(a, b) for a, b in zip(first, (torch.rand(2), torch.rand(2, device=device)), strict=True))


@pytest.mark.parametrize("rank", [1, 10, 11])
def test_each_rank_gets_its_own_generators_and_one_without_a_state_stays_as_it_is_seeded(rank, monkeypatch):
    monkeypatch.setattr("biosyn.training.states.rank", lambda: rank)
    states = {number: torch.Generator().manual_seed(number).get_state() for number in range(11)}
    set_seed(rank)
    before = torch.get_rng_state()
    restore_generators(torch.device("cpu"), {f"random.{number}.cpu": state for number, state in states.items()})
    assert torch.equal(torch.get_rng_state(), states.get(rank, before))
