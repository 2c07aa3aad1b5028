"""Training runs that are stopped at some point and resumed: what they leave is what an uninterrupted run leaves."""

import json
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

import biosyn.checkpoint.folder
from biosyn.checkpoint.manifest import load_manifest
from biosyn.cli.main import main as run_verb
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.training.states import StateFolder, read_state
from biosyn.training.train import train
from biosyn.training.trainer import Trainer


def main(argv):
    return run_verb(["train", *argv])


STEPS = 8  # an epoch: 16 mentions, 2 a step
TIMES = ("seconds", "mentions_per_second")


def without_times(row):
    return {key: value for key, value in row.items() if key not in TIMES}


def rows_of(folder):
    lines = (folder / "train_log.jsonl").read_text(encoding="utf-8").splitlines()
    return [without_times(json.loads(line)) for line in lines]


def left_in(folder):
    """All that a run has left but its times: every model's weights and manifest, the log, the names of the states."""
    left = {}
    for path in sorted(folder.rglob("biosyn.json")):
        manifest = load_manifest(path.parent)
        last = without_times(manifest.trained["last_epoch"])
        weights = (path.parent / "model.safetensors").read_bytes()
        left[path.parent.relative_to(folder).as_posix()] = (manifest.sparse_weight, last, manifest.figures, weights)
    return left, rows_of(folder), [path.name for path in states_of(folder)]


def states_of(folder):
    return sorted((folder / "training_state").glob("[0-9]*_[0-9]*"))


def place_of(state):
    """How many steps the training is from its beginning."""
    epochs, steps = map(int, state.name.split("_"))
    return epochs * STEPS + steps


@pytest.fixture
def settings(tiny_encoder, tiny_dictionary, tiny_queries):
    """A run of some seconds with everything in it that a state must keep."""
    return {
        "model_name_or_path": tiny_encoder,
        "train_dictionary_path": tiny_dictionary,
        "train_dir": tiny_queries,
        "dev_dictionary_path": tiny_dictionary,
        "dev_dir": tiny_queries,
        "topk": 6,
        "train_batch_size": 2,
        "epoch": 2,
        "learning_rate": 1e-3,
        "save_every_steps": 1,
        "device": "cpu",
    }


# -- stopped by an exception, in this process


class Stop(BaseException):
    """The exception that stops a run here; nothing catches it."""


def stop_at(monkeypatch, owner, name, when=lambda *args: True, *, after=False):
    """Let a function stop the run at the first call whose arguments are such, before or after it has done its work."""
    function = getattr(owner, name)

    def stopping(*args, **kwargs):
        if not after and when(*args):
            raise Stop
        result = function(*args, **kwargs)
        if when(*args):
            raise Stop
        return result

    monkeypatch.setattr(owner, name, stopping)


def at_state(name, **kwargs):
    """Stop when this state is saved."""
    return lambda patch: stop_at(
        patch, StateFolder, "save", lambda _, state: f"{state.epochs}_{state.steps}" == name, **kwargs
    )


def at_manifest(epoch):
    """Stop when a model of this epoch is saved all but its manifest."""
    return lambda patch: stop_at(
        patch,
        biosyn.checkpoint.folder,
        "write_manifest",
        lambda _, manifest: manifest.trained["last_epoch"]["epoch"] == epoch,
    )


STOPS = {  # an epoch has 4 steps
    "before the first save": at_state("0_1"),
    "within an epoch": at_state("1_2", after=True),
    "after the last step of an epoch": at_state("1_4", after=True),
    "before the state of an epoch": at_state("2_0"),
    "before the model of an epoch": at_state("2_0", after=True),
    "while a model is saved": at_manifest(2),
    "at the very end": lambda patch: stop_at(patch, StateFolder, "finish"),
}


