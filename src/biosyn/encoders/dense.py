"""The dense encoder: a BERT-like model; a text's vector is the last hidden state at [CLS], or what `Pooling` makes."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize
from tqdm import tqdm
from transformers import BertModel, PreTrainedModel, PreTrainedTokenizerBase

from biosyn.devices import autocast, require_usable, send
from biosyn.distributed.ranks import is_first, my_share, size, summed
from biosyn.encoders.cls_only import keep_cls_only
from biosyn.encoders.pooling import CLS, Pooling
from biosyn.encoders.tokens import TokenBatch, TokenizedTexts, tokenize
from biosyn.encoders.words import WordTable, word_table
from biosyn.errors import InputError

logger = logging.getLogger(__name__)

# Texts per batch. On a CPU a small batch keeps the activations in its caches (64 embedded a quarter more names per
# second than 256); a GPU needs a large one.
BATCH_SIZES = {"cpu": 64}
GPU_BATCH_SIZE = 1024
PIECE = 32_768  # texts that are tokenized and sorted by length at a time
Pooled = Callable[[Tensor, Tensor | None], Tensor]  # a `Pooling`, or another function of hidden states and their mask


class DenseEncoder:
    """Turns texts into vectors of shape (N, H), without dropout or gradients.

    Parameters
    ----------
    model
        A transformers encoder, which stays on its device.
    tokenizer
        Its tokenizer.
    max_length
        Tokens kept per text, including [CLS] and [SEP].
    precision
        Precision of the model's computations: ``float32``, or ``bfloat16`` or ``float16`` by autocast. Vectors are
        float32.
    pooling
        How a text's hidden states become its vector.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int = 25,
        *,
        precision: str = "float32",
        pooling: Pooling = CLS,
    ):
        if pooling.mode == "cls":
            keep_cls_only(model)
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.precision = precision
        self.pooling = pooling
        self._warned: set[str] = set()

    @property
    def device(self) -> torch.device:
        """The device of the encoder's weights."""
        return next(self.model.parameters()).device

    @property
    def batch_size(self) -> int:
        """Texts per batch, as suits the device."""
        return BATCH_SIZES.get(self.device.type, GPU_BATCH_SIZE)

    def share_of(self, tokens: TokenizedTexts) -> NDArray[np.int64]:
        """Return the rows of this rank's share of N texts, ascending (n,): every size-th of their batches."""
        batches = my_share(tokens.like_length_batches(self.batch_size))
        return np.sort(np.concatenate([*batches, np.zeros(0, dtype=np.int64)]))

    def tokenize(self, texts: Sequence[str], *, what: str = "texts") -> TokenizedTexts:
        """Tokenize the texts; a single warning says how many of them are cut at ``max_length``."""
        tokens = self._tokens(texts)
        if is_first():  # all ranks tokenize the same texts here
            self._warn_of_cut(int(tokens.is_cut.sum()), len(tokens), what)
        return tokens

    def encode(
        self,
        texts: Sequence[str] | TokenizedTexts,
        *,
        what: str = "texts",
        batch_size: int | None = None,
        progress: str | None = None,
        together: bool = False,
    ) -> Tensor:
        """Return the vectors of the texts, in order: float32 of shape (N, H) on the encoder's device.

        Batches consist of texts of equal length but for a few remainders, so that there is hardly any padding. The next
        texts are tokenized in the meantime, and nothing waits for the results of a GPU.

        Parameters
        ----------
        what
            The kind of texts, for the warning about cut ones.
        batch_size
            Texts per batch; None chooses what suits the device.
        progress
            The title of a progress bar; None shows no bar.
        together
            All ranks call it with the same texts; each encodes some of the batches, and gets the vectors of all.
        """
        require_usable(self.device)
        batch_size = batch_size or self.batch_size
        deal = my_share if together else list
        mine = len(texts) // size() if together else len(texts)
        vectors = torch.zeros(len(texts), self.model.config.hidden_size, device=self.device)  # (N, H)
        was_training = self.model.training
        self.model.eval()
        try:
            with (
                torch.inference_mode(),
                autocast(self.device, self.precision),  # the outer one: weights are cast once, not once a batch
                tqdm(total=mine, desc=progress, disable=progress is None) as bar,
            ):
                first = 0
                for tokens in (
                    [texts]
                    if isinstance(texts, TokenizedTexts)
                    else self._tokenized(texts, what, warn=is_first() or not together)
                ):
                    for rows in deal(tokens.like_length_batches(batch_size)):
                        found = text_vectors(self.model, tokens.batch(rows), self.pooling, self.precision)
                        vectors.index_copy_(0, send(torch.from_numpy(first + rows), self.device), found)
                        bar.update(len(rows))
                    first += len(tokens)
        finally:
            self.model.train(was_training)
        if together:
            vectors = summed(vectors)  # a row is zero on every rank but the one that encoded it
        if together or size() == 1:  # by every rank or by none: the others would wait for one that ends
            self._require_finite(vectors)
        return vectors

    def token_states(self, texts: Sequence[str]) -> list[Tensor]:
        """Return the last hidden states of each text's tokens, (L, H) of length 1, on the CPU.

        Special tokens are left out, unless a text has no others.

        Raises
        ------
        RuntimeError
            If the encoder computes the state at [CLS] alone.
        """
        if self.pooling.mode == "cls":
            raise RuntimeError("the encoder computes the state at [CLS] alone")
        tokens = self._tokens(texts)
        special = np.array(self.tokenizer.all_special_ids)
        states = [torch.empty(0)] * len(tokens)
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode(), autocast(self.device, self.precision):
                for rows in tokens.like_length_batches(self.batch_size):
                    batch = tokens.batch(rows)
                    hidden = text_vectors(self.model, batch, _unit_states, self.precision).cpu()  # (B, L, H)
                    within = np.arange(hidden.shape[1]) < tokens.lengths[rows][:, None]  # (B, L)
                    inside = within & ~np.isin(batch.input_ids.numpy(), special)
                    inside = np.where(inside.any(axis=1, keepdims=True), inside, within)
                    for row, own, kept in zip(rows, hidden, torch.from_numpy(inside), strict=True):
                        states[row] = own[kept]
        finally:
            self.model.train(was_training)
        return states

    def _require_finite(self, vectors: Tensor) -> None:
        # a sum is finite only if all its numbers are; it may overflow where they are finite
        if not math.isfinite(vectors.sum()) and not bool(vectors.isfinite().all()):
            raise InputError(
                f"the encoder gives vectors that are not finite numbers (computed in {self.precision}): "
                "its weights are damaged or too large; try --precision float32, or give another copy of the model"
            )

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors as a NumPy array of shape (N, H)."""
        return self.encode(texts).cpu().numpy()

    def _tokenized(self, texts: Sequence[str], what: str, *, warn: bool) -> Iterator[TokenizedTexts]:
        """Yield the tokens of ``PIECE`` texts at a time; a thread tokenizes the next piece in the meantime."""
        pieces = (texts[start : start + PIECE] for start in range(0, len(texts), PIECE))
        n_cut = 0
        with ThreadPoolExecutor(1) as thread:
            ahead: Future[TokenizedTexts] | None = None
            for piece in chain(pieces, [None]):
                tokens = None if ahead is None else ahead.result()
                ahead = None if piece is None else thread.submit(self._tokens, piece)
                if tokens is not None:
                    n_cut += int(tokens.is_cut.sum())
                    yield tokens
        if warn:
            self._warn_of_cut(n_cut, len(texts), what)

    def _tokens(self, texts: Sequence[str]) -> TokenizedTexts:
        return tokenize(self.tokenizer, texts, self.max_length, self._words)

    @cached_property
    def _words(self) -> WordTable | None:
        return word_table(self.tokenizer)

    def _warn_of_cut(self, n_cut: int, count: int, what: str) -> None:
        warning = f"{n_cut} of {count} {what} are cut at {self.max_length} tokens"
        if n_cut and warning not in self._warned:
            self._warned.add(warning)
            logger.warning(warning)


def text_vectors(model: nn.Module, batch: TokenBatch, pooling: Pooled = CLS, precision: str = "float32") -> Tensor:
    """Return the vector of each text of a batch, float32 of shape (B, H), with its gradient.

    Parameters
    ----------
    precision
        Precision of the model's computations, see `DenseEncoder`.
    """
    return group_vectors(model, [batch], pooling, precision)


def group_vectors(
    model: nn.Module, groups: Sequence[TokenBatch], pooling: Pooled = CLS, precision: str = "float32"
) -> Tensor:
    """Return the vectors of the texts of several batches, one batch after the other, (T, H); see `text_vectors`."""
    device = next(model.parameters()).device
    ids = [send(group.input_ids, device) for group in groups]
    masks = [None if group.attention_mask is None else send(group.attention_mask, device) for group in groups]
    with autocast(device, precision):  # one context for all, because it caches the cast weights
        outputs = [
            model(**given, attention_mask=_mask_for(model, mask)).last_hidden_state
            for given, mask in zip(_inputs(model, ids), masks, strict=True)
        ]
    # each output is (B, L or 1, H)
    return torch.cat([pooling(output, mask) for output, mask in zip(outputs, masks, strict=True)])


def _unit_states(hidden: Tensor, mask: Tensor | None) -> Tensor:
    return normalize(hidden.float(), dim=-1)


def _mask_for(model: nn.Module, mask: Tensor | None) -> Tensor | None:
    """Return a mask (B, L) as the model takes it without looking into it, which would wait for a GPU."""
    if mask is None or type(model) is not BertModel:
        return mask
    if model.config._attn_implementation != "sdpa" or model.config.is_decoder:  # these make another of it
        return mask
    return mask[:, None, None].bool()  # (B, 1, 1, L)


def _inputs(model: nn.Module, ids: list[Tensor]) -> list[dict[str, Tensor]]:
    """Return the model's input for each batch of token ids (B, L).

    For a BERT that is the word embeddings, looked up once for all batches: the gradient of a look-up is as large as the
    vocabulary, and separate look-ups would each make one, which would then be added up.
    """
    if type(model) is not BertModel or len(ids) == 1:
        return [{"input_ids": batch} for batch in ids]
    words = model.get_input_embeddings()(torch.cat([batch.flatten() for batch in ids]))  # (tokens, H)
    parts = words.split([batch.numel() for batch in ids])
    return [{"inputs_embeds": part.view(*batch.shape, -1)} for part, batch in zip(parts, ids, strict=True)]
