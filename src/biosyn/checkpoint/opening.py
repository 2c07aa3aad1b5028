"""Opening a model folder or Hub id, whichever kind it is: ours, or one that upstream published."""

from dataclasses import dataclass
from pathlib import Path

from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.folder import load_sparse_encoder
from biosyn.checkpoint.hub import resolve_folder
from biosyn.checkpoint.manifest import Manifest, load_manifest, verify_files
from biosyn.checkpoint.published import is_published, load_published_sparse_encoder, load_published_sparse_weight
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.settings.verbs import MAX_LENGTH


@dataclass(frozen=True)
class Checkpoint:
    """All of a checkpoint but its encoder, which is still in the folder.

    Parameters
    ----------
    hashes
        Path inside the folder -> sha256, of the files that have been compared with the manifest.
    """

    folder: Path
    manifest: Manifest
    sparse_encoder: SparseEncoder
    hashes: dict[str, str]


def open_checkpoint(name_or_path: str | Path, *, revision: str | None = None) -> Checkpoint:
    """Open a BioSyn checkpoint; a published one gets the manifest that it lacks.

    Parameters
    ----------
    name_or_path
        A folder, or a Hub id, of which the files needed are downloaded once.
    revision
        Branch, tag or commit of the Hub id.

    Raises
    ------
    InputError
        If a file is missing, damaged or not the one that was saved, or the folder holds an encoder alone.
    """
    folder = resolve_folder(name_or_path, revision=revision)
    if (folder / FILES.manifest).is_file():
        manifest = load_manifest(folder)
        hashes = verify_files(folder, manifest)
        return Checkpoint(folder, manifest, load_sparse_encoder(folder), hashes)
    if is_published(folder):
        # upstream keeps no max_length: its examples and its default are 25
        manifest = Manifest(load_published_sparse_weight(folder), MAX_LENGTH)
        return Checkpoint(folder, manifest, load_published_sparse_encoder(folder), {})
    raise InputError(_why_not(folder), path=name_or_path)


def open_encoder(name_or_path: str | Path, *, revision: str | None = None) -> tuple[Path, dict[str, str]]:
    """Return the folder of an encoder, plain or a checkpoint's, and the hashes of files as `Checkpoint` has them."""
    folder = resolve_folder(name_or_path, revision=revision)
    if not (folder / FILES.manifest).is_file():
        return folder, {}
    return folder, verify_files(folder, load_manifest(folder))


def _why_not(folder: Path) -> str:
    if (folder / FILES.encoder_config).is_file():
        if (folder / FILES.sparse_encoder).is_file():
            return f"the model folder lacks {FILES.manifest}: saving it was not finished, save or copy the model again"
        return (
            f"is an encoder alone (neither {FILES.manifest} nor {FILES.published_sparse_encoder} is there): "
            "train a BioSyn model from it with train.py (--epoch 0 only adds the TF-IDF of a dictionary)"
        )
    return f"the model folder lacks {FILES.manifest}: give a folder that train.py wrote, or a published checkpoint"