@pytest.fixture(scope="session")
def uninterrupted(tiny_config, tiny_dictionary, tiny_queries, tmp_path_factory):
    """The settings of a run with dev, and the folder of one that was never stopped."""
    same = {"dev_dir": str(tiny_queries), "dev_dictionary_path": str(tiny_dictionary), "learning_rate": 1e-3}
    same |= {"epoch": 3, "keep_best": True, "save_checkpoint_all": True, "save_every_steps": 1}
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(tiny_config(folder, **same))
    assert set(left_in(folder)[0]) == {".", "checkpoint_1", "checkpoint_2", "checkpoint_3"}
    return same, folder


def stopped(stop, config):
    """Train until the stop."""
    with pytest.MonkeyPatch.context() as patch:
        stop(patch)
        with pytest.raises(Stop):
            train(config)


@pytest.mark.parametrize("stop", STOPS)
def test_a_run_stopped_anywhere_goes_on_to_the_same_models_and_log(tiny_config, uninterrupted, tmp_path, stop):
    same, folder = uninterrupted
    stopped(STOPS[stop], tiny_config(tmp_path, **same))
    resumed = train(tiny_config(tmp_path, resume=True, **same))
    assert left_in(tmp_path) == left_in(folder)
    assert list(map(without_times, resumed["epochs"])) == rows_of(folder)


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("0_1", {"gradient_accumulation_steps": 2, "train_batch_size": 2, "fixed_candidates": True}),
        ("1_0", {"gradient_accumulation_steps": 2, "train_batch_size": 3}),  # 3 steps of 6, 6 and 4 mentions
        ("1_2", {"fixed_candidates": True, "precision": "bfloat16"}),
        ("1_2", {"train_batch_size": 5, "seed": 3, "initial_sparse_weight": 1.0, "gradient_checkpointing": True}),
    ],
)
def test_every_kind_of_training_goes_on(tiny_config, tmp_path, state, changes):
    same = {"epoch": 2, "learning_rate": 1e-3, "save_every_steps": 1, **changes}
    train(tiny_config(tmp_path / "uninterrupted", **same))
    stopped(at_state(state, after=True), tiny_config(tmp_path / "stopped", **same))
    train(tiny_config(tmp_path / "stopped", resume=True, **same))
    assert left_in(tmp_path / "stopped") == left_in(tmp_path / "uninterrupted")


@pytest.mark.cuda
def test_on_cuda_the_losses_are_nearly_those_of_an_uninterrupted_run(tiny_config, tmp_path):
    same = {"epoch": 2, "save_every_steps": 1, "device": "cuda"}
    whole = train(tiny_config(tmp_path / "uninterrupted", **same))
    stopped(at_state("1_2", after=True), tiny_config(tmp_path / "stopped", **same))
    resumed = train(tiny_config(tmp_path / "stopped", resume=True, **same))
    losses = [[row["loss"] for row in result["epochs"]] for result in (whole, resumed)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_the_steps_done_are_not_taken_again(tiny_config, tmp_path, monkeypatch):
    same = {"epoch": 2, "save_every_steps": 3}  # 4 steps an epoch
    stopped(at_state("1_3", after=True), tiny_config(tmp_path, **same))
    assert [path.name for path in states_of(tmp_path)] == ["1_3"]
    taken, step = [], Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self, *args: taken.append(args) or step(self, *args))
    train(tiny_config(tmp_path, resume=True, **same))
    assert len(taken) == 1


def test_a_complete_run_is_resumed_with_more_epochs(tiny_config, tmp_path):
    train(tiny_config(tmp_path / "at_once", epoch=3))
    train(tiny_config(tmp_path / "in_two", epoch=1))
    train(tiny_config(tmp_path / "in_two", epoch=3, resume=True))
    assert left_in(tmp_path / "in_two") == left_in(tmp_path / "at_once")


