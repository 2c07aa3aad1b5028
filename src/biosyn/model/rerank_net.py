"""The network that is trained: one encoder for mentions and names, and the weight w of the sparse score."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from biosyn.devices import send
from biosyn.encoders.dense import group_vectors
from biosyn.encoders.pooling import CLS, Pooling
from biosyn.encoders.tokens import TokenBatch


class CandidateBatch(NamedTuple):
    """B mentions and their K candidates; each distinct name occurs once, in groups of similar length."""

    groups: tuple[TokenBatch, ...]  # T texts in all
    mention_rows: Tensor  # (B,) int64, rows of the T texts
    candidate_rows: Tensor  # (B, K) int64, rows of the T texts
    sparse_score: Tensor  # (B, K) float32
    target: Tensor  # (B, K) float32, 1 for a synonym


class RerankNet(nn.Module):
    """The scores of candidates: ``dense . dense + w * sparse . sparse``.

    Parameters
    ----------
    encoder
        A transformers encoder.
    sparse_weight
        The initial value of w, the one scalar that is trained in addition to the encoder.
    precision
        The precision of the encoder: ``float32``, or ``bfloat16`` by autocast. The scores are float32.
    pooling
        How a text's hidden states become its vector, as in `DenseEncoder`.
    temperature
        The scores are divided by it for the loss.
    """

    def __init__(
        self,
        encoder: nn.Module,
        sparse_weight: float = 0.0,
        *,
        precision: str = "float32",
        pooling: Pooling = CLS,
        temperature: float = 1.0,
    ):
        super().__init__()
        self.encoder = encoder
        self.precision = precision
        self.pooling = pooling
        self.temperature = temperature
        device = next(encoder.parameters()).device
        self.sparse_weight = nn.Parameter(torch.tensor([float(sparse_weight)], device=device))

    def forward(self, batch: CandidateBatch) -> Tensor:
        """Return the scores of the candidates divided by the temperature, shape (B, K)."""
        device = self.sparse_weight.device
        vectors = group_vectors(self.encoder, batch.groups, self.pooling, self.precision)  # (T, H)
        # index_select, not vectors[rows]: on a CPU its backward adds in a fixed order, so that losses are repeated
        mentions = vectors.index_select(0, send(batch.mention_rows, device))  # (B, H)
        names = vectors.index_select(0, send(batch.candidate_rows.flatten(), device))  # (B * K, H)
        names = names.view(*batch.candidate_rows.shape, -1)  # (B, K, H)
        dense_score = torch.einsum("bh,bkh->bk", mentions, names)  # (B, K)
        return (self.sparse_weight * send(batch.sparse_score, device) + dense_score) / self.temperature  # (B, K)
