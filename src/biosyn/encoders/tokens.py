"""Texts tokenized once, kept in one flat array, and padded only to the longest text of each batch."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from biosyn.encoders.words import WordTable, runs

# Groups of like length that a training step is cut into. On a CPU padding costs most; on a GPU each group launches all
# kernels again, so there is one until it is measured.
LENGTH_GROUPS = {"cpu": 8}
_CHUNK = 16_384  # texts passed to the tokenizer at a time, which bounds its Python objects in memory
_NONE = np.zeros(0, dtype=np.int64)


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
    is_cut
        Whether a text was longer than ``max_length`` and was cut, (N,).
    """

    def __init__(
        self,
        ids: NDArray[np.int32],
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        is_cut: NDArray[np.bool_],
        *,
        pad_id: int,
    ):
        self.ids = ids
        self.starts = starts
        self.lengths = lengths
        self.is_cut = is_cut
        self.pad_id = pad_id

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: NDArray[np.int64]) -> "TokenizedTexts":
        """Return the texts at ``rows``; the tokens are shared, not copied."""
        return TokenizedTexts(self.ids, self.starts[rows], self.lengths[rows], self.is_cut[rows], pad_id=self.pad_id)

    def followed_by(self, other: "TokenizedTexts") -> "TokenizedTexts":
        """Return these texts followed by other texts of the same tokenizer."""
        return joined([self, other], self.pad_id)

    def batch(self, rows: NDArray[np.int64]) -> TokenBatch:
        """Return the texts at ``rows`` (B,), padded on the right to the longest of them."""
        lengths = self.lengths[rows]
        columns = np.arange(lengths.max())
        positions = self.starts[rows][:, None] + columns  # (B, L)
        if (lengths == len(columns)).all():
            return TokenBatch(torch.from_numpy(self.ids[positions].astype(np.int64)), None)
        inside = columns < lengths[:, None]  # (B, L)
        input_ids = np.where(inside, self.ids[np.minimum(positions, len(self.ids) - 1)], self.pad_id).astype(np.int64)
        return TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(inside.astype(np.int64)))

    def in_length_groups(
        self, rows: NDArray[np.int64], n_groups: int
    ) -> tuple[tuple[TokenBatch, ...], NDArray[np.int64]]:
        """Return the texts at ``rows`` (T,) in batches of similar length, and the position of each in them: (T,)."""
        by_length = np.argsort(self.lengths[rows], kind="stable")
        position = np.empty_like(by_length)
        position[by_length] = np.arange(len(rows))
        groups = np.array_split(rows[by_length], min(n_groups, len(rows)))
        return tuple(self.batch(group) for group in groups), position

    def like_length_batches(self, batch_size: int) -> list[NDArray[np.int64]]:
        """Return the rows of each batch, longest texts first, so that memory runs out at the beginning or never.

        Texts of equal length share a batch, which needs no padding. Of a length's last batch, less than an eighth of
        ``batch_size`` joins what is left of other lengths.
        """
        order = np.argsort(-self.lengths, kind="stable")
        batches, left = [], [order[:0]]
        for rows in np.split(order, np.flatnonzero(np.diff(self.lengths[order])) + 1):
            n_left = len(rows) % batch_size
            n_left = n_left if 8 * n_left < batch_size else 0
            batches += _pieces(rows[: len(rows) - n_left], batch_size)
            left.append(rows[len(rows) - n_left :])
        batches += _pieces(np.concatenate(left), batch_size)
        return sorted(batches, key=lambda rows: -int(self.lengths[rows[0]]))


def _pieces(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def length_groups(device: torch.device) -> int:
    """Return the number of groups of like length that a training step is cut into on a device."""
    return LENGTH_GROUPS.get(device.type, 1)


def joined(parts: Sequence[TokenizedTexts], pad_id: int) -> TokenizedTexts:
    """Return the texts of several parts, one part after the other."""
    before = np.cumsum([0, *(len(part.ids) for part in parts)])
    return TokenizedTexts(
        np.concatenate([np.zeros(0, dtype=np.int32), *(part.ids for part in parts)]),
        np.concatenate([_NONE, *(part.starts + first for part, first in zip(parts, before[:-1], strict=True))]),
        np.concatenate([_NONE, *(part.lengths for part in parts)]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *(part.is_cut for part in parts)]),
        pad_id=pad_id,
    )


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int, words: WordTable | None = None
) -> TokenizedTexts:
    """Return the tokens of N texts, in order; longer ones are cut at ``max_length``, which includes [CLS] and [SEP].

    Parameters
    ----------
    words
        The tokenizer's table of words, see `word_table`: many times as fast, with the same tokens.
    """
    pad_id = tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else 0
    parts = []
    for first in range(0, len(texts), _CHUNK):
        chunk = list(texts[first : first + _CHUNK])
        if words is None:
            parts.append(_by_tokenizer(tokenizer, chunk, max_length, pad_id))
            continue
        part, hard = _by_words(words, chunk, max_length, pad_id)
        if len(hard):
            rest = _by_tokenizer(tokenizer, [chunk[row] for row in hard], max_length, pad_id)
            rows = np.arange(len(chunk))
            rows[hard] = len(chunk) + np.arange(len(hard))
            part = part.followed_by(rest).take(rows)
        parts.append(part)
    return joined(parts, pad_id)


def _by_tokenizer(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int, pad_id: int) -> TokenizedTexts:
    if tokenizer.is_fast:
        tokenizer(texts[:1], truncation=True, max_length=max_length)  # tells the backend where to cut
        encodings = tokenizer.backend_tokenizer.encode_batch_fast(texts)
        rows = [encoding.ids for encoding in encodings]
        is_cut = np.array([bool(encoding.overflowing) for encoding in encodings], dtype=np.bool_)
    else:
        rows = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
        is_cut = np.zeros(len(texts), dtype=np.bool_)  # it does not tell
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    ids = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=lengths.sum())
    return TokenizedTexts(ids, np.cumsum(lengths) - lengths, lengths, is_cut, pad_id=pad_id)


def _by_words(
    words: WordTable, texts: list[str], max_length: int, pad_id: int
) -> tuple[TokenizedTexts, NDArray[np.int64]]:
    """Return the tokens by the table, and the rows of the texts that it does not know."""
    content, n_content, is_hard = words.tokens(texts)
    most = max(0, max_length - len(words.prefix) - len(words.suffix))
    kept = np.minimum(n_content, most)  # (N,)
    content = content[runs(np.cumsum(n_content) - n_content, kept)]
    lengths = kept + len(words.prefix) + len(words.suffix)
    ends = np.cumsum(lengths)
    ids = np.empty(lengths.sum(), dtype=np.int32)
    is_content = np.ones(len(ids), dtype=np.bool_)
    for at, token in enumerate(words.prefix):
        ids[ends - lengths + at], is_content[ends - lengths + at] = token, False
    for at, token in enumerate(words.suffix[::-1], 1):
        ids[ends - at], is_content[ends - at] = token, False
    ids[is_content] = content
    return TokenizedTexts(ids, ends - lengths, lengths, n_content > most, pad_id=pad_id), np.flatnonzero(is_hard)
