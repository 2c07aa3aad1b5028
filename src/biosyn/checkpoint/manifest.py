"""The manifest ``biosyn.json``: w, the settings, what the model was trained on, its figures, the sha256 of its files.

Data and models are described by name and sha256, never by path, so that a description means the same on any machine.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from biosyn.checkpoint.files import FILES, require
from biosyn.errors import InputError
from biosyn.files import read_json, sha256_of, sha256_of_files
from biosyn.retrieval.confidence import Calibration
from biosyn.retrieval.evidence import Reranking
from biosyn.retrieval.search import LARGEST_SPARSE_WEIGHT
from biosyn.settings.groups import POOLINGS, SIMILARITIES
from biosyn.writing import write_json

FORMAT_VERSION = 4
# format 1 had no figures, libraries or sha256 of files; format 2 had only the pooling cls and the similarity inner;
# format 3 had no annotations
READABLE_VERSIONS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Manifest:
    """Everything in a checkpoint but its weights and its n-grams.

    Parameters
    ----------
    sparse_weight
        w.
    max_length
        Tokens kept of a text, [CLS] and [SEP] included.
    pooling
        ``cls`` if a text's vector is the last hidden state at [CLS], ``mean`` if it is the mean over the tokens.
    similarity
        ``inner`` if the dense score is the inner product, or ``cosine``.
    trained
        What the model was trained on and how, as JSON values.
    figures
        Data set -> accuracy: ``{"dev": {...}, "test": {...}}``, where known.
    libraries
        Library -> version that the checkpoint was saved with.
    files
        Path inside the folder -> sha256; empty in format 1.
    calibration
        Score mode -> result of `Calibration.to_json`, where ``biosyn calibrate`` has been run.
    reranking
        Score mode -> result of `Reranking.to_json`, where ``biosyn rerank`` has been run.
    """

    sparse_weight: float
    max_length: int
    pooling: str = "cls"
    similarity: str = "inner"
    trained: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    reranking: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``biosyn.json``, whole or not at all."""
    values = asdict(manifest)
    if not manifest.reranking:  # an older program wrote none
        del values["reranking"]
    write_json(folder / FILES.manifest, {"format_version": values.pop("format_version"), **values})


def load_manifest(folder: str | Path) -> Manifest:
    """Read ``biosyn.json``; a manifest of a newer format is refused."""
    path = require(folder, FILES.manifest)
    values = read_json(path)
    found = values.get("format_version")
    if found not in READABLE_VERSIONS or isinstance(found, bool):
        raise InputError(
            f"format_version is {found}, this program reads {', '.join(map(str, READABLE_VERSIONS))}: "
            "use the biosyn that wrote it, or a newer one",
            path=path,
        )
    try:
        manifest = Manifest(
            sparse_weight=float(values["sparse_weight"]),
            max_length=int(values["max_length"]),
            pooling=str(values["pooling"]),
            similarity=str(values.get("similarity", "inner")),
            trained=dict(values["trained"]),
            figures=dict(values.get("figures", {})),
            libraries=dict(values.get("libraries", {})),
            files={str(name): str(digest) for name, digest in dict(values.get("files", {})).items()},
            calibration={
                str(mode): Calibration.from_json(part).to_json()
                for mode, part in dict(values.get("calibration", {})).items()
            },
            reranking={
                str(mode): Reranking.from_json(part).to_json()
                for mode, part in dict(values.get("reranking", {})).items()
            },
            format_version=int(found),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"is damaged ({error!r}): save the model again", path=path) from error
    if not _has_known_values(manifest):
        raise InputError("is damaged (sparse_weight, max_length, pooling or similarity is invalid)", path=path)
    if any(not _stays_inside(name) for name in manifest.files):
        raise InputError("is damaged (it lists files outside the folder)", path=path)
    return manifest


def _has_known_values(manifest: Manifest) -> bool:
    numbers = abs(manifest.sparse_weight) <= LARGEST_SPARSE_WEIGHT and manifest.max_length >= 3  # NaN is not
    return numbers and manifest.pooling in POOLINGS and manifest.similarity in SIMILARITIES


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def verify_files(folder: str | Path, manifest: Manifest) -> dict[str, str]:
    """Check that every file is the one that was saved with the manifest; return path inside the folder -> sha256.

    This finds files that were cut short or come from another model, and takes a second or less for a gigabyte.
    """
    for name, digest in manifest.files.items():
        if sha256_of(require(folder, name)) != digest:
            raise InputError(
                f"is not the file that {FILES.manifest} was saved with (its sha256 differs): "
                "copy or download the model again",
                path=Path(folder, name),
            )
    return manifest.files


# -- what a model was trained on, and a figure measured on


def is_trained_as(folder: str | Path, trained: dict[str, Any], *, but: Collection[str] = ()) -> bool:
    """Say whether the folder holds a checkpoint with this ``trained`` in its manifest, settings in ``but`` aside."""

    def compared(described: dict[str, Any]) -> dict[str, Any]:
        settings = described.get("settings")
        if not isinstance(settings, dict):
            return described
        return {**described, "settings": {key: value for key, value in settings.items() if key not in but}}

    try:
        return compared(load_manifest(folder).trained) == compared(trained)
    except InputError:
        return False


def describe_model(name_or_path: str, revision: str | None) -> dict[str, Any]:
    """Return a model's Hub id and revision, or the name of its folder."""
    path = Path(name_or_path)
    return {"name": path.resolve().name if path.is_dir() else name_or_path, "revision": revision}


def describe_data(queries: str | Path, dictionary: str | Path, *, mentions: int, names: int) -> dict[str, Any]:
    """Return the queries and the dictionary of a training run or a figure."""
    return {"queries": describe_queries(queries, mentions), "dictionary": describe_dictionary(dictionary, names)}


def describe_queries(folder: str | Path, n_mentions: int) -> dict[str, Any]:
    """Return the name of a folder of ``.concept`` files, one sha256 for all, and the number of mentions used."""
    paths = list(Path(folder).glob("*.concept"))
    return {
        "name": Path(folder).resolve().name,
        "sha256": sha256_of_files(paths),
        "documents": len(paths),
        "mentions": n_mentions,
    }


def describe_dictionary(path: str | Path, n_names: int) -> dict[str, Any]:
    """Return the dictionary file's name, its sha256 and the number of its names that were used."""
    return {"name": Path(path).name, "sha256": sha256_of(path), "names": n_names}


def described(trained: dict[str, Any], key: str) -> list[Any]:
    """Return the parts of an entry of ``trained``: a model of several dictionaries has a list of them, others one."""
    part = trained.get(key)
    return part if isinstance(part, list) else [part]
