"""The states that a run keeps beside its model, newest first; and which run may go on from them."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from biosyn.checkpoint.files import FILES
from biosyn.distributed.ranks import from_first, gathered, is_first, size, tensors_from_first
from biosyn.errors import InputError
from biosyn.files import discard, read_json, remove_partial, sha256_of, sync, whole_folder, write_json

logger = logging.getLogger(__name__)
_NAME = re.compile(r"(\d+)_(\d+)")  # epochs that are through, steps of the next one
Identity = Mapping[str, Mapping[str, Any]]
FORMAT_VERSION = 1
TENSORS = "tensors.safetensors"
HEADER = "state.json"
NETWORK, OPTIMIZER, RANDOM = "network", "optimizer", "random"


@dataclass(frozen=True)
class TrainingState:
    """All that the rest of a training depends on.

    Parameters
    ----------
    epochs
        How many are through.
    steps
        How many were taken of the epoch after them.
    tensors
        By name; on the CPU when read.
    values
        By name: JSON.
    """

    epochs: int
    steps: int
    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def __str__(self) -> str:
        return f"epoch {self.epochs + 1}, step {self.steps}" if self.steps else f"the end of epoch {self.epochs}"


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


def state_of_first(state: TrainingState | None) -> TrainingState | None:
    """Return the first rank's state on every rank; the others' need not have its disk."""
    header = from_first(None if state is None else replace(state, tensors={}))
    tensors = tensors_from_first({} if state is None else state.tensors)
    return None if header is None else replace(header, tensors=tensors)


def write_state(folder: Path, state: TrainingState) -> None:
    """Write the state into a new folder, which is safe on disk when this returns.

    The header is written last, and has the sha256 of the tensors.

    Raises
    ------
    InputError
        If it cannot be written, for example because the disk is full; nothing is left of it then.
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
    """Read a state.

    Raises
    ------
    InputError
        If a file is missing, damaged, not the one that was written, or of another format.
    """
    path = folder / HEADER
    header = read_json(path)
    if header.get("format_version") != FORMAT_VERSION:
        found = header.get("format_version")
        raise InputError(f"format_version is {found}, this program reads {FORMAT_VERSION}", path=path)
    try:
        sha256, values = str(header["sha256"]), dict(header["values"])
        epochs, steps = int(header["epochs"]), int(header["steps"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is damaged ({error!r})", path=path) from error
    if sha256_of(folder / TENSORS) != sha256:
        raise InputError(f"is not the file that {HEADER} was written with (its sha256 differs)", path=folder / TENSORS)
    try:
        tensors = {name: part.clone() for name, part in load_file(folder / TENSORS).items()}  # theirs map the file
    except (OSError, SafetensorError) as error:
        raise InputError(f"is damaged ({error})", path=folder / TENSORS) from error
    return TrainingState(epochs, steps, tensors, values)


def network_tensors(net: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the parameters and buffers of the network, and what the optimizer keeps of each parameter.

    The names are ``network.<parameter>`` and ``optimizer.<parameter>.<what>``; a parameter that never had a gradient
    has none of the latter.

    Examples
    --------
    >>> net = nn.Linear(2, 1)
    >>> sorted(network_tensors(net, torch.optim.Adam(net.parameters())))
    ['network.bias', 'network.weight']
    """
    kept = {
        f"{OPTIMIZER}.{name}.{what}": value
        for name, parameter in net.named_parameters()
        for what, value in optimizer.state.get(parameter, {}).items()
    }
    return {**{f"{NETWORK}.{name}": part for name, part in _parts(net)}, **kept}


@torch.no_grad()
def restore_network(net: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors that `network_tensors` gave into a network and an optimizer made as those were.

    Parameters
    ----------
    tensors
        They may hold others, too.
    """
    for name, part in _parts(net):
        part.copy_(tensors[f"{NETWORK}.{name}"])
    kept: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == OPTIMIZER:
            name, _, what = rest.rpartition(".")
            kept.setdefault(name, {})[what] = value
    row_of = {parameter: row for row, parameter in enumerate(_parameters(optimizer))}
    state = {row_of[parameter]: kept[name] for name, parameter in net.named_parameters() if name in kept}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def states_of_ranks(mine: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return the generators' states of all ranks, out of each rank's own; they are on the CPU, of whatever device."""
    by_device = {device: gathered(state) for device, state in mine.items()}
    return [{device: states[rank] for device, states in by_device.items()} for rank in range(size())]


def random_tensors(ranks: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the generators' states as ``random.<rank>.<device>``, of each process of a training.

    Examples
    --------
    >>> state = torch.zeros(1)
    >>> list(random_tensors([{"cpu": state, "cuda": state}, {"cpu": state}]))
    ['random.0.cpu', 'random.0.cuda', 'random.1.cpu']
    """
    return {f"{RANDOM}.{rank}.{name}": state for rank, states in enumerate(ranks) for name, state in states.items()}


def random_states_of(tensors: Mapping[str, Tensor], *, rank: int) -> dict[str, Tensor]:
    """Return the generators' states of one process out of a training state's tensors.

    Examples
    --------
    >>> list(random_states_of({"random.0.cpu": torch.zeros(1), "random.1.cpu": torch.zeros(1)}, rank=1))
    ['cpu']
    """
    start = f"{RANDOM}.{rank}."
    return {name.removeprefix(start): state for name, state in tensors.items() if name.startswith(start)}


def _parts(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers that a network is saved with, each once, however many modules share it."""
    saved = net.state_dict().keys()
    yield from net.named_parameters()
    yield from ((name, part) for name, part in net.named_buffers() if name in saved)  # others are constants


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]
