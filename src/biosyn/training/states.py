"""The states that a run keeps beside its model, newest first; and which run may go on from them."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.training_state import TrainingState, read_state, write_state
from biosyn.distributed.ranks import is_first
from biosyn.errors import InputError
from biosyn.whole_folders import discard, remove_partial

logger = logging.getLogger(__name__)
_NAME = re.compile(r"(\d+)_(\d+)")  # epochs that are through, steps of the next one
Identity = Mapping[str, Mapping[str, Any]]


class KeptStates:
    """The folder ``training_state`` of a run's output folder, which holds a state as ``<epochs>_<steps>``.

    Parameters
    ----------
    output_dir
        The run's.
    identity
        All that the training depends on, as JSON: ``settings`` by flag, and the sha256 of ``files`` by flag. A run
        of another identity does not go on from these states.
    keep
        How many to keep; 0 keeps one until the training is complete, and none after it.
    """

    def __init__(self, output_dir: Path, identity: Identity, *, keep: int):
        self.folder = output_dir / FILES.training_states
        self.identity = identity
        self.keep = keep

    def begin(self, *, resume: bool, epochs: int) -> TrainingState | None:
        """Return the state to go on from, None for a training from the beginning; what is not to be kept is removed.

        That is damaged states newer than the one returned; or without ``resume`` all states of an earlier run, so that
        they are not taken for this one's.

        Raises
        ------
        InputError
            If the newest state is of a run of other settings or data (the message names them) or has more epochs than
            are wanted, or all states are damaged.
        """
        remove_partial(self.folder)
        if resume:
            return self._newest(epochs)
        if self._paths():
            logger.warning("%s: states of an earlier run are removed (--resume would go on from them)", self.folder)
        self._remove_all_but(0)
        return None

    def save(self, state: TrainingState, *, log: Sequence[Mapping[str, Any]]) -> None:
        """Write a state with the rows of the training log, then remove the oldest ones; of several ranks the first.

        Raises
        ------
        InputError
            If it cannot be written; the states before it stay.
        """
        if not is_first():
            return
        values = {**state.values, "identity": self.identity, "log": log}
        write_state(
            self.folder / f"{state.epochs}_{state.steps}",
            TrainingState(state.epochs, state.steps, state.tensors, values),
        )
        self._remove_all_but(max(self.keep, 1))

    def finish(self) -> None:
        """Remove what is not to be kept once the training is complete."""
        if self.keep == 0 and is_first():
            self._remove_all_but(0)

    def _newest(self, epochs: int) -> TrainingState | None:
        damaged: dict[Path, InputError] = {}
        for path in self._paths():
            try:
                state = read_state(path)
            except InputError as error:
                damaged[path] = error
                continue
            self._require_same(state, path, epochs)
            for newer, reason in damaged.items():
                logger.warning("%s: the state before it is taken", reason)
                discard(newer)
            logger.info("going on after %s, from %s", state, path)
            return state
        if damaged:
            first = next(iter(damaged.values()))
            raise InputError(f"{first}, and there is no other training state: start anew without --resume")
        logger.info("%s: there is no training state, starting from the beginning", self.folder)
        return None

    def _paths(self) -> list[Path]:
        """Return the folders of the states, newest first."""
        found = [path for path in self.folder.glob("*_*") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: tuple(map(int, path.name.split("_"))), reverse=True)

    def _remove_all_but(self, count: int) -> None:
        for path in self._paths()[count:]:
            discard(path)
        if count == 0:
            with suppress(OSError):  # it was never there, or holds something that is not ours
                self.folder.rmdir()

    def _require_same(self, state: TrainingState, path: Path, epochs: int) -> None:
        different = differences(self.identity, state.values["identity"])
        if different:
            raise InputError(
                f"is of another training: {', '.join(different)}; give the same, or start anew without --resume",
                path=path,
            )
        if epochs < (begun := state.epochs + (state.steps > 0)):
            raise InputError(f"is of epoch {begun}: --epoch {epochs} is less, give {begun} or more", path=path)


def differences(now: Identity, then: Identity) -> list[str]:
    """Say what of an identity is no longer as it was.

    Examples
    --------
    >>> now = {"settings": {"topk": 10, "seed": 0}, "files": {"train_dir": "c0ffee"}}
    >>> then = {"settings": {"topk": 20, "seed": 0}, "files": {"train_dir": "f00d"}}
    >>> differences(now, then)
    ['--topk is 10 (it was 20)', 'the content of --train_dir has changed']
    """
    return [
        *(f"--{flag} is {found} (it was {was})" for flag, found, was in _changed(now["settings"], then["settings"])),
        *(f"the content of --{flag} has changed" for flag, _, _ in _changed(now["files"], then["files"])),
    ]


def _changed(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for flag in dict.fromkeys([*now, *then]):
        if now.get(flag) != then.get(flag):
            yield flag, now.get(flag), then.get(flag)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators that a training draws from: torch's, on the CPU and on the device.

    Python's and NumPy's are not among them: nothing in a training draws from those.

    Examples
    --------
    >>> list(random_states(torch.device("cpu")))
    ['cpu']
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(device: torch.device, states: Mapping[str, Tensor]) -> None:
    """Set the generators to what `random_states` gave; one of a device that gave none stays as it is seeded."""
    torch.set_rng_state(states["cpu"])
    if device.type in states and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type in states and device.type == "mps":
        torch.mps.set_rng_state(states["mps"])
