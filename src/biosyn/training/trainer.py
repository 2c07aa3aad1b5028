"""Training by synonym marginalization with iterative candidate retrieval (Sung et al., ACL 2020, section 3)."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import send
from biosyn.distributed.ranks import data_parallel, gradients_shared, my_share, size, summed
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import marginal_nll_sum
from biosyn.model.rerank_net import RerankNet
from biosyn.records import Query
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.training.candidates import CandidateDataset, CandidateRetriever
from biosyn.training.dev import DevSet, have_common_ids
from biosyn.training.distinct_names import DistinctNames
from biosyn.training.states import TrainingState

_TRAIN, _DEV = 0, 1  # the two dictionaries of `Trainer.names`
SPARSE_WEIGHT_LEARNING_RATE = 0.01


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """The settings of a `Trainer`, under the names of train.py's flags.

    Parameters
    ----------
    topk, dense_ratio
        A mention has K candidates, of which ``int(K * dense_ratio)`` come from the dense score.
    fixed_candidates
        Keep the candidates of the first epoch: training without iterative retrieval, as in the paper's ablation.
    temperature
        The scores are divided by it for the loss.
    train_batch_size, gradient_accumulation_steps
        The mentions of a batch, and the batches of a step. Loss and gradient are those of one batch as large as all of
        them, in the memory of one.
    learning_rate, weight_decay
        Both are for the encoder; w has the rate 0.01 and no decay.
    gradient_checkpointing
        Recompute each layer in the backward pass instead of keeping it: less memory, a third more time.
    seed
        The seed of the order of the mentions.
    draft
        The first names and mentions alone: a trial run, in which no mention need have a positive candidate.
    """

    topk: int
    dense_ratio: float
    fixed_candidates: bool
    temperature: float
    train_batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    weight_decay: float
    gradient_checkpointing: bool
    seed: int
    draft: bool = False


class Trainer:
    """The method of the paper: an epoch retrieves the candidates, then each step changes the encoder and w of a BioSyn.

    `biosyn.training.epoch.Loop` runs the epochs. Several ranks divide the names and the mentions of each batch among
    them, and learn what one process would.

    Parameters
    ----------
    biosyn
        The model to train in place: its dense encoder is loaded, its sparse encoder is fitted on the dictionary.
    queries, dictionary
        M mentions, none of them composite or without a concept, and N names; an InputError if no concept has both.
    dev
        The data on which Acc@k is measured after each epoch, if any.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        settings: TrainerSettings,
        *,
        queries: Sequence[Query],
        dictionary: DictionaryDataset,
        dev: DevSet | None = None,
        show_progress: bool = False,
    ):
        if not have_common_ids(queries, dictionary) and not settings.draft:  # before the names are embedded
            raise InputError(
                f"no mention has a concept of the dictionary: --train_dir has ids such as {queries[0].cui}, "
                f"--train_dictionary_path such as {dictionary.cuis[0]}: give files of one ontology"
            )
        self.biosyn = biosyn
        self.settings = settings
        self.dev = dev
        self.show_progress = show_progress
        self.net = biosyn.rerank_net(temperature=settings.temperature)
        self.dense = biosyn.get_dense_encoder()
        if settings.gradient_checkpointing:
            enable_checkpointing(self.dense.model)
        self.parallel = data_parallel(self.net)  # the network that a step calls
        self.optimizer = make_optimizer(
            self.net, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.order = torch.Generator().manual_seed(settings.seed)
        self.mention_tokens = self.dense.tokenize([query.mention for query in queries], what="mentions")
        dev_texts = dev.dictionary.texts if dev else []
        self.names = DistinctNames(self.dense, dictionary.texts, dev_texts)
        self.retriever = CandidateRetriever(
            queries,
            dictionary,
            biosyn.get_sparse_encoder(),
            mention_tokens=self.mention_tokens,
            name_tokens=self.names.tokens_of(_TRAIN),
            name_rows=self.names.share_of(_TRAIN),
            topk=settings.topk,
            dense_ratio=settings.dense_ratio,
            device=biosyn.device,
            search_memory=biosyn.search_memory,
        )
        self.dev_rows = self.names.share_of(_DEV)  # (n,), this rank's names of the dev dictionary
        dev_sparse = biosyn.get_sparse_encoder().transform([dev_texts[row] for row in self.dev_rows])  # (n, V)
        self.dev_sparse = SparseRows.from_scipy(dev_sparse, biosyn.device)  # training does not change it
        self.candidates: CandidateDataset | None = None  # of the epoch that is begun, or of all epochs if fixed
        self.order_before = self.order.get_state()  # before the order of the epoch that is begun was drawn
        self.retrieval_seconds = 0.0  # of the epoch that is begun

    # -- the epoch

    def epoch(self, taken: int = 0) -> Iterator[Tensor]:
        """Retrieve the candidates, then go through the mentions in a new order: yield the loss of each step.

        This is no generator but returns one: the candidates are there before the first loss is asked for.

        Parameters
        ----------
        taken
            The steps that were taken before the state was restored.
        """
        started = time.perf_counter()
        if self.candidates is None or not (taken or self.settings.fixed_candidates):
            self.candidates = self.retrieve()
        if not taken:
            self.retrieval_seconds = time.perf_counter() - started
        candidates = self.candidates
        self.names.forget()  # the steps change the encoder, and need the memory
        return (self.step(candidates, mentions) for mentions in self.shuffled()[taken:])

    def retrieve(self) -> CandidateDataset:
        """Return K candidates of each mention, the dense ones found by the encoder as it is now."""
        mentions = self.dense.encode(self.mention_tokens, together=True)  # (M, H)
        candidates = self.retriever.retrieve(mentions, self._name_vectors(_TRAIN))
        if not candidates.labels.any() and not self.settings.draft:
            raise InputError(
                "no mention has a name of its concept among its candidates, so there is nothing to learn from: "
                "raise --topk, or check that the ids of --train_dictionary_path are those of --train_dir"
            )
        return candidates

    def shuffled(self) -> list[NDArray[np.int64]]:
        """Return the mentions of each step of an epoch: all M in a new order, the last step may be shorter."""
        self.order_before = self.order.get_state()
        order = torch.randperm(len(self.mention_tokens), generator=self.order).numpy()
        return [order[start : start + self._step_size] for start in range(0, len(order), self._step_size)]

    def step(self, candidates: CandidateDataset, mentions: NDArray[np.int64]) -> Tensor:
        """Change the encoder and w by the loss of some mentions; return this rank's part of the loss, of shape ()."""
        loss = self.add_gradients(candidates, mentions)
        self.optimizer.step()
        self.optimizer.zero_grad()  # here, so that there are no gradients while a forward pass fills the memory
        return loss

    def add_gradients(self, candidates: CandidateDataset, mentions: NDArray[np.int64]) -> Tensor:
        """Add the gradient of a step's loss, batch by batch; return this rank's part of the loss, of shape ()."""
        length = self.settings.train_batch_size
        batches = [mentions[start : start + length] for start in range(0, len(mentions), length)]
        counts = [int(candidates.labels[batch].any(axis=1).sum()) for batch in batches]  # mentions with a loss
        total = torch.zeros((), device=self.biosyn.device)
        for number, (batch, count) in enumerate(zip(batches, counts, strict=True), 1):
            fraction = count / sum(counts) if sum(counts) else 1 / len(batches)  # no positive at all: a loss of 0
            with gradients_shared(self.parallel, wanted=number == len(batches)):
                loss = fraction * self._loss(candidates, candidates.with_loss(batch))
                (size() * loss).backward()  # the ranks' gradients are averaged, and are to be summed
            total += loss.detach()
        return total

    def _loss(self, candidates: CandidateDataset, mentions: NDArray[np.int64]) -> Tensor:
        """Return this rank's part of the loss of a batch, of shape (); the parts of all ranks add up to it."""
        mine = my_share(mentions)
        batch = candidates.batch(mine if len(mine) else mentions[:1])  # every rank takes part in every backward pass
        target = send(batch.target, self.biosyn.device)  # (B, K)
        score = self.parallel(batch)  # (B, K)
        total, count = marginal_nll_sum(score, target if len(mine) else torch.zeros_like(target))
        return total / summed(count).clamp(min=1)

    # -- the measurement on dev

    def dev_accuracy(self) -> dict[str, Any]:
        """Return ``{"dev": Acc@k by score mode}`` of the model as it is now, or nothing if there is no dev set."""
        if self.dev is None:
            return {}
        names = Vectors(self._name_vectors(_DEV), self.dev_sparse)
        held = torch.from_numpy(self.dev_rows).to(self.biosyn.device)
        return {"dev": self.dev.accuracy(self.biosyn, names, held=held)}

    def _name_vectors(self, dictionary: int) -> Tensor:
        """Return the vectors (n, H) of this rank's names; dev and the next epoch's retrieval share one embedding."""
        if not self.names.is_embedded:
            self.names.embed(progress="names" if self.show_progress else None)
        return self.names.vectors_of(dictionary)

    # -- what `Loop` asks of a method

    @property
    def steps(self) -> int:
        """The steps of an epoch."""
        return math.ceil(len(self.mention_tokens) / self._step_size)

    def figures(self, seconds: float) -> dict[str, float]:
        """Return the figures of an epoch that took so many seconds, for the log."""
        assert self.candidates is not None  # the epoch has begun
        return {
            "w": self.biosyn.sparse_weight,
            "positive_share": self.candidates.positive_share,
            "seconds": round(seconds, 1),
            "mentions_per_second": round(len(self.candidates) / self.times(seconds)["step_seconds"], 2),
        }

    def times(self, seconds: float) -> dict[str, float]:
        """Return the seconds of an epoch, retrieval and steps apart."""
        return {"retrieval_seconds": self.retrieval_seconds, "step_seconds": seconds - self.retrieval_seconds}

    def tensors(self, *, within: bool) -> dict[str, Tensor]:
        """Return the order of the mentions and the candidates, as far as the rest of the training depends on them.

        Parameters
        ----------
        within
            Steps of an epoch are taken, and some may be left.
        """
        found = {"order": self.order_before if within else self.order.get_state()}
        if self.candidates is not None and (within or self.settings.fixed_candidates):
            found["candidates"] = torch.from_numpy(self.candidates.candidates)  # labels and scores follow from them
        return found

    def restore(self, state: TrainingState) -> None:
        """Go back to the order and the candidates of a state; it may be of another number of ranks."""
        self.order.set_state(state.tensors["order"])
        if "candidates" in state.tensors:
            self.candidates = self.retriever.dataset(state.tensors["candidates"].numpy())
        self.retrieval_seconds = state.values.get("retrieval_seconds", 0.0)

    @property
    def _step_size(self) -> int:
        return self.settings.train_batch_size * self.settings.gradient_accumulation_steps


def make_optimizer(net: RerankNet, *, learning_rate: float, weight_decay: float) -> torch.optim.Adam:
    """Return Adam (L2 decay inside, not AdamW) over the encoder, and over w at its own rate without decay."""
    return torch.optim.Adam(
        [
            {"params": list(net.encoder.parameters()), "lr": learning_rate, "weight_decay": weight_decay},
            {"params": [net.sparse_weight], "lr": SPARSE_WEIGHT_LEARNING_RATE, "weight_decay": 0.0},
        ],
        fused=net.sparse_weight.device.type in ("cpu", "cuda"),  # the same arithmetic in one pass over memory
    )


def enable_checkpointing(model: PreTrainedModel) -> None:
    """Let the model compute its activations again in the backward pass; an InputError if it cannot."""
    # one method under two names: the first is that of newer transformers
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    try:
        enable()
    except ValueError as error:
        raise InputError(f"--gradient_checkpointing: {type(model).__name__} has none: leave the flag out") from error
