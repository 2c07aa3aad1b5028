"""What train.py and pretrain.py do alike: the epochs of a trainer, with states, log and models in one folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from biosyn.checkpoint.manifest import is_trained_as
from biosyn.distributed.ranks import is_first
from biosyn.files import remove_partial
from biosyn.model.biosyn import BioSyn
from biosyn.training.identity import MAY_CHANGE, AnyTraining, describe_dev, describe_training, identity
from biosyn.training.log import DevSet, TrainLog
from biosyn.training.states import KeptStates, TrainingState, state_of_first

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


def train_epochs(
    config: AnyTraining,
    biosyn: BioSyn,
    make_trainer: Callable[[], Trains],
    *,
    dev: DevSet | None,
    sizes: dict[str, int],
    output_dir: Path,
) -> list[dict[str, Any]]:
    """Train a model for the epochs that are left, save it, and return the rows of its log.

    Parameters
    ----------
    biosyn
        The model that the trainer trains.
    make_trainer
        Called unless no epoch is wanted: then nothing is trained, and the model is saved as it is.
    sizes
        How many ``names`` it is trained on, and how many ``mentions`` if any.

    Raises
    ------
    InputError
        If the run cannot be resumed, training diverges or something cannot be written.
    """
    trained = describe_training(config, **sizes)
    dev_data = describe_dev(config, dev)
    states = KeptStates(output_dir, identity(config, trained, dev_data), keep=config.keep_last)
    state = state_of_first(states.begin(resume=config.resume, epochs=config.epoch) if is_first() else None)
    if is_first():
        for folder in (output_dir, *output_dir.glob("checkpoint_*")):
            remove_partial(folder)
    log = TrainLog(output_dir, state.values["log"] if state else ())
    save = _saver(biosyn, trained, dev_data)
    if config.epoch == 0:
        save(output_dir, {"epoch": 0})
        return log.rows
    trainer = make_trainer()

    def save_models(row: dict[str, Any]) -> None:
        if config.save_checkpoint_all:
            save(output_dir / f"checkpoint_{row['epoch']}", row)
        if log.is_best() if config.keep_best else row["epoch"] == config.epoch:
            save(output_dir, row)

    start(trainer, state, log=log, save_models=save_models)
    del state  # three times the encoder's memory
    run_epochs(
        trainer,
        epochs=config.epoch,
        log=log,
        states=states,
        save_every_steps=config.save_every_steps,
        save_models=save_models,
    )
    return log.rows


def _saver(biosyn: BioSyn, trained: dict[str, Any], dev_data: dict[str, Any]) -> Callable[[Path, dict[str, Any]], None]:
    """Return the function that saves the model as it is after an epoch, with what it was trained and measured on.

    It is the first rank that saves.
    """

    def save(folder: Path, row: dict[str, Any]) -> None:
        told = {**trained, "last_epoch": row}
        # where it is saved already, a resumed run would take what was recorded there since; but without a loss in its
        # row a model may be that of another encoder, which has the same name
        if is_first() and (row["epoch"] == 0 or not is_trained_as(folder, told, but=MAY_CHANGE | {"epoch"})):
            figures = {"dev": {**dev_data, **row["dev"]}} if "dev" in row else {}
            biosyn.save_model(folder, trained=told, figures=figures)

    return save


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