@pytest.mark.parametrize("changes", [{}, {"search_memory": 1}, {"device": "auto"}])
def test_a_complete_run_resumed_is_left_as_it_is(tiny_config, tmp_path, changes):
    first = train(tiny_config(tmp_path))
    manifest = tmp_path / "biosyn.json"
    biosyn.checkpoint.folder.record_figures(tmp_path, "test", {"hybrid": {"acc1": 0.5}})
    before = manifest.read_bytes()
    assert train(tiny_config(tmp_path, resume=True, **changes)) == first
    assert manifest.read_bytes() == before


def test_the_models_of_a_run_with_more_epochs_keep_what_was_recorded(tiny_config, tmp_path):
    train(tiny_config(tmp_path, save_checkpoint_all=True))
    biosyn.checkpoint.folder.record_figures(tmp_path / "checkpoint_1", "test", {"hybrid": {"acc1": 0.5}})
    before = (tmp_path / "checkpoint_1" / "biosyn.json").read_bytes()
    train(tiny_config(tmp_path, save_checkpoint_all=True, resume=True, epoch=2))
    assert (tmp_path / "checkpoint_1" / "biosyn.json").read_bytes() == before


def test_without_a_state_resuming_begins_and_says_so(tiny_config, tmp_path, caplog):
    with caplog.at_level("INFO", logger="biosyn"):
        train(tiny_config(tmp_path / "resumed", resume=True))
    assert "there is no training state, starting from the beginning" in caplog.text
    train(tiny_config(tmp_path / "plain"))
    assert left_in(tmp_path / "resumed") == left_in(tmp_path / "plain")


def test_without_resume_an_earlier_run_is_forgotten(tiny_config, tmp_path, caplog):
    train(tiny_config(tmp_path, epoch=2, keep_last=5))
    train(tiny_config(tmp_path, epoch=1, seed=1, keep_last=5))
    assert "states of an earlier run are removed (--resume would go on from them)" in caplog.text
    assert [path.name for path in states_of(tmp_path)] == ["1_0"]
    assert [row["epoch"] for row in rows_of(tmp_path)] == [1]


@pytest.mark.parametrize(("keep", "kept"), [(0, []), (3, ["1_2", "1_4", "2_0"])])
def test_so_many_states_are_kept(tiny_config, tmp_path, keep, kept):
    train(tiny_config(tmp_path, epoch=2, save_every_steps=2, keep_last=keep))  # 0_2 0_4 1_0 1_2 1_4 2_0
    assert [path.name for path in states_of(tmp_path)] == kept
    assert (tmp_path / "training_state").exists() == bool(kept)


# -- what must be the same


def test_other_settings_and_data_are_named(tiny_config, tmp_path, write_dictionary, write_queries):
    train(tiny_config(tmp_path / "out"))
    dictionary = write_dictionary(*(f"D{row}||name {row}" for row in range(9)))
    queries = write_queries(("ataxia", "D1"))
    for changes, what in (
        ({"seed": 1}, "--seed is 1 (it was 0)"),
        ({"learning_rate": 0.5, "topk": 5}, "--topk is 5 (it was 6), --learning_rate is 0.5 (it was 1e-05)"),
        ({"train_dictionary_path": str(dictionary)}, "the content of --train_dictionary_path has changed"),
        ({"train_dir": str(queries)}, "the content of --train_dir has changed"),
        (
            {"dev_dir": str(queries), "dev_dictionary_path": str(dictionary)},
            "the content of --dev_dictionary_path has changed, the content of --dev_dir has changed",
        ),
    ):
        with pytest.raises(InputError) as refused:
            train(tiny_config(tmp_path / "out", resume=True, **changes))
        expected = f"1_0: is of another training: {what}; give the same, or start anew without --resume"
        assert str(refused.value) == f"{tmp_path / 'out' / 'training_state'}/{expected}"
    BioSyn.from_pretrained(tmp_path / "out")


def test_another_encoder_is_named(tiny_config, tiny_checkpoint, tmp_path):
    train(tiny_config(tmp_path / "out"))
    with pytest.raises(InputError, match="the content of --model_name_or_path has changed"):
        train(tiny_config(tmp_path / "out", model_name_or_path=str(tiny_checkpoint), resume=True))


