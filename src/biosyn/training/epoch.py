"""The loop of both trainings: the steps of one epoch after the other, and the state between any two steps."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from biosyn.devices import RETURN_MEMORY_EVERY, return_freed_memory
from biosyn.distributed.ranks import is_first, summed
from biosyn.errors import InputError
from biosyn.training.dev import DevSet
from biosyn.training.states import (
    TrainingState,
    generator_tensors,
    network_tensors,
    restore_generators,
    restore_network,
)


class Method(Protocol):
    """A way to train: `biosyn.training.trainer.Trainer` by mentions, `biosyn.training.pretrain.Aligner` by synonyms."""

    @property
    def net(self) -> nn.Module:
        """The network that is trained."""

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of its parameters."""

    @property
    def steps(self) -> int:
        """The steps of an epoch."""

    def epoch(self, taken: int) -> Iterator[Tensor]:
        """Begin an epoch, or go on with it after the steps taken; yield the loss of each step, of shape ()."""

    def figures(self, seconds: float) -> dict[str, float]:
        """Return the figures of an epoch that took so many seconds, for the log."""

    def dev_accuracy(self) -> dict[str, Any]:
        """Return the figures on dev before the first epoch and after each one; there may be none."""

    @property
    def dev(self) -> DevSet | None:
        """What `dev_accuracy` measures on."""

    def dev_names(self) -> Tensor | None:
        """Return the vectors (N, H) of dev's names by the network as it is now; None if this process has not all."""

    def tensors(self, *, within: bool) -> dict[str, Tensor]:
        """Return what a state has in addition to the network, the optimizer and torch's generators."""

    def times(self, seconds: float) -> dict[str, float]:
        """Return the seconds of the epoch that is begun as a state has them; they add up to ``seconds``."""

    def restore(self, state: TrainingState) -> None:
        """Go back to what `tensors` and `times` gave."""


class Loop:
    """Trains a network by a method, one epoch after the other.

    Attributes
    ----------
    epochs
        The number of epochs that are complete.
    losses
        The losses of the steps taken of the next one, each of shape (), on the device: reading each would stall a GPU.
    seconds
        The time that these steps and what came before them took, in all the runs that worked on the epoch.
    """

    def __init__(self, method: Method, *, show_progress: bool = False):
        self.method = method
        self.show_progress = show_progress
        self.epochs = 0
        self.losses: list[Tensor] = []
        self.seconds = 0.0

    def run_epoch(self, after_step: Callable[[int], object] = lambda taken: None) -> dict[str, float]:
        """Take the steps of the next epoch, or those that are left of it; return its figures.

        Parameters
        ----------
        after_step
            Called after each step with the number of steps taken of the epoch; it may ask for the `state`.
        """
        method, taken = self.method, len(self.losses)
        started = time.perf_counter() - self.seconds
        steps = method.epoch(taken)
        method.net.train()
        for loss in tqdm(steps, desc="steps", initial=taken, total=method.steps, disable=not self.show_progress):
            self.losses.append(loss)
            if len(self.losses) % RETURN_MEMORY_EVERY == 0:
                return_freed_memory()
            self.seconds = time.perf_counter() - started
            after_step(len(self.losses))
        method.net.eval()
        mean = float(summed(torch.stack(self.losses)).mean())
        require_finite(mean)
        figures = method.figures(time.perf_counter() - started)  # a GPU is busy until the loss has been read
        self.epochs, self.losses, self.seconds = self.epochs + 1, [], 0.0
        return {"loss": mean, **figures}

    def state(self) -> TrainingState:
        """Return all that the rest of the training depends on: after a step, or after an epoch.

        The tensors are the training's own, not copies: write them before it goes on. Every rank calls this.
        """
        method, taken = self.method, len(self.losses)
        tensors = {
            **network_tensors(method.net, method.optimizer),
            **generator_tensors(next(method.net.parameters()).device),
            **method.tensors(within=taken > 0),
        }
        if not taken:
            return TrainingState(self.epochs, 0, tensors, {})
        tensors["losses"] = summed(torch.stack(self.losses))
        return TrainingState(self.epochs, taken, tensors, method.times(self.seconds))

    def restore(self, state: TrainingState) -> None:
        """Go back to a state of a loop with the same settings and data; it may be of another number of ranks."""
        method, device = self.method, next(self.method.net.parameters()).device
        restore_network(method.net, method.optimizer, state.tensors)
        restore_generators(device, state.tensors)
        method.restore(state)
        self.epochs, self.losses, self.seconds = state.epochs, [], 0.0
        if state.steps:
            total = state.tensors["losses"].to(device)
            self.losses = list((total if is_first() else torch.zeros_like(total)).unbind())  # the ranks' are added up
            self.seconds = sum(state.values[key] for key in method.times(0.0))


def require_finite(loss: float) -> None:
    """Refuse the mean loss of an epoch if it is infinite or nan: the training has diverged.

    Examples
    --------
    >>> require_finite(0.25)
    """
    if not math.isfinite(loss):
        raise InputError(f"the loss is {loss}: the training has diverged, lower --learning_rate")
