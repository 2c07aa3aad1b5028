"""What an approximate index is called and made of: its key, its header and its files, inside the dictionary index's."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.files import canonical_json, library_versions, read_json, sha256_of, write_json
from biosyn.index.dictionary_index import HEADER, DictionaryIndex
from biosyn.index.faiss_index import GRAPH, LISTS, FaissSettings, require_faiss
from biosyn.index.key import DIGEST_LENGTH

FORMAT = "biosyn approximate index"
FORMAT_VERSION = 1
FAISS_FILE, PROJECTION = "names.faiss", "projection.npy"  # (N, H + D) in FAISS's own format, and (V, D) float32
FILES = (FAISS_FILE, PROJECTION)
PREFIX = "ann-"

DIMENSIONS = 128  # D: of the TF-IDF in a joint vector
CANDIDATES = {GRAPH: 200, LISTS: 500}  # names of a mention that are scored exactly: the short codes of lists need more
MANY_NAMES = 1_000_000  # with more, a search keeps twice as many of the graph in sight
GRAPH_NAMES = 4_000_000  # with more, lists: a tenth of the memory


@dataclass(frozen=True)
class AnnKey:
    """All that an approximate index depends on.

    Parameters
    ----------
    index
        Key of the dictionary index.
    sparse_weight
        w, which is inside the joint vectors.
    faiss
        How they are held and searched.
    dimensions, candidates, seed
        D; the names of a mention that are scored exactly; of everything that is drawn.
    """

    index: str
    sparse_weight: float
    faiss: FaissSettings
    dimensions: int = DIMENSIONS
    candidates: int = CANDIDATES[GRAPH]
    seed: int = 0

    def folder_name(self) -> str:
        """Return the name of its folder, inside that of the dictionary index."""
        parts = canonical_json({"format_version": FORMAT_VERSION, **asdict(self)})
        return PREFIX + hashlib.sha256(parts).hexdigest()[:DIGEST_LENGTH]


@dataclass(frozen=True)
class AnnHeader:
    """``header.json``: what an approximate index holds, and how well it finds.

    Parameters
    ----------
    key
        What it was made of.
    shape
        N and the numbers of a joint vector.
    measured
        Its recall against the exact search, and how that was measured.
    files
        File name -> ``{"bytes", "sha256"}``.
    """

    key: AnnKey
    shape: tuple[int, int]
    measured: dict[str, float]
    files: dict[str, dict[str, Any]]

    def summary(self) -> dict[str, Any]:
        """Return what users are told of it, as JSON: what it is, and how well it finds."""
        key = self.key
        return {
            "kind": key.faiss.kind,
            "candidates": key.candidates,
            "sparse_weight": key.sparse_weight,
            **self.measured,
        }


def faiss_settings(n_names: int) -> FaissSettings:
    """Return what suits a dictionary of so many names; docs/scale.md has the measurements.

    Examples
    --------
    >>> faiss_settings(70_000).kind, faiss_settings(10_000_000)
    ('hnsw', FaissSettings(kind='ivf', size=12649, build_effort=10, effort=256))
    """
    if n_names <= GRAPH_NAMES:
        return FaissSettings(GRAPH, size=32, build_effort=80, effort=400 if n_names <= MANY_NAMES else 800)
    return FaissSettings(LISTS, size=int(4 * n_names**0.5), build_effort=10, effort=256)


def ann_folders(index: DictionaryIndex) -> list[Path]:
    """Return the folders of the approximate indexes of a dictionary index, sorted."""
    return [] if index.folder is None else sorted(index.folder.glob(f"{PREFIX}*"))


def ann_summaries(index: DictionaryIndex) -> list[dict[str, Any]]:
    """Return the summary of each approximate index of a dictionary index, or its problem."""
    summaries: list[dict[str, Any]] = []
    for folder in ann_folders(index):
        try:
            summaries.append(read_ann_header(folder).summary())
        except InputError as error:
            summaries.append({"problem": str(error)})
    return summaries


def write_ann_header(folder: Path, key: AnnKey, shape: tuple[int, int], measured: dict[str, float]) -> None:
    """Write ``header.json`` over the files of the folder, which are complete by now."""
    values = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "key": asdict(key),
        "shape": list(shape),
        "measured": measured,
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in FILES
        },
        "libraries": {**library_versions(), "faiss": require_faiss().__version__},
    }
    write_json(folder / HEADER, {**values, "sha256": hashlib.sha256(canonical_json(values)).hexdigest()})


def read_ann_header(folder: Path) -> AnnHeader:
    """Read ``header.json`` of an approximate index.

    Raises
    ------
    InputError
        If it is missing, damaged, of another format, or not that of its folder.
    """
    path = folder / HEADER
    values = read_json(path)
    if (values.get("format"), values.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise InputError("is not the header of an approximate index of this version: build it again", path=path)
    if values.pop("sha256", None) != hashlib.sha256(canonical_json(values)).hexdigest():
        raise InputError("is damaged (its own sha256 differs): build it again", path=path)
    try:
        key = AnnKey(**{**values["key"], "faiss": FaissSettings(**values["key"]["faiss"])})
        shape = int(values["shape"][0]), int(values["shape"][1])
        header = AnnHeader(key, shape, dict(values["measured"]), {name: dict(values["files"][name]) for name in FILES})
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"is damaged ({error!r}): build it again", path=path) from error
    if folder.name != header.key.folder_name():
        raise InputError(f"is not that of its key, {header.key.folder_name()}: build it again", path=folder)
    return header


def verify_ann(folder: Path, header: AnnHeader) -> None:
    """Compare the files with their sha256; an InputError names the one that differs."""
    for name, entry in header.files.items():
        if sha256_of(folder / name) != entry["sha256"]:
            raise InputError("is damaged (its sha256 differs): build the approximate index again", path=folder / name)


def read_projection(folder: Path) -> NDArray[np.float32]:
    """Return the (V, D) axes of the TF-IDF; `verify_ann` comes first."""
    return np.asarray(np.load(folder / PROJECTION, allow_pickle=False), dtype=np.float32)