def test_an_encoder_in_the_output_folder_is_no_hindrance(tiny_config, tiny_encoder, tmp_path):
    at_once, in_two = (shutil.copytree(tiny_encoder, tmp_path / name / "out") for name in ("at_once", "in_two"))
    same = {"epoch": 2, "save_checkpoint_all": True}
    train(tiny_config(at_once, model_name_or_path=str(at_once), **same))
    train(tiny_config(in_two, model_name_or_path=str(in_two), **{**same, "epoch": 1}))  # its model is written over it
    train(tiny_config(in_two, model_name_or_path=str(in_two), resume=True, **same))
    assert left_in(in_two) == left_in(at_once)


def test_what_changes_no_figure_may_change(tiny_config, tmp_path):
    train(tiny_config(tmp_path / "out"))
    changes = {"search_memory": 1, "save_every_steps": 3, "keep_last": 2, "epoch": 2, "show_progress": True}
    train(tiny_config(tmp_path / "out", resume=True, **changes))
    assert [row["epoch"] for row in rows_of(tmp_path / "out")] == [1, 2]


# -- what is damaged


def damage(state):
    path = state / "tensors.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_state_falls_back_to_the_one_before(tiny_config, tmp_path, caplog):
    same = {"epoch": 2, "save_every_steps": 2, "keep_last": 3, "learning_rate": 1e-3}
    train(tiny_config(tmp_path / "uninterrupted", **same))
    train(tiny_config(tmp_path / "out", **same))
    for state in states_of(tmp_path / "out")[1:]:
        damage(state)
    train(tiny_config(tmp_path / "out", resume=True, **same))
    assert caplog.text.count("(its sha256 differs): the state before it is taken") == 2
    left, right = left_in(tmp_path / "out"), left_in(tmp_path / "uninterrupted")
    assert left[:2] == right[:2]


# -- in processes of their own

PROGRAM = """
import sys
sys.stdout, sys.stderr = open({log!r} + ".out", "w"), open({log!r}, "w")
{first}
from biosyn.cli.main import main
code = main(["train", *{arguments!r}])
sys.stdout.flush()
sys.exit(code)
"""

DIE_SAVING = """
import os, signal
from biosyn.training import states
sync, calls = states.sync, []
def dying(path):  # the tensors are written, the header is not
    calls.append(path)
    if len(calls) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(path)
states.sync = dying
"""


@pytest.fixture
def start(forked, arguments):
    """Function: output folder, flags -> the process that trains; its messages go to ``<folder>.log``."""

    def run(folder, *flags, first="", **changes):
        log = str(folder.with_suffix(".log"))
        return forked(PROGRAM.format(log=log, first=first, arguments=arguments(folder, *flags, **changes)))

    return run


def finish(process, folder, code=0):
    """Wait for the process and return the lines of its log."""
    process.join(timeout=300)
    lines = folder.with_suffix(".log").read_text(encoding="utf-8").splitlines()
    assert process.exitcode == code, lines
    return lines


def kill_when(process, happens, delay=0.0):
    """Kill the process when something has happened, and it is so much later, in seconds."""
    while process.is_alive() and not happens():
        time.sleep(0.0005)
    time.sleep(delay)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it stopped before it was to be killed"


def newest(folder):
    return max(states_of(folder), key=place_of, default=None)


def check_all_loads(folder):
    """No state and no model that is not whole: a folder without a manifest is none."""
    for state in states_of(folder):
        read_state(state)
    for manifest in [*folder.glob("biosyn.json"), *folder.glob("checkpoint_*/biosyn.json")]:
        BioSyn.from_pretrained(manifest.parent)


class Kill(NamedTuple):
    """When a run is killed from outside, seconds after that; or what it runs first, to kill itself."""

    when: Callable = lambda folder, before: False
    delay: float = 0.0
    first: str = ""


