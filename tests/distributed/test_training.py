"""train.py by several ranks: the candidates, losses and weights of one process, at the same batch size."""

import json
import math
import shutil

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

SIZES = [pytest.param(2, marks=pytest.mark.slow), 3]
# 14 mentions, of which some have no positive candidate. Three ranks share batches of two: one has no part in them.
SETTINGS = {
    "plain": ["--train_batch_size", "2"],
    "accumulated": ["--train_batch_size", "3", "--gradient_accumulation_steps", "2", "--fixed_candidates"],
    "checkpointed": ["--train_batch_size", "6", "--gradient_checkpointing", "--dense_ratio", "1"],
}


@pytest.fixture
def arguments(still_encoder, tiny_dictionary, tiny_queries, tmp_path):
    """Function: setting and name of the output -> the command."""

    def make(setting, name, *flags, encoder=still_encoder):
        paths = {
            "--model_name_or_path": encoder,
            "--train_dictionary_path": tiny_dictionary,
            "--train_dir": tiny_queries,
            "--dev_dictionary_path": tiny_dictionary,
            "--dev_dir": tiny_queries,
            "--output_dir": tmp_path / name,
        }
        numbers = [
            "--topk",
            "4",
            "--epoch",
            "2",
            "--keep_last",
            "9",
            "--learning_rate",
            "1e-3",
            *SETTINGS[setting],
            *flags,
        ]
        return ["train", *(str(part) for pair in paths.items() for part in pair), *numbers]

    return make


@pytest.mark.parametrize("size", SIZES)
def test_the_candidates_are_those_of_one_process(on_ranks, still_encoder, tiny_dictionary, tiny_queries, size):
    paths = [str(still_encoder), str(tiny_dictionary), str(tiny_queries)]
    (alone,) = on_ranks(1, "candidates", *paths)
    assert on_ranks(size, "candidates", *paths) == [alone] * size


@pytest.mark.parametrize("size", SIZES)
def test_several_ranks_train_what_one_would(on_ranks, arguments, tmp_path, size):
    settings = ["accumulated", "checkpointed"] if size == 2 else ["plain"]
    (alone,) = on_ranks(1, "commands", *(arguments(setting, f"1-{setting}") for setting in settings))
    several = on_ranks(size, "commands", *(arguments(setting, f"{size}-{setting}") for setting in settings))
    for number, setting in enumerate(settings):
        expected = json.loads(alone[number][1])
        found = json.loads(several[0][number][1])
        for one, other in zip(expected["epochs"], found["epochs"], strict=True):
            assert one["dev"] == other["dev"]
            for key in ("loss", "w") if one["epoch"] else ():
                assert math.isclose(one[key], other[key], rel_tol=1e-5), (setting, key)
        assert expected["epochs"][1]["positive_share"] == found["epochs"][1]["positive_share"] < 1
        one, other = (load_file(tmp_path / f"{ranks}-{setting}" / "model.safetensors") for ranks in (1, size))
        for name in one:
            if not name.endswith("key.bias"):  # its gradient is 0 but for rounding, which Adam blows up
                assert_close(other[name], one[name], rtol=0, atol=1e-4)
        for code, out, err in (one[number] for one in several[1:]):  # the other ranks are silent
            assert (code, out) == (0, "")
            assert "epoch=" not in err


def remove_states_after(folder, name):
    """Leave what a run that was killed after that state would have left."""
    for path in (folder / "training_state").iterdir():
        if tuple(map(int, path.name.split("_"))) > tuple(map(int, name.split("_"))):
            shutil.rmtree(path)


def test_a_resumed_run_of_the_same_ranks_is_the_uninterrupted_one_bit_for_bit(
    on_ranks, arguments, tiny_encoder, tmp_path
):
    every = ("--save_every_steps", "3")
    peaceful = on_ranks(2, "command", *arguments("plain", "peaceful", *every, encoder=tiny_encoder))  # with dropout
    expected = json.loads(peaceful[0][1])["epochs"]
    for state in ("0_3", "1_0"):
        shutil.copytree(tmp_path / "peaceful", tmp_path / state)
        remove_states_after(tmp_path / state, state)
        resumed = on_ranks(2, "command", *arguments("plain", state, *every, "--resume", encoder=tiny_encoder))
        found = json.loads(resumed[0][1])["epochs"]
        for one, other in zip(expected, found, strict=True):
            for key in ("loss", "w", "dev"):
                assert one.get(key) == other.get(key)
        assert (tmp_path / state / "model.safetensors").read_bytes() == (
            tmp_path / "peaceful" / "model.safetensors"
        ).read_bytes()


@pytest.mark.slow
def test_other_ranks_may_go_on_and_learn_the_same_but_for_dropout(on_ranks, arguments, tmp_path):
    peaceful = on_ranks(2, "command", *arguments("plain", "peaceful", "--save_every_steps", "3"))
    expected = json.loads(peaceful[0][1])["epochs"]
    shutil.copytree(tmp_path / "peaceful", tmp_path / "by-3")
    remove_states_after(tmp_path / "by-3", "0_3")
    found = json.loads(on_ranks(3, "command", *arguments("plain", "by-3", "--resume"))[0][1])["epochs"]
    for one, other in zip(expected[1:], found[1:], strict=True):
        assert math.isclose(one["loss"], other["loss"], rel_tol=1e-5)
