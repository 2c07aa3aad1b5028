"""Training states: reading and writing them, which of them a run keeps, and which run may resume from them."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from biosyn.checkpoint.files import FILES
from biosyn.distributed.ranks import from_first, gathered, is_first, rank, tensors_from_first
from biosyn.errors import InputError
from biosyn.files import read_json, sha256_of
from biosyn.writing import discard, remove_leftovers, sync, whole_folder, write_json

logger = logging.getLogger(__name__)
_NAME = re.compile(r"(\d+)_(\d+)")  # complete epochs, steps taken of the next one
Identity = Mapping[str, Mapping[str, Any]]
FORMAT_VERSION = 1
TENSORS = "tensors.safetensors"
HEADER = "state.json"
NETWORK, OPTIMIZER, RANDOM = "network", "optimizer", "random"  # the first part of a tensor's name


@dataclass(frozen=True)
class TrainingState:
    """All that the rest of a training depends on.

    Parameters
    ----------
    epochs
        The number of complete epochs.
    steps
        The number of steps taken of the next one.
    tensors
        The tensors by name; on the CPU when they were read.
    values
        Everything else by name, as JSON.
    """

    epochs: int
    steps: int
    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def __str__(self) -> str:
        return f"epoch {self.epochs + 1}, step {self.steps}" if self.steps else f"the end of epoch {self.epochs}"


# -- the states of a run


class StateFolder:
    """The folder ``training_state`` in a run's output folder: a state is in ``<epochs>_<steps>``.

    Parameters
    ----------
    identity
        All that the training depends on, as JSON: ``settings`` by flag, and the sha256 of ``files`` by flag. A run with
        another identity does not resume from these states.
    keep
        The number of states to keep; 0 keeps one until the training is complete, and none after it.
    """

    def __init__(self, output_dir: Path, identity: Identity, *, keep: int):
        self.folder = output_dir / FILES.training_states
        self.identity = identity
        self.keep = keep

    def begin(self, *, resume: bool, epochs: int) -> TrainingState | None:
        """Return the newest state that is not damaged, or None: the training starts from the beginning.

        Damaged states that are newer are removed; without ``resume`` all states are, so that they are not taken for
        states of this run.

        Raises
        ------
        InputError
            If the state belongs to a run with other settings or data (the message names them) or to a later epoch than
            ``epochs``, or if all states are damaged.
        """
        remove_leftovers(self.folder)
        if resume:
            return self._newest(epochs)
        if self._paths():
            logger.warning("%s: states of an earlier run are removed (--resume would go on from them)", self.folder)
        self._remove_all_but(0)
        return None

    def save(self, state: TrainingState, *, log: Sequence[Mapping[str, Any]]) -> None:
        """Write a state with the rows of the training log, then remove the oldest ones; the first rank does it.

        If it cannot be written, the states before it stay.
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
        """Remove the state that was kept only until the training is complete."""
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

    def _require_same(self, state: TrainingState, path: Path, epochs: int) -> None:
        different = differences(self.identity, state.values["identity"])
        if different:
            raise InputError(
                f"is of another training: {', '.join(different)}; give the same, or start anew without --resume",
                path=path,
            )
        if epochs < (begun := state.epochs + (state.steps > 0)):
            raise InputError(f"is of epoch {begun}: --epoch {epochs} is less, give {begun} or more", path=path)

    def _remove_all_but(self, count: int) -> None:
        for path in self._paths()[count:]:
            discard(path)
        if count == 0:
            with suppress(OSError):  # it does not exist, or has files of the user
                self.folder.rmdir()


