"""Training by synonym marginalization with iterative candidate retrieval (Sung et al., ACL 2020, section 3)."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import RETURN_MEMORY_EVERY, return_freed_memory
from biosyn.distributed.ranks import data_parallel, gradients_shared, is_first, my_share, rank, size, summed
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import marginal_nll_sum
from biosyn.model.rerank_net import RerankNet
from biosyn.records import Query
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.training.candidates import CandidateDataset, CandidateRetriever
from biosyn.training.log import DevSet
from biosyn.training.name_pool import NamePool
from biosyn.training.states import (
    TrainingState,
    network_tensors,
    random_states,
    random_states_of,
    random_tensors,
    restore_network,
    set_random_states,
    states_of_ranks,
)

_TRAIN, _DEV = 0, 1  # the dictionaries of the name pool
SPARSE_WEIGHT_LEARNING_RATE = 0.01


@dataclass
class EpochProgress:
    """An epoch that is begun.

    Parameters
    ----------
    candidates
        Of its mentions.
    order
        The state of the generator from which the order of its mentions is drawn, before that.
    losses
        Of the steps taken, each of shape (), on the device: reading each would stall a GPU.
    retrieval_seconds, step_seconds
        What it has taken so far, in all the runs that worked on it.
    """

    candidates: CandidateDataset
    order: Tensor
    losses: list[Tensor] = field(default_factory=list)
    retrieval_seconds: float = 0.0
    step_seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many are taken."""
        return len(self.losses)

    def row(self) -> dict[str, float]:
        """Return the figures of an epoch whose steps are all taken, for the log."""
        return {
            "positive_share": self.candidates.positive_share,
            "seconds": round(self.retrieval_seconds + self.step_seconds, 1),
            "mentions_per_second": round(len(self.candidates) / self.step_seconds, 2),
        }


