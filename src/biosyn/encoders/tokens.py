"""Texts tokenized once, kept in one flat array, and padded only to the longest text of each batch."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

LENGTH_GROUPS = 8  # per training step
_CHUNK = 16_384  # texts passed to the tokenizer at a time, which bounds its Python objects in memory


class TokenBatch(NamedTuple):
    """One padded batch; ``attention_mask`` is None if no row is padded."""

    input_ids: Tensor  # (B, L) int64
    attention_mask: Tensor | None  # (B, L) int64


class TokenizedTexts:
    """The token ids of N texts, ragged: text i is ``ids[starts[i] : starts[i] + lengths[i]]``.

    Attributes
    ----------
    ids
        The tokens of all texts, one after the other.
    starts, lengths
        Where each text begins and its number of tokens, special ones included; shape (N,).
    n_cut
        The number of texts that were longer than ``max_length`` and were cut.
    """

    def __init__(
        self, ids: NDArray[np.int32], starts: NDArray[np.int64], lengths: NDArray[np.int64], *, pad_id: int, n_cut: int
    ):
        self.ids = ids
        self.starts = starts
        self.lengths = lengths
        self.pad_id = pad_id
        self.n_cut = n_cut

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: NDArray[np.int64]) -> "TokenizedTexts":
        """Return the texts at ``rows``; the tokens are shared, not copied."""
        return TokenizedTexts(self.ids, self.starts[rows], self.lengths[rows], pad_id=self.pad_id, n_cut=0)

    def followed_by(self, other: "TokenizedTexts") -> "TokenizedTexts":
        """Return these texts followed by other texts of the same tokenizer."""
        return TokenizedTexts(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.starts, len(self.ids) + other.starts]),
            np.concatenate([self.lengths, other.lengths]),
            pad_id=self.pad_id,
            n_cut=self.n_cut + other.n_cut,
        )

    def batch(self, rows: NDArray[np.int64]) -> TokenBatch:
        """Return the texts at ``rows`` (B,), padded on the right to the longest of them."""
        lengths = self.lengths[rows]
        columns = np.arange(lengths.max())
        inside = columns < lengths[:, None]  # (B, L)
        positions = np.minimum(self.starts[rows][:, None] + columns, len(self.ids) - 1)
        input_ids = np.where(inside, self.ids[positions], self.pad_id).astype(np.int64)
        mask = None if inside.all() else torch.from_numpy(inside.astype(np.int64))
        return TokenBatch(torch.from_numpy(input_ids), mask)

    def in_length_groups(self, rows: NDArray[np.int64]) -> tuple[tuple[TokenBatch, ...], NDArray[np.int64]]:
        """Return the texts at ``rows`` (T,) in batches of similar length, and the position of each in them: (T,).

        That keeps padding short and the batches large enough for the device.
        """
        by_length = np.argsort(self.lengths[rows], kind="stable")
        position = np.empty_like(by_length)
        position[by_length] = np.arange(len(rows))
        groups = np.array_split(rows[by_length], min(LENGTH_GROUPS, len(rows)))
        return tuple(self.batch(group) for group in groups), position

    def like_length_batches(self, batch_size: int) -> Iterator[NDArray[np.int64]]:
        """Yield the rows of each batch, longest texts first, so that memory runs out at the beginning or never."""
        order = np.argsort(-self.lengths, kind="stable")
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> TokenizedTexts:
    """Return the tokens of N texts, in order; longer ones are cut at ``max_length``, which includes [CLS] and [SEP]."""
    pieces: list[NDArray[np.int32]] = []
    lengths: list[int] = []
    n_cut = 0
    for start in range(0, len(texts), _CHUNK):
        chunk = list(texts[start : start + _CHUNK])
        encoded = tokenizer(chunk, truncation=True, max_length=max_length, return_attention_mask=False)
        rows = encoded["input_ids"]
        lengths.extend(map(len, rows))
        pieces.append(np.fromiter((token for row in rows for token in row), dtype=np.int32))
        n_cut += sum(bool(encoding.overflowing) for encoding in encoded.encodings or ())
    all_lengths = np.array(lengths, dtype=np.int64)
    ids = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int32)
    pad_id = tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else 0
    return TokenizedTexts(ids, np.cumsum(all_lengths) - all_lengths, all_lengths, pad_id=pad_id, n_cut=n_cut)
