"""The approximate search: names that an inner product of joint vectors finds, scored exactly, and the best of these."""

from collections.abc import Callable
from pathlib import Path

import torch

from biosyn.errors import InputError
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.faiss_index import FaissIndex
from biosyn.retrieval.ann_files import FAISS_FILE, AnnHeader, ann_folders, read_ann_header, read_projection, verify_ann
from biosyn.retrieval.projection import JointVectors
from biosyn.retrieval.score_parts import score_shares
from biosyn.retrieval.search import TopNames, best_of
from biosyn.retrieval.vectors import NameVectors, Vectors

DEEPEST = 1_000  # names of a mention that are looked for so; more are searched exactly

Search = Callable[[Vectors, int], TopNames]  # mentions and K -> their K best names


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
        shares = score_shares(mentions, self._names, rows.clamp(min=0), sparse_weight=self.header.key.sparse_weight)
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
