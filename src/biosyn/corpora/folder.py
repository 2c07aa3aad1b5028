"""The folder of a preprocessed corpus: what it holds, and what preprocessing may replace in it."""

import os
from collections.abc import Iterable
from pathlib import Path

from biosyn.data.concepts import CONCEPTS_FILE
from biosyn.data.vocabularies import VOCABULARIES_FILE
from biosyn.errors import InputError
from biosyn.places import Inputs

SPLITS = ("train", "dev", "test")
TRAINDEV = "processed_traindev"
FOLDERS = (*SPLITS, *(f"processed_{split}" for split in SPLITS), TRAINDEV)
FILES = (*(f"{split}_dictionary.txt" for split in SPLITS), CONCEPTS_FILE, VOCABULARIES_FILE)


def require_replaceable(output_dir: str | Path, *, inputs: Iterable[str | Path] = ()) -> Inputs:
    """Refuse an output folder in which one of our names is an input or something that we did not write.

    Nothing that belongs to the user is ever deleted.

    Parameters
    ----------
    inputs
        Files, and folders of files, that are read.

    Returns
    -------
    Inputs
        Their files.
    """
    output_dir = Path(output_dir)
    for name in FOLDERS:
        folder = output_dir / name
        if os.path.lexists(folder) and not _is_ours(folder):
            raise InputError(
                "holds other things than .concept files and their .txt: choose another --output_dir", path=folder
            )
    written = {output_dir / name for name in FILES}
    written |= {path for name in FOLDERS for path in (output_dir / name).glob("*")}
    own = set(map(_place, written))  # no reader of a folder takes a file from there
    paths = list(map(Path, inputs))
    files = [file for path in paths if path.is_dir() for file in path.rglob("*") if _place(file) not in own]
    found = Inputs([*files, *(path for path in paths if not path.is_dir())])
    found.require_apart(sorted(written), option="--output_dir")
    return found


def _place(path: Path) -> str:
    return os.path.join(os.path.realpath(path.parent), path.name)


def _is_ours(folder: Path) -> bool:
    """Say whether a folder holds documents only: every ``.txt`` has a ``.concept`` of the same name."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    paths = list(folder.iterdir())
    documents = {path.stem for path in paths if path.suffix == ".concept"}
    return all(path.is_file() and path.suffix in (".concept", ".txt") and path.stem in documents for path in paths)
