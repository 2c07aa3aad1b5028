"""Finding the files of a corpus below the folder that a user unpacked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import require_folder


def raw_files(raw_dir: str | Path, names: Mapping[str, str]) -> dict[str, Path]:
    """Return the path of each file, packed (``.gz``) where only that is there; reading tells what is missing."""
    plain = {key: Path(raw_dir) / name for key, name in names.items()}
    return {key: _existing(path) or path for key, path in plain.items()}


def raw_file(raw_dir: str | Path, names: Sequence[str]) -> Path:
    """Return the first of the relative names that is there, as it is or packed (``.gz``).

    Raises
    ------
    InputError
        If the folder is missing, or there is none of them in it.
    """
    folder = require_folder(raw_dir)
    for name in names:
        path = _existing(folder / name)
        if path:
            return path
    raise InputError(f"holds no {' or '.join(names)} (nor the same with .gz): check --raw_dir", path=folder)


def _existing(path: Path) -> Path | None:
    return next((found for found in (path, path.with_name(f"{path.name}.gz")) if found.is_file()), None)