FLAGS = ("--keep_best", "--save_checkpoint_all")


def kill_and_resume(start, tmp_path, kills, **changes):
    """Kill a run in each of these ways, resuming it each time; it leaves what an uninterrupted run leaves."""
    whole, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    finish(start(whole, *FLAGS, **changes), whole)
    for kill in [*kills, None]:
        expected = newest(killed)
        process = start(killed, *FLAGS, "--resume", first=kill.first if kill else "", **changes)
        if kill is None:
            finish(process, killed)
        else:
            kill_when(process, lambda kill=kill, before=expected: kill.when(killed, before), kill.delay)
            check_all_loads(killed)
        if expected is not None:  # nothing that was saved is lost
            assert f"from {expected}\n" in killed.with_suffix(".log").read_text(encoding="utf-8")
    assert left_in(killed) == left_in(whole)
    assert [path for path in killed.rglob("*partial*") if path.is_dir()] == []


def saved(place):
    """Whether a state was saved that is so many steps from the beginning, and newer than the one resumed from."""

    def happens(folder, before):
        least = place if before is None else max(place, place_of(before) + 1)
        return any(place_of(state) >= least for state in states_of(folder))

    return happens


def epoch_logged(folder, before):
    """Whether the second epoch is through; its state and models are not."""
    return (folder / "train_log.jsonl").exists() and len(rows_of(folder)) == 3  # epochs 0, 1 and 2


def test_a_kill_while_a_state_is_saved(start, tmp_path):
    kill_and_resume(start, tmp_path, [Kill(first=DIE_SAVING)])


@pytest.mark.slow
def test_a_kill_after_a_state_and_one_between_the_log_and_a_state(start, tmp_path):
    kill_and_resume(start, tmp_path, [Kill(saved(3)), Kill(epoch_logged)], epoch=3)


@pytest.mark.slow
def test_twenty_kills(start, tmp_path):
    chosen = random.Random(1)
    at_once = Kill(lambda folder, before: True, chosen.uniform(0, 1))
    later = [Kill(saved(7 * row), chosen.uniform(0, 0.05)) for row in range(1, 20)]  # of 160 steps
    kill_and_resume(start, tmp_path, [at_once, *later], epoch=20)


# -- the command


@pytest.fixture
def arguments(settings):
    """Function: output folder, flags -> argv."""

    def make(folder, *flags, **changes):
        given = {**settings, "output_dir": folder, **changes}
        return [*(part for key, value in given.items() for part in (f"--{key}", str(value))), *flags]

    return make


@pytest.fixture
def largest_file():
    """Function: writing more bytes than that to a file fails from then on, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_line_and_the_last_state_stays(arguments, largest_file, tmp_path, capsys):
    whole, folder = tmp_path / "uninterrupted", tmp_path / "full"
    assert main(arguments(whole)) == main(arguments(folder, epoch=1)) == 0
    before = newest(folder)
    largest_file((before / "tensors.safetensors").stat().st_size // 2)  # a model would have room
    capsys.readouterr()
    assert main(arguments(folder, "--resume", "--quiet")) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert line.startswith("train.py: error: ")
    assert "the training state cannot be written" in line
    assert line.endswith("make room there, then go on with --resume")
    assert newest(folder) == before
    check_all_loads(folder)
    largest_file(resource.RLIM_INFINITY)
    assert main(arguments(folder, "--resume")) == 0
    assert left_in(folder) == left_in(whole)


def test_the_flags_are_taken(arguments, tmp_path, capsys):
    argv = arguments(tmp_path / "out", "--resume", epoch=1, keep_last=2)
    assert main(argv) == 0
    assert [path.name for path in states_of(tmp_path / "out")] == ["0_8", "1_0"]
    capsys.readouterr()
    assert main([*argv, "--seed", "9"]) == 2
    assert "--seed is 9 (it was 0)" in capsys.readouterr().err