class Trainer:
    """Trains the encoder and w of a BioSyn in place, one epoch after the other.

    Several ranks share the names, and the mentions of each batch; what they learn is what one would.

    Parameters
    ----------
    biosyn
        With its dense encoder loaded and its sparse encoder fitted on the dictionary.
    queries, dictionary
        M mentions, none composite or without concept, and N names.
    dev
        Where Acc@k is measured after each epoch; None for nowhere.
    topk, dense_ratio
        K candidates a mention, of which ``int(K * dense_ratio)`` come from the dense score.
    fixed_candidates
        Keep those of the first epoch: without iterative retrieval, as in the paper's ablation.
    temperature
        What the scores are divided by for the loss.
    batch_size, accumulation
        Mentions of a batch, and batches of a step: the loss and the gradient are those of one batch as large as all of
        them, in the memory of one.
    learning_rate, weight_decay
        Of the encoder; w is trained at 0.01 without decay.
    gradient_checkpointing
        Recompute each layer in the backward pass instead of keeping it: less memory, a third more time.
    seed
        Of the mentions' order.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        queries: Sequence[Query],
        dictionary: DictionaryDataset,
        *,
        dev: DevSet | None,
        topk: int,
        dense_ratio: float,
        fixed_candidates: bool = False,
        temperature: float = 1.0,
        batch_size: int,
        accumulation: int = 1,
        learning_rate: float,
        weight_decay: float,
        gradient_checkpointing: bool = False,
        seed: int,
        show_progress: bool,
    ):
        biosyn.encoder_will_change()
        self.biosyn = biosyn
        self.dense = biosyn.get_dense_encoder()
        self.dev = dev
        self.batch_size = batch_size
        self.accumulation = accumulation
        self.show_progress = show_progress
        self.fixed_candidates = fixed_candidates
        self.kept_candidates: CandidateDataset | None = None
        self.epochs = 0  # that are through
        self.progress: EpochProgress | None = None  # of the epoch that is begun
        self.order = torch.Generator().manual_seed(seed)
        self.mention_tokens = self.dense.tokenize([query.mention for query in queries], what="mentions")
        self.names = NamePool(self.dense, dictionary.names, dev.dictionary.names if dev else [])
        self.dev_rows = self.names.share_of(_DEV)  # (n,) of the dev dictionary, as `dev_sparse` and its dense vectors
        dev_names = [dev.dictionary.names[row] for row in self.dev_rows] if dev else []
        dev_sparse = biosyn.get_sparse_encoder().transform(dev_names)  # (n, V)
        self.dev_sparse = SparseRows.from_scipy(dev_sparse, biosyn.device)  # never changes during training
        self.retriever = CandidateRetriever(
            queries,
            dictionary,
            biosyn.get_sparse_encoder(),
            mention_tokens=self.mention_tokens,
            name_tokens=self.names.tokens_of(_TRAIN),
            name_rows=self.names.share_of(_TRAIN),
            topk=topk,
            dense_ratio=dense_ratio,
            device=biosyn.device,
            search_memory=biosyn.search_memory,
        )
        if gradient_checkpointing:
            enable_checkpointing(self.dense.model)
        self.net = RerankNet(
            self.dense.model,
            biosyn.sparse_weight,
            precision=self.dense.precision,
            pooling=self.dense.pooling,
            temperature=temperature,
        )
        self.parallel = data_parallel(self.net)  # what a step calls
        self.optimizer = make_optimizer(self.net, learning_rate=learning_rate, weight_decay=weight_decay)

    def run_epoch(self, after_step: Callable[[int], object] = lambda steps: None) -> dict[str, float]:
        """Retrieve the candidates anew, unless they are fixed, then take a step a batch; return the epoch's figures.

        An epoch that was begun before its state was restored is finished.

        Parameters
        ----------
        after_step
            Told after each step how many of the epoch are taken; it may ask for the `state`.
        """
        epoch = self.progress = self.progress or self._begin_epoch()
        self.names.forget()  # the steps change the encoder, and need the memory
        loss = self._take_steps(epoch, after_step)
        require_finite(loss)
        self.biosyn.init_sparse_weight(self.net.sparse_weight.item())
        self.epochs, self.progress = self.epochs + 1, None
        return {"loss": loss, "w": self.biosyn.sparse_weight, **epoch.row()}

    def state(self) -> TrainingState:
        """Return all that the rest of the training depends on: after a step, or after an epoch.

        The tensors are the training's own, not copies: write them before it goes on. Of several ranks all call it.
        """
        epoch = self.progress
        candidates = self.kept_candidates if epoch is None else epoch.candidates
        tensors = {
            **network_tensors(self.net, self.optimizer),
            **random_tensors(states_of_ranks(random_states(self.biosyn.device))),
            "order": self.order.get_state() if epoch is None else epoch.order,
        }
        if candidates is not None:
            tensors["candidates"] = torch.from_numpy(candidates.candidates)
        if epoch is None:
            return TrainingState(self.epochs, 0, tensors, {})
        tensors["losses"] = summed(torch.stack(epoch.losses))
        seconds = {"retrieval_seconds": epoch.retrieval_seconds, "step_seconds": epoch.step_seconds}
        return TrainingState(self.epochs, epoch.steps, tensors, seconds)

    def restore(self, state: TrainingState) -> None:
        """Go back to a state that a trainer of the same settings and data has given; the ranks may be other ones."""
        restore_network(self.net, self.optimizer, state.tensors)
        self.biosyn.init_sparse_weight(self.net.sparse_weight.item())
        self.order.set_state(state.tensors["order"])
        if random := random_states_of(state.tensors, rank=rank()):  # or else there were fewer ranks
            set_random_states(self.biosyn.device, random)
        self.epochs = state.epochs
        if "candidates" in state.tensors:
            candidates = self.retriever.dataset(state.tensors["candidates"].numpy())
            self.kept_candidates = candidates if self.fixed_candidates else None
            if state.steps:
                total = state.tensors["losses"].to(self.biosyn.device)
                losses = list((total if is_first() else torch.zeros_like(total)).unbind())  # the ranks' are added up
                seconds = {key: state.values[key] for key in ("retrieval_seconds", "step_seconds")}
                self.progress = EpochProgress(candidates, state.tensors["order"], losses, **seconds)

    def dev_accuracy(self) -> dict[str, Any]:
        """Return ``{"dev": Acc@k by score mode}`` under the present encoder, or nothing without a dev set."""
        if self.dev is None:
            return {}
        names = Vectors(self._name_vectors(_DEV), self.dev_sparse)
        held = torch.from_numpy(self.dev_rows).to(self.biosyn.device)
        return {"dev": self.dev.accuracy(self.biosyn, names, held=held)}

    def _begin_epoch(self) -> EpochProgress:
        started, order = time.perf_counter(), self.order.get_state()
        return EpochProgress(self._retrieve(), order, retrieval_seconds=time.perf_counter() - started)

    def _retrieve(self) -> CandidateDataset:
        if self.kept_candidates is not None:
            return self.kept_candidates
        mentions = self.dense.encode(self.mention_tokens, together=True)
        candidates = self.retriever.retrieve(mentions, self._name_vectors(_TRAIN))
        self.kept_candidates = candidates if self.fixed_candidates else None
        return candidates

    def _name_vectors(self, dictionary: int) -> Tensor:
        """Return the vectors (n, H) of this rank's names: dev's measurement and the next epoch share one embedding."""
        if not self.names.is_embedded:
            self.names.embed(progress="names" if self.show_progress else None)
        return self.names.vectors_of(dictionary)

    def _take_steps(self, epoch: EpochProgress, after_step: Callable[[int], object]) -> float:
        """Take the steps that are left of the epoch; return the mean of all its losses."""
        self.net.train()
        started = time.perf_counter() - epoch.step_seconds
        steps = list(self._steps(len(epoch.candidates)))
        left = steps[epoch.steps :]
        for mentions in tqdm(left, desc="steps", initial=epoch.steps, total=len(steps), disable=not self.show_progress):
            epoch.losses.append(self._accumulate(epoch.candidates, mentions))
            self.optimizer.step()
            self.optimizer.zero_grad()  # here: while activations pile up there are no gradients beside them
            if epoch.steps % RETURN_MEMORY_EVERY == 0:
                return_freed_memory()
            epoch.step_seconds = time.perf_counter() - started
            after_step(epoch.steps)
        self.net.eval()
        loss = float(summed(torch.stack(epoch.losses)).mean())
        epoch.step_seconds = time.perf_counter() - started  # a GPU is not through before the loss is read
        return loss

    def _accumulate(self, candidates: CandidateDataset, mentions: NDArray[np.int64]) -> Tensor:
        """Add the gradient of a step's loss, batch by batch; return this rank's part of the loss, of shape ()."""
        batches = [mentions[start : start + self.batch_size] for start in range(0, len(mentions), self.batch_size)]
        counts = [int(candidates.labels[batch].any(axis=1).sum()) for batch in batches]  # mentions that give a loss
        total = torch.zeros((), device=self.biosyn.device)
        for number, (rows, count) in enumerate(zip(batches, counts, strict=True), 1):
            share = count / sum(counts) if sum(counts) else 1 / len(batches)  # no positive at all: a loss of 0
            with gradients_shared(self.parallel, wanted=number == len(batches)):
                loss = share * self._loss(candidates, candidates.with_loss(rows))
                (size() * loss).backward()  # the ranks' gradients are averaged, and they are to be summed
            total += loss.detach()
        return total

    def _loss(self, candidates: CandidateDataset, mentions: NDArray[np.int64]) -> Tensor:
        """Return this rank's part of the loss of a batch, of shape (); all ranks' parts add up to it."""
        mine = my_share(mentions)
        batch = candidates.batch(mine if len(mine) else mentions[:1])  # all ranks take part in every backward pass
        target = batch.target.to(self.biosyn.device)  # (B, K)
        total, count = marginal_nll_sum(self.parallel(batch), target if len(mine) else torch.zeros_like(target))
        return total / summed(count).clamp(min=1)

    def _steps(self, n_mentions: int) -> Iterator[NDArray[np.int64]]:
        order = torch.randperm(n_mentions, generator=self.order).numpy()
        size = self.batch_size * self.accumulation
        for start in range(0, n_mentions, size):
            yield order[start : start + size]


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
