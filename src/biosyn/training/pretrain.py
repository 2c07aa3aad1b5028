"""Self-alignment: the names of a concept drawn together, those of others apart; no mentions are needed.

Source of the idea: Liu et al., NAACL 2021 (SapBERT). The loss is this project's own, synonym marginalization, with the
names of a batch in place of a mention's candidates; a batch is made of concepts that the encoder takes for each other.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import RETURN_MEMORY_EVERY, resolve_device, return_freed_memory, send, set_seed
from biosyn.encoders.dense import group_vectors
from biosyn.errors import InputError
from biosyn.files import require_writable
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import synonym_nll
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import Vectors
from biosyn.settings.verbs import PretrainConfig
from biosyn.training.identity import output_folder
from biosyn.training.log import DevSet, load_dev_set
from biosyn.training.run import train_epochs
from biosyn.training.states import (
    TrainingState,
    network_tensors,
    random_states,
    random_states_of,
    random_tensors,
    restore_network,
    set_random_states,
)
from biosyn.training.synonyms import SynonymSets, neighbour_order
from biosyn.training.trainer import require_finite

MAX_NEIGHBOURS = 32  # of a concept: the nearest may stand in another group already
logger = logging.getLogger(__name__)


@dataclass
class _Epoch:
    """An epoch that is begun."""

    drawn: list[NDArray[np.int64]]  # rows of the names of each concept, one or two
    order: NDArray[np.int64]  # of the concepts, (C,)
    losses: list[Tensor] = field(default_factory=list)  # of the steps taken, each of shape ()
    seconds: float = 0.0  # so far, in all the runs that worked on it


class Aligner:
    """Trains the encoder of a BioSyn in place on the synonyms of a dictionary, one epoch after the other.

    Parameters
    ----------
    biosyn
        With its dense encoder loaded and its sparse encoder fitted on the dictionary.
    dictionary
        N names of C concepts.
    dev
        Where Acc@k is measured after each epoch; None for nowhere.
    total_epochs
        How many will be run: the learning rate goes down over them.
    batch_size
        Concepts of a step, with two names each.
    group_size
        Concepts of a batch that are alike under the encoder at the start of the epoch; 1 makes batches at random.
    temperature
        What scores are divided by for the loss.
    learning_rate, weight_decay, warmup
        Of AdamW; the share of all steps in which the rate rises.
    seed
        Of the names and batches.

    Raises
    ------
    InputError
        If no concept of the dictionary has two names.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        dictionary: DictionaryDataset,
        *,
        dev: DevSet | None,
        total_epochs: int,
        batch_size: int,
        group_size: int,
        temperature: float,
        learning_rate: float,
        weight_decay: float,
        warmup: float,
        seed: int,
        show_progress: bool,
    ):
        biosyn.encoder_will_change()
        self.biosyn = biosyn
        self.dense = biosyn.get_dense_encoder()
        self.dev = dev
        self.synonyms = SynonymSets(dictionary.names, dictionary.cuis)
        if not self.synonyms.with_synonyms:
            raise InputError("no concept of the dictionary has two names: there is nothing to learn from")
        self.tokens = self.dense.tokenize(dictionary.names, what="names")
        self.steps = math.ceil(len(self.synonyms) / batch_size)  # of an epoch
        self.total_steps = total_epochs * self.steps
        self.batch_size, self.group_size = batch_size, group_size
        self.temperature = temperature
        self.learning_rate, self.warmup = learning_rate, warmup
        self.seed = seed
        self.show_progress = show_progress
        self.epochs = 0  # that are through
        self.progress: _Epoch | None = None
        self.optimizer = torch.optim.AdamW(
            self.dense.model.parameters(),
            lr=learning_rate,
            weight_decay=weight_decay,
            fused=biosyn.device.type in ("cpu", "cuda"),
        )

    def run_epoch(self, after_step: Callable[[int], object] = lambda steps: None) -> dict[str, float]:
        """Take each concept once, with two names drawn anew; return the epoch's figures.

        An epoch that was begun before its state was restored is finished.

        Parameters
        ----------
        after_step
            Told after each step how many of the epoch are taken; it may ask for the `state`.
        """
        epoch = self.progress = self.progress or self._begin_epoch()
        loss = self._take_steps(epoch, after_step)
        require_finite(loss)
        self.epochs, self.progress = self.epochs + 1, None
        seconds = epoch.seconds
        return {
            "loss": loss,
            "seconds": round(seconds, 1),
            "names_per_second": round(sum(map(len, epoch.drawn)) / seconds, 2),
        }

    def dev_accuracy(self) -> dict[str, Any]:
        """Return ``{"dev": Acc@k by score mode}`` under the present encoder, or nothing without a dev set."""
        if self.dev is None:
            return {}
        names = self.biosyn.embed(self.dev.dictionary.names, what="names", progress=self._bar("names"))
        return {"dev": self.dev.accuracy(self.biosyn, names)}

    def state(self) -> TrainingState:
        """Return all that the rest of the training depends on: after a step, or after an epoch."""
        tensors = {
            **network_tensors(self.dense.model, self.optimizer),
            **random_tensors([random_states(self.biosyn.device)]),
        }
        if self.progress is None:
            return TrainingState(self.epochs, 0, tensors, {})
        tensors |= {"order": torch.from_numpy(self.progress.order), "losses": torch.stack(self.progress.losses)}
        return TrainingState(self.epochs, len(self.progress.losses), tensors, {"seconds": self.progress.seconds})

    def restore(self, state: TrainingState) -> None:
        """Go back to a state that an aligner of the same settings and data has given."""
        restore_network(self.dense.model, self.optimizer, state.tensors)
        set_random_states(self.biosyn.device, random_states_of(state.tensors, rank=0))
        self.epochs, self.progress = state.epochs, None
        if state.steps:
            drawn = self.synonyms.draw(self._random())
            losses = list(state.tensors["losses"].to(self.biosyn.device).unbind())
            self.progress = _Epoch(drawn, state.tensors["order"].numpy(), losses, state.values["seconds"])

    def _random(self) -> np.random.Generator:
        """Return the generator of the epoch that comes; it depends on nothing that was drawn before."""
        return np.random.default_rng([self.seed, self.epochs])

    def _begin_epoch(self) -> _Epoch:
        started, random = time.perf_counter(), self._random()
        drawn = self.synonyms.draw(random)
        neighbours = self._neighbours(np.array([rows[0] for rows in drawn]))
        order = neighbour_order(neighbours, group_size=self.group_size, random=random)
        return _Epoch(drawn, order, seconds=time.perf_counter() - started)

    def _neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the concepts nearest to each of C concepts, by one name of each: (C, K), itself among them."""
        if self.group_size == 1:
            return np.empty((len(rows), 0), dtype=np.int64)
        vectors = Vectors(self.dense.encode(self.tokens.take(rows), progress=self._bar("names")), None)
        topk = min(MAX_NEIGHBOURS, len(rows))
        return top_names(vectors, vectors, topk=topk, memory=self.biosyn.search_memory).rows.cpu().numpy()

    def _take_steps(self, epoch: _Epoch, after_step: Callable[[int], object]) -> float:
        """Take the steps that are left of the epoch; return the mean of all its losses."""
        self.dense.model.train()
        started = time.perf_counter() - epoch.seconds
        left = range(len(epoch.losses), self.steps)
        for step in tqdm(left, desc="steps", initial=left.start, total=self.steps, disable=not self.show_progress):
            concepts = epoch.order[step * self.batch_size : (step + 1) * self.batch_size]
            epoch.losses.append(self._take_step(concepts, epoch.drawn, self.epochs * self.steps + step))
            if step % RETURN_MEMORY_EVERY == 0:
                return_freed_memory()
            epoch.seconds = time.perf_counter() - started
            after_step(step + 1)
        self.dense.model.eval()
        loss = float(torch.stack(epoch.losses).mean())
        epoch.seconds = time.perf_counter() - started  # a GPU is not through before the loss is read
        return loss

    def _take_step(self, concepts: NDArray[np.int64], drawn: list[NDArray[np.int64]], step: int) -> Tensor:
        """Change the encoder by the names of some concepts; return the loss, of shape ()."""
        loss = self._loss(concepts, drawn)
        loss.backward()
        factor = rate_factor(step, steps=self.total_steps, warmup=self.warmup)
        set_rate(self.optimizer, self.learning_rate * factor)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def _loss(self, concepts: NDArray[np.int64], drawn: list[NDArray[np.int64]]) -> Tensor:
        device = self.biosyn.device
        rows = np.concatenate([drawn[concept] for concept in concepts])  # (T,)
        of_row = np.repeat(concepts, [len(drawn[concept]) for concept in concepts])  # (T,)
        texts = self.synonyms.texts[rows]  # (T,)
        equal = send(torch.from_numpy(texts[:, None] == texts), device)  # (T, T); a name and itself, and homonyms
        synonym = send(torch.from_numpy(self.synonyms.is_synonym(of_row)), device)  # (T, T)
        groups, place = self.tokens.in_length_groups(rows)
        vectors = group_vectors(self.dense.model, groups, self.dense.pooling, self.dense.precision)  # (T, H)
        vectors = vectors.index_select(0, send(torch.from_numpy(place), device))
        return synonym_nll(vectors @ vectors.T / self.temperature, synonym, excluded=equal)

    def _bar(self, title: str) -> str | None:
        return title if self.show_progress else None


def pretrain(config: PretrainConfig) -> dict[str, Any]:
    """Run pretrain.py: fit the TF-IDF, align the encoder to the dictionary's synonyms, save; return its JSON result.

    Raises
    ------
    InputError
        If a file is missing or bad, no concept has two names, the device is not there, or the output folder cannot be
        written.
    """
    device = resolve_device(config.device)
    dictionary = DictionaryDataset(config.train_dictionary_path, draft=config.draft)
    dev = load_dev_set(config.dev_dir, config.dev_dictionary_path)
    output_dir = require_writable(output_folder(config))
    set_seed(config.seed)
    biosyn = BioSyn(
        config.max_length,
        device,
        initial_sparse_weight=config.initial_sparse_weight,
        precision=config.precision,
        search_memory=config.search_memory,
        pooling=config.pooling,
        similarity="cosine",
    )
    biosyn.load_dense_encoder(config.model_name_or_path, revision=config.revision)
    biosyn.init_sparse_encoder(dictionary.names)
    logger.info("%d names, on %s", len(dictionary), device)
    rows = train_epochs(
        config,
        biosyn,
        lambda: _aligner(config, biosyn, dictionary, dev),
        dev=dev,
        sizes={"names": len(dictionary)},
        output_dir=output_dir,
    )
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "names": len(dictionary), "epochs": rows}


def _aligner(config: PretrainConfig, biosyn: BioSyn, dictionary: DictionaryDataset, dev: DevSet | None) -> Aligner:
    return Aligner(
        biosyn,
        dictionary,
        dev=dev,
        total_epochs=config.epoch,
        batch_size=config.train_batch_size,
        group_size=config.group_size,
        temperature=config.temperature,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup=config.warmup,
        seed=config.seed,
        show_progress=config.show_progress,
    )


def rate_factor(step: int, *, steps: int, warmup: float) -> float:
    """Return the share of the highest rate at a step: up to 1 by a straight line, then down towards 0 by another.

    Parameters
    ----------
    step
        Counted from 0.
    steps
        Of the whole run.
    warmup
        Share of them in which the rate rises, between 0 and 1.

    Examples
    --------
    >>> [rate_factor(step, steps=6, warmup=1 / 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    rising = round(steps * warmup)
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
