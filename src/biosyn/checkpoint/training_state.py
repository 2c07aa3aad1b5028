"""The state of a training between two steps, as a folder: safetensors and JSON, written whole or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from biosyn.distributed.ranks import json_from_first, tensors_from_first
from biosyn.errors import InputError
from biosyn.files import read_json, sha256_of, write_json
from biosyn.whole_folders import sync, whole_folder

FORMAT_VERSION = 1
TENSORS = "tensors.safetensors"
HEADER = "state.json"


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


def state_of_first(state: TrainingState | None) -> TrainingState | None:
    """Return the first rank's state on every rank; the others' need not have its disk."""
    header = None if state is None else [state.epochs, state.steps, state.values]
    header, tensors = json_from_first(header), tensors_from_first({} if state is None else state.tensors)
    return None if header is None else TrainingState(header[0], header[1], tensors, header[2])


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
