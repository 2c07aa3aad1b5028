"""Open a model folder or Hub id of any kind: a checkpoint in our format, one published by upstream, or an encoder."""

from dataclasses import dataclass
from pathlib import Path

from biosyn.checkpoint.files import FILES
from biosyn.checkpoint.folder import load_annotations, load_sparse_encoder, read_sentence_transformers
from biosyn.checkpoint.hub import resolve_folder
from biosyn.checkpoint.manifest import Manifest, load_manifest, verify_files
from biosyn.checkpoint.published import is_published, load_published_sparse_encoder, load_published_sparse_weight
from biosyn.data.annotations import Annotations
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.settings.groups import MAX_LENGTH


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint without its encoder, which `load_encoder` reads from the folder.

    Parameters
    ----------
    hashes
        The sha256 of each file that was compared with the manifest, by its path inside the folder.
    annotations
        The counts of annotations in training; None if the checkpoint has none.
    """

    folder: Path
    manifest: Manifest
    sparse_encoder: SparseEncoder
    hashes: dict[str, str]
    annotations: Annotations | None = None


def open_checkpoint(name_or_path: str | Path, *, revision: str | None = None) -> Checkpoint:
    """Open a BioSyn checkpoint; a published one gets a manifest with its w and the default settings.

    A file other than the one that was saved is refused, and so is a folder with an encoder alone.

    Parameters
    ----------
    name_or_path
        A folder, or a Hub id, whose files are downloaded once.
    revision
        Branch, tag or commit of the Hub id.
    """
    folder = resolve_folder(name_or_path, revision=revision)
    if (folder / FILES.manifest).is_file():
        manifest = load_manifest(folder)
        hashes = verify_files(folder, manifest)
        sparse_encoder, annotations = load_sparse_encoder(folder), load_annotations(folder, manifest)
        return Checkpoint(folder, manifest, sparse_encoder, hashes, annotations)
    if is_published(folder):
        read_sentence_transformers(folder)
        # upstream saves no max_length: 25 is its default, and used in its examples
        manifest = Manifest(load_published_sparse_weight(folder), MAX_LENGTH)
        return Checkpoint(folder, manifest, load_published_sparse_encoder(folder), {})
    raise InputError(_why_not(folder), path=name_or_path)


def open_encoder(name_or_path: str | Path, *, revision: str | None = None) -> tuple[Path, dict[str, str]]:
    """Return the folder of a plain encoder or of a checkpoint, and the hashes of its files as in `Checkpoint`."""
    folder = resolve_folder(name_or_path, revision=revision)
    if not (folder / FILES.manifest).is_file():
        read_sentence_transformers(folder)
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
