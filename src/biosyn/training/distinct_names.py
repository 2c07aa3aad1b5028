"""The distinct names of several dictionaries that overlap: each is tokenized once, and embedded once by one rank."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.tokens import TokenizedTexts


class DistinctNames:
    """The distinct names of several dictionaries, and their places in each dictionary.

    The dev dictionary contains the train dictionary, so embedding both costs hardly more than embedding one. Every rank
    tokenizes all names, and embeds its share of them.

    Parameters
    ----------
    encoder
        The dense encoder that tokenizes now and embeds later.
    dictionaries
        The names of each dictionary.
    """

    def __init__(self, encoder: DenseEncoder, *dictionaries: Sequence[str]):
        row_of = {name: row for row, name in enumerate(dict.fromkeys(name for names in dictionaries for name in names))}
        self.encoder = encoder
        self.texts = list(row_of)
        self.tokens = encoder.tokenize(self.texts, what="names")
        self.rows = [np.array([row_of[name] for name in names], dtype=np.int64) for names in dictionaries]  # (N,) each
        self.mine = encoder.share_of(self.tokens)  # (P,) the distinct names of this rank
        place = np.full(len(row_of), -1, dtype=np.int64)
        place[self.mine] = np.arange(len(self.mine))
        self._places = [place[rows] for rows in self.rows]  # (N,) each: the row in `dense`, -1 for another rank's name
        self.dense: Tensor | None = None  # (P, H)

    @property
    def is_embedded(self) -> bool:
        """Whether there are vectors."""
        return self.dense is not None

    def embed(self, *, progress: str | None = None) -> None:
        """Embed every name of this rank with the encoder as it is now."""
        self.dense = self.encoder.encode(self.tokens.take(self.mine), progress=progress)

    def take(self, names: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Take the vectors (N, H) of other names by the same encoder; a KeyError if one of these is not among them."""
        row_of = {name: row for row, name in enumerate(names)}
        rows = [row_of[self.texts[row]] for row in self.mine]
        self.dense = torch.from_numpy(vectors[rows]).to(self.encoder.device)

    def forget(self) -> None:
        """Drop the vectors, because the encoder changes."""
        self.dense = None

    def tokens_of(self, dictionary: int) -> TokenizedTexts:
        """Return the tokens of one dictionary's names."""
        return self.tokens.take(self.rows[dictionary])

    def share_of(self, dictionary: int) -> NDArray[np.int64]:
        """Return the rows of one dictionary that are this rank's, ascending, (n,); all N in a single process."""
        return np.flatnonzero(self._places[dictionary] >= 0)

    def vectors_of(self, dictionary: int) -> Tensor:
        """Return the vectors of the names of `share_of`, shape (n, H); a RuntimeError before `embed`."""
        if self.dense is None:
            raise RuntimeError("the names are not embedded yet: call embed first")
        rows = self._places[dictionary][self.share_of(dictionary)]
        if np.array_equal(rows, np.arange(len(rows))):
            return self.dense[: len(rows)]  # a view, for the first dictionary if it has no name twice
        return self.dense[torch.from_numpy(rows).to(self.dense.device)]
