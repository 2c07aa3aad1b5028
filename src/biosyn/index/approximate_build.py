"""Building the approximate index of a dictionary index, and measuring its recall."""

import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from biosyn.errors import InputError
from biosyn.index.approximate import (
    FAISS_FILE,
    FILES,
    PROJECTION,
    ApproximateSearch,
    DamagedAnnError,
    JointVectors,
    Search,
    faiss_settings,
    fit_projection,
    open_ann,
)
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.faiss_index import SAMPLE, FaissIndex, FaissSettings, require_faiss
from biosyn.index.header import Header, read_header, write_header
from biosyn.index.key import ANN_PREFIX, CANDIDATES, AnnKey
from biosyn.index.lock import locked
from biosyn.retrieval.search import TopNames, top_names
from biosyn.retrieval.vectors import NameVectors, Vectors
from biosyn.writing import discard, remove_leftovers, whole_folder

logger = logging.getLogger(__name__)
BLOCK = 16_384  # names whose joint vectors are made at a time
SAMPLE_A_LIST = 40  # names that the centre of a list is learned from
LOGGED_EVERY = 10  # blocks
QUERIES = 500  # the recall is measured with so many
DEPTHS = (1, 20)
SAME = 1e-5  # relative: scores that differ by less are the same answer
TIMED, TIMED_EXACT = 50, 3  # queries that are timed one at a time
EmbedQueries = Callable[[list[str]], Vectors]


def build_ann(
    index: DictionaryIndex,
    *,
    sparse_weight: float,
    embed: EmbedQueries,
    memory: int,
    settings: FaissSettings | None = None,
) -> Header[AnnKey]:
    """Build the approximate index of a dictionary index for w, or find it built; return its header.

    It is built under the dictionary index's lock.

    Parameters
    ----------
    embed
        Gives the vectors of texts: the queries that the recall is measured with.
    memory
        MB that the exact search takes, which the recall is measured against.
    settings
        None takes what suits the number of names.

    Raises
    ------
    InputError
        If FAISS is missing, the dictionary index has no folder, or its folder cannot be written to.
    """
    require_faiss()
    if index.folder is None:
        raise InputError("an approximate index is kept in the dictionary's: give a --cache_dir that can be written to")
    settings = settings or faiss_settings(len(index))
    key = AnnKey(index.key.folder_name(), sparse_weight, settings, candidates=CANDIDATES[settings.kind])
    folder = index.folder / key.folder_name()
    try:
        with locked(index.folder.parent, index.folder.name):
            remove_leftovers(index.folder, f"{ANN_PREFIX}*")
            if (header := _built(folder)) is not None:
                return header
            _build(index, key, folder, embed=embed, memory=memory)
            return read_header(folder, AnnKey)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", path=folder) from error


def open_or_mend_ann(
    index: DictionaryIndex,
    names: NameVectors,
    *,
    sparse_weight: float,
    exact: Search,
    embed: EmbedQueries,
    memory: int,
) -> ApproximateSearch:
    """Open the approximate index of a dictionary index; a damaged one is built again first. See the parts."""
    try:
        return open_ann(index, names, sparse_weight=sparse_weight, exact=exact)
    except DamagedAnnError as error:
        logger.info("%s", error)
    build_ann(index, sparse_weight=sparse_weight, embed=embed, memory=memory)
    return open_ann(index, names, sparse_weight=sparse_weight, exact=exact)


def _built(folder: Path) -> Header[AnnKey] | None:
    """Return the header of an approximate index that is there and undamaged; a damaged one is removed."""
    if not os.path.lexists(folder):
        return None
    try:
        header = read_header(folder, AnnKey)
        header.verify(folder, FILES)
    except InputError as error:
        logger.warning("%s; it is built again", error)
        discard(folder)
        return None
    return header


def _build(index: DictionaryIndex, key: AnnKey, folder: Path, *, embed: EmbedQueries, memory: int) -> None:
    with whole_folder(folder) as stage:
        started = time.perf_counter()
        names = index.vectors(streamed_above=0)
        faiss, joint, projection = _trained(names, key)
        counts = {"names": names.count, "width": _add_all(faiss, joint, names)}
        faiss.save(stage / FAISS_FILE)
        np.save(stage / PROJECTION, projection, allow_pickle=False)
        seconds = round(time.perf_counter() - started, 1)
        logger.info("the approximate index is built in %.0f s; measuring its recall", seconds)
        measured = _measured(index, faiss, joint, key, embed=embed, memory=memory)
        write_header(stage, key, counts, FILES, measured={**measured, "build_seconds": seconds})


def _trained(names: NameVectors, key: AnnKey) -> tuple[FaissIndex, JointVectors, NDArray[np.float32]]:
    """Fit the projection and what FAISS learns on a sample of the names; return an empty index and both."""
    wanted = max(SAMPLE, SAMPLE_A_LIST * key.faiss.size)
    drawn = np.random.default_rng(key.seed).choice(names.count, min(wanted, names.count), replace=False)
    sample = names.take(torch.from_numpy(np.sort(drawn)))
    assert sample.sparse is not None
    parts = tuple(part.numpy() for part in (sample.sparse.values, sample.sparse.columns, sample.sparse.offsets))
    rows = sparse.csr_matrix(parts, shape=(sample.count, sample.sparse.n_columns))
    projection = fit_projection(rows, dimensions=key.dimensions, seed=key.seed)
    joint = JointVectors(projection, key.sparse_weight)
    return FaissIndex.train(key.faiss, joint.of_names(sample), seed=key.seed), joint, projection