def differences(now: Identity, then: Identity) -> list[str]:
    """Return a line for each part of an identity that has changed.

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


# -- one state on disk


def write_state(folder: Path, state: TrainingState) -> None:
    """Write the state into a new folder, which is safe on disk when this returns.

    The header is written last, and has the sha256 of the tensors. If the disk is full, nothing is left of it.
    """
    try:
        with whole_folder(folder) as stage:
            save_file({name: part.detach().cpu().contiguous() for name, part in state.tensors.items()}, stage / TENSORS)
            sync(stage / TENSORS)
            header = {"format_version": FORMAT_VERSION, "epochs": state.epochs, "steps": state.steps}
            write_json(stage / HEADER, {**header, "sha256": sha256_of(stage / TENSORS), "values": state.values})
    except (OSError, SafetensorError, InputError) as error:
        reason = f"the training state cannot be written ({error})"
        raise InputError(f"{reason}: make room there, then go on with --resume", path=folder.parent) from error


def read_state(folder: Path) -> TrainingState:
    """Read a state; an InputError if a file is missing or not the one that was written."""
    path = folder / HEADER
    header = read_json(path)
    if header.get("format_version") != FORMAT_VERSION:
        found = header.get("format_version")
        raise InputError(f"format_version is {found}, this program reads {FORMAT_VERSION}", path=path)
    try:
        sha256, values = str(header["sha256"]), dict(header["values"])
        epochs, steps = int(header["epochs"]), int(header["steps"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"is damaged ({error!r})", path=path) from error
    if sha256_of(folder / TENSORS) != sha256:
        raise InputError(f"is not the file that {HEADER} was written with (its sha256 differs)", path=folder / TENSORS)
    try:
        # copies: what load_file returns is the mapped file
        tensors = {name: part.clone() for name, part in load_file(folder / TENSORS).items()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"is damaged ({error})", path=folder / TENSORS) from error
    return TrainingState(epochs, steps, tensors, values)


def state_of_first(state: TrainingState | None) -> TrainingState | None:
    """Return the first rank's state on every rank; the others may not see its disk."""
    header = from_first(None if state is None else replace(state, tensors={}))
    tensors = tensors_from_first({} if state is None else state.tensors)
    return None if header is None else replace(header, tensors=tensors)


# -- the tensors that every training has


def network_tensors(net: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the parameters and buffers of the network, and the optimizer's state of each parameter.

    The names are ``network.<parameter>`` and ``optimizer.<parameter>.<what>``; the optimizer has no state of a
    parameter that never had a gradient.

    Examples
    --------
    >>> net = nn.Linear(2, 1)
    >>> sorted(network_tensors(net, torch.optim.Adam(net.parameters())))
    ['network.bias', 'network.weight']
    """
    moments = {
        f"{OPTIMIZER}.{name}.{what}": value
        for name, parameter in net.named_parameters()
        for what, value in optimizer.state.get(parameter, {}).items()
    }
    return {**{f"{NETWORK}.{name}": part for name, part in _parts(net)}, **moments}


@torch.no_grad()
def restore_network(net: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors that `network_tensors` gave, among others, into a network and an optimizer made like those."""
    for name, part in _parts(net):
        part.copy_(tensors[f"{NETWORK}.{name}"])
    moments: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == OPTIMIZER:
            name, _, what = rest.rpartition(".")
            moments.setdefault(name, {})[what] = value
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    row_of = {parameter: row for row, parameter in enumerate(parameters)}
    state = {row_of[parameter]: moments[name] for name, parameter in net.named_parameters() if name in moments}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _parts(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers that a network is saved with, each once, however many modules share it."""
    saved = net.state_dict().keys()
    yield from net.named_parameters()
    yield from ((name, part) for name, part in net.named_buffers() if name in saved)  # others are constants


def generator_tensors(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's generators, on the CPU and on the device, as ``random.<rank>.<device>``.

    Every rank calls this and gets those of all ranks. Python's and NumPy's generators are not among them: nothing in a
    training draws from those.

    Examples
    --------
    >>> list(generator_tensors(torch.device("cpu")))
    ['random.0.cpu']
    """
    return {
        f"{RANDOM}.{number}.{name}": state
        for name, (get, _) in _generators(device).items()
        for number, state in enumerate(gathered(get()))
    }


def restore_generators(device: torch.device, tensors: Mapping[str, Tensor]) -> None:
    """Set this rank's generators to the states that `generator_tensors` gave; without a state they stay as seeded."""
    for name, (_, set_state) in _generators(device).items():
        if (key := f"{RANDOM}.{rank()}.{name}") in tensors:
            set_state(tensors[key])


def _generators(device: torch.device) -> dict[str, tuple[Callable[[], Tensor], Callable[[Tensor], object]]]:
    """Return the functions that get and set the state of each generator; a state is on the CPU, of whatever device."""
    found: dict[str, tuple[Callable[[], Tensor], Callable[[Tensor], object]]] = {
        "cpu": (torch.get_rng_state, torch.set_rng_state)
    }
    if device.type == "cuda":
        found["cuda"] = (partial(torch.cuda.get_rng_state, device), partial(torch.cuda.set_rng_state, device=device))
    elif device.type == "mps":
        found["mps"] = (torch.mps.get_rng_state, torch.mps.set_rng_state)
    return found
