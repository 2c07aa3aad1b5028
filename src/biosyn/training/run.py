"""A run of either training: its epochs, with log, states and models in one folder."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.manifest import is_trained_as
from biosyn.data.dictionary import DictionaryDataset
from biosyn.distributed.ranks import is_first
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.training.epoch import Loop, Method
from biosyn.training.identity import MAY_CHANGE, AnyConfig, Description
from biosyn.training.log import TrainLog
from biosyn.training.states import StateFolder, state_of_first
from biosyn.writing import remove_leftovers, require_writable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)
Settings = TypeVar("Settings", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings of a run, under the names of the flags.

    Parameters
    ----------
    epoch
        The number of epochs, those of the run that is resumed included.
    resume
        Go on from the newest state, if there is one.
    save_every_steps
        Save the state after so many steps of an epoch too; 0 saves it after each epoch only.
    keep_last
        The number of states to keep; 0 keeps one until the run is complete.
    save_checkpoint_all
        Save the model of each epoch in a folder ``checkpoint_<epoch>``, too.
    keep_best
        Save the model of the best epoch on dev, not of the last one.
    """

    epoch: int
    resume: bool
    save_every_steps: int
    keep_last: int
    save_checkpoint_all: bool
    keep_best: bool
    show_progress: bool


def settings_of(record: type[Settings], config: AnyConfig) -> Settings:
    """Return the record of those settings of the config that it has fields for."""
    return record(**{field.name: getattr(config, field.name) for field in fields(record)})


def starting_model(config: AnyConfig, names: Sequence[str], *, device: torch.device, similarity: str | None) -> BioSyn:
    """Return the model that a training starts from: the encoder given, and the TF-IDF of the N names."""
    biosyn = BioSyn(
        config.max_length,
        device,
        initial_sparse_weight=config.initial_sparse_weight,
        precision=config.precision,
        search_memory=config.search_memory,
        pooling=config.pooling,
        similarity=similarity,
    )
    biosyn.load_dense_encoder(config.model_name_or_path, revision=config.revision)
    biosyn.init_sparse_encoder(names)
    return biosyn


@contextmanager
def sole_run(output_dir: Path) -> Iterator[None]:
    """Let no other run train into the folder meanwhile; the first rank holds the lock for all ranks of this one.

    The system releases the lock of a run that dies; the empty file that it leaves is taken by the next one.

    Raises
    ------
    InputError
        If another run holds it, or if the folder cannot be written to.
    """
    if not is_first():
        yield
        return
    path = require_writable(output_dir) / FILES.training_lock
    try:
        lock = FileLock(path, timeout=0).acquire()
    except Timeout as error:
        message = "another run is training into this folder: wait for it, or choose another --output_dir"
        raise InputError(message, path=output_dir) from error
    except OSError as error:
        raise InputError(f"cannot be locked: {error.strerror}", path=path) from error
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: nobody else has locked this file


def run_epochs(
    biosyn: BioSyn,
    make_method: Callable[[], Method],
    settings: RunSettings,
    *,
    description: Description,
    output_dir: Path,
) -> list[dict[str, Any]]:
    """Train a model for the epochs that are left, save it, and return the rows of its log.

    After each epoch its row is logged, then the state is saved, then the models: a run that was stopped at any point of
    that can be resumed. At the end the names that the saved encoder has embedded for dev become its index in the cache:
    the first use of the model on that dictionary embeds nothing.

    Parameters
    ----------
    biosyn
        The model that the method trains.
    make_method
        It is called after the state has been checked, and only if there are epochs: without any, nothing is trained and
        the model is saved as it is.
    """
    states = StateFolder(output_dir, description.identity, keep=settings.keep_last)
    state = state_of_first(states.begin(resume=settings.resume, epochs=settings.epoch) if is_first() else None)
    if is_first():
        for folder in (output_dir, *output_dir.glob("checkpoint_*")):
            remove_leftovers(folder)
    log = TrainLog(output_dir, state.values["log"] if state else ())
    if settings.epoch == 0:
        save_model(biosyn, output_dir, {"epoch": 0}, description)
        return log.rows

    embedded: Tensor | None = None  # (N, H) dev's names by the encoder that is saved, which may be an earlier one

    def save_models(row: dict[str, Any]) -> None:
        nonlocal embedded
        if settings.save_checkpoint_all:
            save_model(biosyn, output_dir / f"checkpoint_{row['epoch']}", row, description)
        if log.is_best() if settings.keep_best else row["epoch"] == settings.epoch:
            save_model(biosyn, output_dir, row, description)
            names = method.dev_names()
            embedded = None if names is None else names.cpu()  # a GPU's memory is the next epoch's

    def save_state_within(taken: int) -> None:
        if settings.save_every_steps and taken % settings.save_every_steps == 0:
            states.save(loop.state(), log=log.rows)

    method = make_method()
    loop = Loop(method, show_progress=settings.show_progress)
    if state is not None:
        loop.restore(state)
        if not state.steps:
            save_models(log.rows[-1])  # the run may have been stopped before it saved them
    elif figures := method.dev_accuracy():
        log.add({"epoch": 0, **figures})
    del state  # it takes three times the encoder's memory
    while loop.epochs < settings.epoch:
        row = {"epoch": loop.epochs + 1, **loop.run_epoch(save_state_within), **method.dev_accuracy()}
        log.add(row)
        states.save(loop.state(), log=log.rows)
        save_models(row)
    states.finish()
    if embedded is not None and method.dev is not None:
        keep_index(biosyn, output_dir, method.dev.dictionary, embedded)
    return log.rows


def keep_index(biosyn: BioSyn, folder: Path, dictionary: DictionaryDataset, names: Tensor) -> None:
    """Keep the vectors (N, H), on the CPU, of the saved model as its index; without a cache, say so and go on."""
    try:
        biosyn.index_of(folder, dictionary, names.numpy())
    except InputError as error:
        logger.warning("the embedded names are not kept for the first use of the model: %s", error)


def save_model(biosyn: BioSyn, folder: Path, row: dict[str, Any], description: Description) -> None:
    """Save the model as it is after an epoch, with its description and the epoch's row of the log; on the first rank.

    A folder that has the model of this very epoch already is left alone, with all that was recorded in it since.
    """
    trained = {**description.trained, "last_epoch": row}
    # a model without a loss in its row may come from another encoder of the same name
    if is_first() and (row["epoch"] == 0 or not is_trained_as(folder, trained, but=MAY_CHANGE | {"epoch"})):
        figures = {"dev": {**description.dev, **row["dev"]}} if "dev" in row else {}
        biosyn.save_model(folder, trained=trained, figures=figures)
