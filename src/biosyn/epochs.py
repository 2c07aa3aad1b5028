"""The epochs of a training run, one after the other, with its log, its states and its models on disk."""

from collections.abc import Callable
from typing import Any, Protocol

from biosyn.checkpoint.training_state import TrainingState
from biosyn.training.log import TrainLog
from biosyn.training.states import KeptStates

SaveModels = Callable[[dict[str, Any]], object]


class Trains(Protocol):
    """What is run: see `biosyn.training.trainer.Trainer`."""

    epochs: int

    def run_epoch(self, after_step: Callable[[int], object]) -> dict[str, float]:
        """Train for an epoch, or for the rest of the one that is begun; return its figures."""

    def dev_accuracy(self) -> dict[str, Any]:
        """Return what is measured before the first epoch and after each one; it may be nothing."""

    def state(self) -> TrainingState:
        """Return all that the rest of the training depends on."""

    def restore(self, state: TrainingState) -> None:
        """Go back to a state."""


def start(trainer: Trains, state: TrainingState | None, *, log: TrainLog, save_models: SaveModels) -> None:
    """Measure once before training; or go back to a state, and make up for models that its run did not come to save."""
    if state is not None:
        trainer.restore(state)
        if not state.steps:
            save_models(log.rows[-1])
    elif figures := trainer.dev_accuracy():
        log.add({"epoch": 0, **figures})


def run_epochs(
    trainer: Trains,
    *,
    epochs: int,
    log: TrainLog,
    states: KeptStates,
    save_every_steps: int = 0,
    save_models: SaveModels,
) -> None:
    """Train until so many epochs are through.

    After an epoch its row is logged, then the state is saved, then the models; `start` takes up a run that was ended
    at any point of that.

    Parameters
    ----------
    epochs
        How many in all, those of an earlier run counted.
    save_every_steps
        Also save the state after so many steps of an epoch; 0 saves it at the end of an epoch only.
    save_models
        Told the row of each epoch that is through; an epoch may come again, with the same model.

    Raises
    ------
    InputError
        If something cannot be written.
    """

    def save_within(steps: int) -> None:
        if save_every_steps and steps % save_every_steps == 0:
            states.save(trainer.state(), log=log.rows)

    while trainer.epochs < epochs:
        row = {"epoch": trainer.epochs + 1, **trainer.run_epoch(save_within), **trainer.dev_accuracy()}
        log.add(row)
        states.save(trainer.state(), log=log.rows)
        save_models(row)
    states.finish()
