"""Read a model folder's weights: copied into memory, all finite, and never more than their file is large.

transformers would map the files, so that rewriting one in place would change a running program's answers.
"""

import math
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch
from safetensors.torch import load_file
from torch import Tensor

from biosyn.checkpoint.files import FILES, WEIGHTS
from biosyn.errors import InputError
from biosyn.files import read_json

AGAIN = "copy or download the model again"

# All that a state dict of an encoder needs. torch allows more, such as a bytearray of any length.
_PICKLED_NAMES = {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"} | {
    f"torch {kind}Storage" for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Byte", "Bool")
}
_LEGACY_PICKLES = 5  # torch before 1.6 wrote: magic number, version, system, state dict, names of the storages


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of ``model.safetensors`` or ``pytorch_model.bin``, or of their parts, by name, on the CPU.

    Raises
    ------
    InputError
        If a file is missing or damaged, holds more than tensors, or a number that is not finite.
    """
    weights: dict[str, Tensor] = {}
    for path in _weight_files(folder):
        found = _tensors(path)
        for name, tensor in found.items():
            if fault := _fault(name, tensor):
                raise InputError(f"no encoder can be loaded ({ascii(name[:100])} {fault})", path=path)
        weights.update(found)
    return weights


def _weight_files(folder: Path) -> list[Path]:
    for single, index, part in WEIGHTS:
        if (folder / single).is_file():
            return [folder / single]
        if (folder / index).is_file():
            listed = read_json(folder / index).get("weight_map")
            names = sorted({str(name) for name in listed.values()}) if isinstance(listed, dict) else []
            if not names or not all(part.fullmatch(name) for name in names):  # nor may a name lead out of the folder
                raise InputError(f"does not list the parts of the weights: {AGAIN}", path=folder / index)
            if missing := [name for name in names if not (folder / name).is_file()]:
                raise InputError(f"the model folder lacks {missing[0]}: {AGAIN}", path=folder)
            return [folder / name for name in names]
    raise InputError(f"the model folder lacks {FILES.weights} (or {FILES.old_weights}): {AGAIN}", path=folder)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path, backend="pread")
        if reason := _refusal(path):
            raise InputError(f"no encoder can be loaded ({reason}): {AGAIN}", path=path)
        weights = torch.load(path, weights_only=True, map_location="cpu", mmap=False)
    except InputError:
        raise
    except Exception as error:  # on a damaged file, torch and safetensors raise errors of any type
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if type(error).__name__ == "UnpicklingError":  # torch's own message explains how to load the file unsafely
            reason = "its weights are damaged, or hold more than tensors and are not opened"
        raise InputError(f"no encoder can be loaded ({reason}): {AGAIN}", path=path) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError("no encoder can be loaded (it is not a state dict, tensors by name)", path=path)
    return {str(name): value.data for name, value in weights.items()}


def _refusal(path: Path) -> str | None:
    """Return why torch must not read the file: it names more than tensors, or unpacks to more than it is long."""
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"  # as torch decides it
        file.seek(0)
        if not is_zip:
            names = {name for _ in range(_LEGACY_PICKLES) for name in _names(file)}
        else:
            with zipfile.ZipFile(file) as archive:
                records = archive.infolist()
                if sum(record.file_size for record in records) > path.stat().st_size:
                    return "its records are packed, unlike any that torch writes"
                pickles = [record.filename for record in records if record.filename.endswith(".pkl")]
                names = {name for record in pickles for name in _names(archive.open(record))}
    other = sorted(names - _PICKLED_NAMES)
    return f"it asks for {ascii(other[0][:100])}, which no weights need, and is not opened" if other else None


def _names(file: IO[bytes]) -> Iterator[str]:
    """Yield ``module name`` of each class or function that the pickle asks for."""
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in {"GLOBAL", "INST"}:
            yield str(argument)
        elif opcode.name in {"STACK_GLOBAL", "EXT1", "EXT2", "EXT4"}:  # torch writes protocol 2, which has no others
            yield opcode.name


def _fault(name: str, tensor: Tensor) -> str | None:
    if tensor.is_sparse or tensor.is_quantized or tensor.is_meta:
        return "is no plain tensor"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():  # it repeats a few numbers
        return "is larger than its numbers"
    if not tensor.is_floating_point():
        return "is quantized: give the model's float weights" if name.endswith((".weight", ".bias")) else None
    if tensor.element_size() < 2:  # float8 has a scale beside it
        return "is quantized: give the model's float weights"
    return None if is_finite(tensor) else "has numbers that are not finite: give another copy"


def is_finite(tensor: Tensor) -> bool:
    """Say whether all numbers of a tensor are finite, in most cases without a second tensor."""
    # a sum is finite only if all its numbers are; it may overflow where they are finite
    total = tensor.sum(dtype=torch.float32 if tensor.element_size() < 4 else None)
    return math.isfinite(total) or bool(tensor.isfinite().all())
