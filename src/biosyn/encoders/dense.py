"""The dense encoder: a BERT-like model; a text's vector is the last hidden state at [CLS]."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from biosyn.encoders.cls_only import keep_cls_only
from biosyn.encoders.tokens import TokenBatch, TokenizedTexts, tokenize

logger = logging.getLogger(__name__)

# Texts of a batch. On a CPU a small one keeps the activations in its caches: 64 embedded a quarter more names a second
# than 256 did; a GPU wants it large.
BATCH_SIZES = {"cpu": 64}
GPU_BATCH_SIZE = 1024


class DenseEncoder:
    """Texts to vectors of shape (N, H), with dropout off and no gradient.

    Parameters
    ----------
    model, tokenizer
        A transformers encoder and its tokenizer; the model stays on the device it is on.
    max_length
        Tokens kept of a text, [CLS] and [SEP] included.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int = 25):
        keep_cls_only(model)
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length
        self._told: set[str] = set()

    @property
    def device(self) -> torch.device:
        """Where the encoder's weights are."""
        return next(self.model.parameters()).device

    def tokenize(self, texts: Sequence[str], *, what: str = "texts") -> TokenizedTexts:
        """Tokenize the texts once; those cut at ``max_length`` are counted in one warning, which is not repeated."""
        tokens = tokenize(self.tokenizer, texts, self.max_length)
        warning = f"{tokens.n_cut} of {len(tokens)} {what} are cut at {self.max_length} tokens"
        if tokens.n_cut and warning not in self._told:
            self._told.add(warning)
            logger.warning(warning)
        return tokens

    def encode(
        self, texts: Sequence[str] | TokenizedTexts, *, batch_size: int | None = None, progress: str | None = None
    ) -> Tensor:
        """Return the vectors of the texts, in their order: float32 of shape (N, H) on the encoder's device.

        Texts of like length share a batch, so that hardly anything is spent on padding.

        Parameters
        ----------
        batch_size
            Texts of a batch; None takes what suits the device.
        progress
            The title of a progress bar; None for none.
        """
        batch_size = batch_size or BATCH_SIZES.get(self.device.type, GPU_BATCH_SIZE)
        tokens = texts if isinstance(texts, TokenizedTexts) else self.tokenize(texts)
        vectors = torch.empty(len(tokens), self.model.config.hidden_size, device=self.device)  # (N, H)
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode(), tqdm(total=len(tokens), desc=progress, disable=progress is None) as bar:
                for rows in tokens.like_length_batches(batch_size):
                    found = cls_vectors(self.model, tokens.batch(rows))
                    vectors[torch.from_numpy(rows).to(self.device)] = found.float()
                    bar.update(len(rows))
        finally:
            self.model.train(was_training)
        return vectors

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors as a NumPy array of shape (N, H)."""
        return self.encode(texts).cpu().numpy()


def cls_vectors(model: nn.Module, batch: TokenBatch) -> Tensor:
    """Return the last hidden state at [CLS] of each text of a batch, shape (B, H); keeps the gradient."""
    device = next(model.parameters()).device
    mask = None if batch.attention_mask is None else batch.attention_mask.to(device)
    output = model(input_ids=batch.input_ids.to(device), attention_mask=mask)
    hidden: Tensor = output.last_hidden_state  # (B, L or 1, H)
    return hidden[:, 0]
