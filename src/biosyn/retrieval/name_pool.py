"""Names of several dictionaries that overlap, each distinct one tokenized and embedded once."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.tokens import TokenizedTexts


class NamePool:
    """The distinct names of several dictionaries and where each dictionary's names are among them.

    The dev dictionary holds the whole train dictionary: embedding both costs hardly more than one.

    Parameters
    ----------
    encoder
        The dense encoder that tokenizes now and embeds later.
    dictionaries
        Lists of names.
    """

    def __init__(self, encoder: DenseEncoder, *dictionaries: Sequence[str]):
        row_of = {name: row for row, name in enumerate(dict.fromkeys(name for names in dictionaries for name in names))}
        self.encoder = encoder
        self.tokens = encoder.tokenize(list(row_of), what="names")
        self.rows = [np.array([row_of[name] for name in names], dtype=np.int64) for names in dictionaries]
        self.dense: Tensor | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether `vectors_of` has something to give."""
        return self.dense is not None

    def embed(self, *, progress: str | None = None) -> None:
        """Embed every name with the encoder as it is now."""
        self.dense = self.encoder.encode(self.tokens, progress=progress)

    def forget(self) -> None:
        """Drop the vectors: call it when the encoder has changed."""
        self.dense = None

    def tokens_of(self, dictionary: int) -> TokenizedTexts:
        """Return the tokens of one dictionary's names."""
        return self.tokens.take(self.rows[dictionary])

    def vectors_of(self, dictionary: int) -> Tensor:
        """Return the vectors of one dictionary's names, shape (N, H); a RuntimeError before `embed`."""
        if self.dense is None:
            raise RuntimeError("the names are not embedded yet: call embed first")
        rows = self.rows[dictionary]
        if np.array_equal(rows, np.arange(len(rows))):
            return self.dense[: len(rows)]  # a view: the first dictionary, as long as no name comes twice in it
        return self.dense[torch.from_numpy(rows).to(self.dense.device)]
