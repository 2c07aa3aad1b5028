import pytest

from biosyn.training.log import TrainLog
from biosyn.training.run import run_epochs, start
from biosyn.training.states import KeptStates, TrainingState

STEPS = 5


class FakeTrainer:
    """Epochs of five steps that do nothing."""

    def __init__(self, dev=False):
        self.epochs = self.steps = 0
        self.dev = dev

    def run_epoch(self, after_step):
        while self.steps < STEPS:
            self.steps += 1
            after_step(self.steps)
        self.epochs, self.steps = self.epochs + 1, 0
        return {"loss": 0.5}

    def dev_accuracy(self):
        return {"dev": {"hybrid": {"acc1": 0.25}}} if self.dev else {}

    def state(self):
        return TrainingState(self.epochs, self.steps, {}, {})

    def restore(self, state):
        self.epochs, self.steps = state.epochs, state.steps


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function: trainer and settings -> what was done, in order."""
    identity = {"settings": {}, "files": {}}

    def call(trainer, *, epochs, resume=False, **settings):
        done = []
        states = KeptStates(tmp_path, identity, keep=1)
        state = states.begin(resume=resume, epochs=epochs)
        log = TrainLog(tmp_path, state.values["log"] if state else ())
        for owner, name, told in (
            (log, "add", lambda row: f"log {row['epoch']}"),
            (states, "save", lambda state, log: f"state {state.epochs}_{state.steps}"),
            (states, "finish", lambda: "finish"),
        ):
            function = getattr(owner, name)
            monkeypatch.setattr(
                owner,
                name,
                lambda *args, function=function, told=told, **named: (
                    done.append(told(*args, **named)) or function(*args, **named)
                ),
            )

        def save_models(row):
            done.append(f"models {row['epoch']}")

        start(trainer, state, log=log, save_models=save_models)
        run_epochs(trainer, epochs=epochs, log=log, states=states, save_models=save_models, **settings)
        return done

    return call


def test_an_epoch_is_logged_then_its_state_is_saved_then_its_models(run):
    assert run(FakeTrainer(), epochs=2) == [
        *("log 1", "state 1_0", "models 1"),
        *("log 2", "state 2_0", "models 2"),
        "finish",
    ]


def test_states_are_saved_after_so_many_steps_too(run):
    saved = [what for what in run(FakeTrainer(), epochs=2, save_every_steps=2) if what.startswith("state")]
    assert saved == ["state 0_2", "state 0_4", "state 1_0", "state 1_2", "state 1_4", "state 2_0"]


def test_what_dev_says_of_the_untrained_model_comes_first(run):
    assert run(FakeTrainer(dev=True), epochs=1) == ["log 0", "log 1", "state 1_0", "models 1", "finish"]


def test_a_run_resumed_at_the_end_of_an_epoch_makes_up_for_its_models(run):
    run(FakeTrainer(dev=True), epochs=1)
    resumed = run(FakeTrainer(dev=True), epochs=2, resume=True)
    assert resumed == ["models 1", "log 2", "state 2_0", "models 2", "finish"]


def test_a_run_resumed_within_an_epoch_takes_the_steps_left(run, monkeypatch):
    trainer = FakeTrainer()
    monkeypatch.setattr(trainer, "run_epoch", lambda after_step: run_three(trainer, after_step))
    with pytest.raises(KeyboardInterrupt):
        run(trainer, epochs=1, save_every_steps=3)
    assert run(FakeTrainer(), epochs=1, resume=True, save_every_steps=1) == [
        *("state 0_4", "state 0_5", "log 1", "state 1_0", "models 1"),
        "finish",
    ]


def run_three(trainer, after_step):
    for trainer.steps in (1, 2, 3):
        after_step(trainer.steps)
    raise KeyboardInterrupt
