"""The folder of a preprocessed corpus: what it holds, and what preprocessing may replace in it."""

import os
from collections.abc import Iterable
from pathlib import Path

from biosyn.data.concepts import CONCEPTS_FILE
from biosyn.data.vocabularies import VOCABULARIES_FILE
from biosyn.errors import InputError

SPLITS = ("train", "dev", "test")
TRAINDEV = "processed_traindev"
FOLDERS = (*SPLITS, *(f"processed_{split}" for split in SPLITS), TRAINDEV)
FILES = (*(f"{split}_dictionary.txt" for split in SPLITS), CONCEPTS_FILE, VOCABULARIES_FILE)


def require_replaceable(output_dir: str | Path, *, inputs: Iterable[str | Path] = ()) -> None:
    """Refuse an output folder in which one of our names is an input or something that we did not write.

    Nothing that belongs to the user is ever deleted.
    """
    output_dir = Path(output_dir)
    targets = {(output_dir / name).resolve() for name in FILES}
    for path in inputs:
        if Path(path).resolve() in targets:
            raise InputError("would be overwritten by the output: choose another --output_dir", path=path)
    for name in FILES:
        target = output_dir / name
        if target.is_dir():
            raise InputError("is a folder where a file is to be written: choose another --output_dir", path=target)
    for name in FOLDERS:
        folder = output_dir / name
        if os.path.lexists(folder) and not _is_ours(folder):
            raise InputError(
                "holds other things than .concept files and their .txt: choose another --output_dir", path=folder
            )


def _is_ours(folder: Path) -> bool:
    """Say whether a folder holds documents only: every ``.txt`` has a ``.concept`` of the same name."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    paths = list(folder.iterdir())
    documents = {path.stem for path in paths if path.suffix == ".concept"}
    return all(path.is_file() and path.suffix in (".concept", ".txt") and path.stem in documents for path in paths)
