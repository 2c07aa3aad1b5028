"""What changes the parameters: the optimizer, and the encoder's way of keeping activations for it."""

import math

import torch
from transformers import PreTrainedModel

from biosyn.errors import InputError
from biosyn.model.rerank_net import RerankNet

SPARSE_WEIGHT_LEARNING_RATE = 0.01


def require_finite(loss: float) -> None:
    """Refuse the mean loss of an epoch that has diverged.

    Raises
    ------
    InputError
        If it is infinite or nan.

    Examples
    --------
    >>> require_finite(0.25)
    """
    if not math.isfinite(loss):
        raise InputError(f"the loss is {loss}: the training has diverged, lower --learning_rate")


def enable_checkpointing(model: PreTrainedModel) -> None:
    """Let the model compute its activations again in the backward pass; an InputError where it cannot."""
    # two names of one thing: the first is that of newer transformers
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    try:
        enable()
    except ValueError as error:
        raise InputError(f"--gradient_checkpointing: {type(model).__name__} has none: leave the flag out") from error


def make_optimizer(net: RerankNet, *, learning_rate: float, weight_decay: float) -> torch.optim.Adam:
    """Return Adam (L2 decay inside, not AdamW) over the encoder, and over w at its own rate without decay."""
    return torch.optim.Adam(
        [
            {"params": list(net.encoder.parameters()), "lr": learning_rate, "weight_decay": weight_decay},
            {"params": [net.sparse_weight], "lr": SPARSE_WEIGHT_LEARNING_RATE, "weight_decay": 0.0},
        ],
        fused=net.sparse_weight.device.type in ("cpu", "cuda"),  # the same arithmetic in one pass over memory
    )