def _add_all(faiss: FaissIndex, joint: JointVectors, names: NameVectors) -> int:
    """Add every name; return how many numbers a joint vector has."""
    width = 0
    for number, start in enumerate(range(0, names.count, BLOCK), 1):
        vectors = joint.of_names(names.slice(start, start + BLOCK))  # (n, H + D)
        faiss.add(vectors)
        width = vectors.shape[1]
        if number % LOGGED_EVERY == 0:
            logger.info("%d of %d names are in the approximate index", start + len(vectors), names.count)
    return width


# -- its recall


def _measured(
    index: DictionaryIndex,
    faiss: FaissIndex,
    joint: JointVectors,
    key: AnnKey,
    *,
    embed: EmbedQueries,
    memory: int,
) -> dict[str, float]:
    queries = embed(perturbed_names(index.names, QUERIES, seed=key.seed))
    names, weight = index.vectors(queries.device), key.sparse_weight

    def exact(mentions: Vectors, topk: int) -> TopNames:
        return top_names(mentions, names, topk=topk, sparse_weight=weight, memory=memory)

    search = ApproximateSearch(faiss, joint, names, key, exact).search
    return measure_recall(search, exact, queries, n_names=names.count)


def measure_recall(search: Search, exact: Search, queries: Vectors, *, n_names: int) -> dict[str, float]:
    """Return recall@1 and @20 of M queries, and the milliseconds of a query that comes alone, by either search."""
    deepest = min(max(DEPTHS), n_names)
    found, expected = search(queries, deepest), exact(queries, deepest)
    return {
        "queries": queries.count,
        **{f"recall@{depth}": round(recall_at(found, expected, depth), 5) for depth in DEPTHS},
        "ms_a_query": _milliseconds(search, queries.slice(0, TIMED), deepest),
        "exact_ms_a_query": _milliseconds(exact, queries.slice(0, TIMED_EXACT), deepest),
    }


def recall_at(found: TopNames, exact: TopNames, depth: int) -> float:
    """Return the share of the exact search's first ``depth`` names that the other found, by score, so that ties count.

    Parameters
    ----------
    found, exact
        Names of the same mentions, (M, K); beyond K there is nothing to find.

    Examples
    --------
    >>> import torch
    >>> exact, found = (TopNames(torch.tensor([rows]), torch.tensor([scores])) for rows, scores in (
    ...     ([4, 2, 7], [0.9, 0.5, 0.5]), ([4, 7, 1], [0.9, 0.5, 0.1])))
    >>> recall_at(found, exact, 2), round(recall_at(found, exact, 3), 3)
    (1.0, 0.667)
    """
    depth = min(depth, exact.scores.shape[1])
    worst = exact.scores[:, depth - 1 : depth]  # (M, 1)
    return float((found.scores[:, :depth] >= worst - SAME * worst.abs()).float().mean())


def _milliseconds(search: Search, queries: Vectors, topk: int) -> float:
    started = time.perf_counter()
    for row in range(queries.count):
        search(queries.slice(row, row + 1), topk)
    return round(1000 * (time.perf_counter() - started) / queries.count, 3)


# -- the queries that it is measured with: names with an error


def perturbed_names(names: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Return ``count`` names drawn at random, each changed in one way: a typing error, a word less, or another order.

    Examples
    --------
    >>> perturbed_names(["ataxia telangiectasia", "breast cancer"], 2, seed=1)
    ['ataxia', 'breast canecr']
    """
    drawn = random.Random(seed)
    rows = drawn.sample(range(len(names)), min(count, len(names)))
    return [changed(names[row], drawn) for row in rows]


def changed(name: str, drawn: random.Random) -> str:
    """Return the name changed in one of the ways that have an effect on it; never empty."""
    found = [text for change in CHANGES if (text := change(name, drawn)).strip() and text != name]
    return drawn.choice(found) if found else name


def _a_letter_less(name: str, drawn: random.Random) -> str:
    at = drawn.randrange(max(1, len(name)))
    return name[:at] + name[at + 1 :]


def _a_letter_twice(name: str, drawn: random.Random) -> str:
    at = drawn.randrange(max(1, len(name)))
    return name[: at + 1] + name[at:]


def _a_word_less(name: str, drawn: random.Random) -> str:
    words = name.split()
    if len(words) > 1:
        del words[drawn.randrange(len(words))]
    return " ".join(words)


def _last_word_first(name: str, drawn: random.Random) -> str:
    words = name.split()
    return " ".join(words[-1:] + words[:-1])


def _two_letters_swapped(name: str, drawn: random.Random) -> str:
    at = drawn.randrange(max(1, len(name) - 1))
    return name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    _two_letters_swapped,
    _a_letter_less,
    _a_letter_twice,
    _a_word_less,
    _last_word_first,
)
