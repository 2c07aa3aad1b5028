"""The approximate search: names that an inner product of joint vectors finds, scored exactly, and the best of these."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from biosyn.errors import InputError
from biosyn.files import canonical_json, library_versions, read_json, sha256_of, write_json
from biosyn.index.dictionary_index import HEADER, DictionaryIndex
from biosyn.index.faiss_index import GRAPH, LISTS, FaissIndex, FaissSettings, require_faiss
from biosyn.index.key import DIGEST_LENGTH
from biosyn.retrieval.score_parts import score_parts
from biosyn.retrieval.search import TopNames, best_of
from biosyn.retrieval.vectors import NameVectors, SparseRows, Vectors

DEEPEST = 1_000  # names of a mention that are looked for so; more are searched exactly
Search = Callable[[Vectors, int], TopNames]  # mentions and K -> their K best names
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


class JointVectors:
    """Makes joint vectors of mentions and names: their inner product is near ``dense . dense + w * sparse . sparse``.

    Parameters
    ----------
    projection
        (V, D).
    sparse_weight
        w; its root goes into both sides, its sign into the mentions'. With 0 the dense half stands alone.

    Examples
    --------
    >>> joint = JointVectors(np.eye(2, dtype=np.float32), -4.0)
    >>> text = Vectors(torch.tensor([[3.0]]), SparseRows.from_scipy(sparse.csr_matrix([[0.0, 1.0]])))
    >>> joint.of_mentions(text).tolist(), joint.of_names(text).tolist()
    ([[3.0, -0.0, -2.0]], [[3.0, 0.0, 2.0]])
    """

    def __init__(self, projection: NDArray[np.float32], sparse_weight: float):
        self._projection = torch.from_numpy(projection)
        self._weight = sparse_weight

    def of_names(self, names: Vectors) -> NDArray[np.float32]:
        """Return the joint vectors of names, (N, H + D)."""
        return self._joint(names, abs(self._weight) ** 0.5)

    def of_mentions(self, mentions: Vectors) -> NDArray[np.float32]:
        """Return the joint vectors of mentions, (M, H + D)."""
        return self._joint(mentions, float(np.copysign(abs(self._weight) ** 0.5, self._weight)))

    def _joint(self, texts: Vectors, root: float) -> NDArray[np.float32]:
        assert texts.dense is not None
        dense = texts.dense.float().cpu()
        if not root:
            return np.ascontiguousarray(dense.numpy())
        assert texts.sparse is not None
        return torch.cat([dense, root * self._projected(texts.sparse)], dim=1).numpy()

    def _projected(self, rows: SparseRows) -> Tensor:
        offsets, columns, values = (part.cpu() for part in (rows.offsets, rows.columns, rows.values))
        return SparseRows(offsets, columns, values, rows.n_columns).matrix() @ self._projection  # (n, D)


class ApproximateSearch:
    """Finds the best names of a mention without scoring every name of the dictionary.

    Parameters
    ----------
    faiss, joint
        What finds names, and makes the vectors that it takes.
    names
        The dictionary's vectors, with both halves.
    header
        Of the approximate index.
    exact
        For mentions that the approximate one finds too few names for.
    """

    def __init__(self, faiss: FaissIndex, joint: JointVectors, names: NameVectors, header: AnnHeader, exact: Search):
        self._faiss = faiss
        self._joint = joint
        self._names = names
        self._exact = exact
        self.header = header

    def search(self, mentions: Vectors, topk: int) -> TopNames:
        """Return the ``topk`` best names among those found, best first, ties by row; scores are exact."""
        depth = min(max(self.header.key.candidates, 2 * topk), self._names.count)
        if topk > DEEPEST or mentions.count == 0:
            return self._exact(mentions, topk)
        rows = torch.from_numpy(self._faiss.search(self._joint.of_mentions(mentions), depth)).to(self._names.device)
        shares = score_parts(mentions, self._names, rows.clamp(min=0), sparse_weight=self.header.key.sparse_weight)
        scores = (shares.dense + shares.sparse).masked_fill(rows < 0, -torch.inf)  # (M, depth)
        found = best_of(rows, scores, topk)
        few = ((rows >= 0).sum(dim=1) < topk).nonzero().squeeze(1)
        if len(few):
            found.rows[few], found.scores[few] = self._exact(mentions.take(few), topk)
        return found


def open_ann(index: DictionaryIndex, names: NameVectors, *, sparse_weight: float, exact: Search) -> ApproximateSearch:
    """Open the approximate index that belongs to a dictionary index and to w; its files are compared with their sha256.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    problem = InputError(
        "there is no approximate index of this model and dictionary: make one by biosyn index build --ann",
        path=index.folder,
    )
    for folder in ann_folders(index):
        try:
            header = read_ann_header(folder)
        except InputError as error:
            problem = error  # told if no other fits
            continue
        if (header.key.index, header.key.sparse_weight) == (index.key.digest(), sparse_weight):
            return load_ann(folder, header, names, exact=exact)
    raise problem


def load_ann(folder: Path, header: AnnHeader, names: NameVectors, *, exact: Search) -> ApproximateSearch:
    """Read the files of an approximate index whose header fits; an InputError where they are damaged."""
    verify_ann(folder, header)
    faiss = FaissIndex.load(folder / FAISS_FILE, header.key.faiss, shape=header.shape)
    joint = JointVectors(read_projection(folder), header.key.sparse_weight)
    return ApproximateSearch(faiss, joint, names, header, exact)


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


def fit_projection(rows: sparse.csr_matrix, *, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Return the axes on which TF-IDF rows differ most, (V, D): a truncated singular value decomposition.

    It keeps the inner products of rows better than a sparse random projection of as many dimensions: docs/scale.md.

    Parameters
    ----------
    rows
        A sample of the dictionary's, (n, V).
    dimensions
        D; where V is not larger, the rows are kept as they are.

    Examples
    --------
    >>> fit_projection(sparse.csr_matrix(np.eye(3)), dimensions=4, seed=0).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    n_columns = rows.shape[1]
    if dimensions >= min(n_columns, rows.shape[0]):
        return np.eye(n_columns, dtype=np.float32)
    from sklearn.decomposition import TruncatedSVD  # here: only building waits for it

    found = TruncatedSVD(dimensions, random_state=seed).fit(rows)
    return np.ascontiguousarray(found.components_.T, dtype=np.float32)
