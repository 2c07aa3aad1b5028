"""Pooling: from an encoder's last hidden states to the vector of a text."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import normalize

from biosyn.settings.groups import POOLINGS, SIMILARITIES


@dataclass(frozen=True)
class Pooling:
    """The way from hidden states to the vector; `DenseEncoder` and `RerankNet` use the same one.

    Parameters
    ----------
    mode
        ``cls``: the state at [CLS], as in the paper; ``mean``: the mean over all tokens, including [CLS] and [SEP].
    similarity
        ``inner``: the vector as it is, so that dense scores are inner products, as in the paper; ``cosine``: the vector
        scaled to length 1, so that dense scores are cosines.

    Raises
    ------
    ValueError
        If the mode or the similarity is unknown.
    """

    mode: str = "cls"
    similarity: str = "inner"

    def __post_init__(self) -> None:
        if self.mode not in POOLINGS or self.similarity not in SIMILARITIES:
            raise ValueError(f"no such pooling: {self}")

    @property
    def is_unit(self) -> bool:
        """Whether vectors have length 1."""
        return self.similarity == "cosine"

    def __call__(self, hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Return the vectors (B, H), in float32 if the states have a lower precision.

        Parameters
        ----------
        hidden
            The last hidden states, (B, L, H); for ``cls`` the first position is enough.
        attention_mask
            1 for a token, 0 for padding, (B, L); None if nothing is padded.

        Examples
        --------
        >>> import torch
        >>> hidden = torch.tensor([[[3.0, 4.0], [5.0, 0.0], [9.0, 9.0]]])
        >>> Pooling("mean")(hidden, torch.tensor([[1, 1, 0]])).tolist()
        [[4.0, 2.0]]
        >>> Pooling("cls", "cosine")(hidden, None).tolist()  # 3, 4 has the length 5
        [[0.6000000238418579, 0.800000011920929]]
        """
        if hidden.element_size() < 4:
            hidden = hidden.float()
        vectors = hidden[:, 0] if self.mode == "cls" else _mean(hidden, attention_mask)  # (B, H)
        return normalize(vectors, dim=-1) if self.is_unit else vectors


CLS = Pooling()  # as in the paper


def _mean(hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
    if attention_mask is None:
        return hidden.mean(dim=1)
    mask = attention_mask.unsqueeze(2).to(hidden.dtype)  # (B, L, 1)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)
