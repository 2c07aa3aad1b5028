import pytest
import torch

from biosyn.errors import InputError
from biosyn.training.states import TENSORS, KeptStates, TrainingState

IDENTITY = {"settings": {"seed": 0, "revision": None}, "files": {"train_dir": "c0ffee"}}
ROWS = [{"epoch": 1}]


@pytest.fixture
def states(tmp_path):
    """Function: how many to keep -> the states of a run."""
    return lambda keep=1, identity=IDENTITY: KeptStates(tmp_path, identity, keep=keep)


def state(epochs, steps):
    return TrainingState(epochs, steps, {"place": torch.tensor([epochs, steps])}, {"seconds": 1.5})


def saved(states, *places):
    for epochs, steps in places:
        states.save(state(epochs, steps), log=ROWS)
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
    (kept.folder / ".5_0.partial-new-1").mkdir()
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
