"""Self-alignment: the names of a concept become more alike, names of different concepts less; without any mentions.

Source of the idea: Liu et al., NAACL 2021 (SapBERT). The loss is this project's own: synonym marginalization, in which
the candidates of a name are the other names of its batch. A batch has concepts that the encoder confuses.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from biosyn.data.dictionary import DictionaryDataset
from biosyn.devices import resolve_device, send, set_seed
from biosyn.encoders.dense import group_vectors
from biosyn.encoders.tokens import length_groups
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import synonym_nll
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import Vectors
from biosyn.settings.verbs import PretrainConfig
from biosyn.training.dev import DevSet, load_dev_set
from biosyn.training.distinct_names import DistinctNames
from biosyn.training.identity import describe, output_folder, require_places
from biosyn.training.run import RunSettings, run_epochs, settings_of, sole_run, starting_model
from biosyn.training.states import TrainingState
from biosyn.training.synonyms import SynonymSets, as_one, neighbour_order

MAX_NEIGHBOURS = 32  # of a concept; more than a group has, because the nearest may be in another group already
_TRAIN, _DEV = 0, 1  # the two dictionaries of `Aligner.names`
logger = logging.getLogger(__name__)


def pretrain(config: PretrainConfig) -> dict[str, Any]:
    """Fit the TF-IDF, align the encoder to the dictionaries' synonyms, save; return the JSON result of pretrain.py."""
    device = resolve_device(config.device)
    inputs = require_places(config)
    dictionaries = [DictionaryDataset(path, draft=config.draft) for path in config.train_dictionary_path]
    dictionary = as_one(dictionaries)
    dev = load_dev_set(config.dev_dir, config.dev_dictionary_path)
    output_dir = output_folder(config)
    with sole_run(output_dir):
        set_seed(config.seed)

        biosyn = starting_model(config, dictionary.texts, device=device, similarity="cosine")
        settings = settings_of(AlignerSettings, config)
        logger.info("%d names, on %s", len(dictionary), device)
        description = describe(config, dev=dev, names=list(map(len, dictionaries)))
        inputs.require_unchanged()  # the hashes in it are those of what was read
        rows = run_epochs(
            biosyn,
            lambda: Aligner(biosyn, settings, dictionary=dictionary, dev=dev, show_progress=config.show_progress),
            settings_of(RunSettings, config),
            description=description,
            output_dir=output_dir,
        )
    inputs.warn_of_changes()
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "names": len(dictionary), "epochs": rows}


@dataclass(frozen=True, kw_only=True)
class AlignerSettings:
    """The settings of an `Aligner`, under the names of pretrain.py's flags.

    Parameters
    ----------
    epoch
        The number of epochs: the learning rate goes down over them.
    train_batch_size
        The concepts of a step, each with two names.
    group_size
        The concepts of a batch that are alike under the encoder at the start of the epoch; 1 makes batches at random.
    temperature
        The cosines are divided by it for the loss.
    learning_rate, weight_decay
        The highest rate, and the decay, of AdamW.
    warmup
        The fraction of all steps in which the rate rises.
    seed
        The seed of the names drawn and of the batches.
    """

    epoch: int
    train_batch_size: int
    group_size: int
    temperature: float
    learning_rate: float
    weight_decay: float
    warmup: float
    seed: int


class Aligner:
    """The method of self-alignment: in an epoch each concept comes once, with two of its names.

    `biosyn.training.epoch.Loop` runs the epochs.

    Parameters
    ----------
    biosyn
        The model whose encoder is trained in place; its sparse encoder is fitted on the dictionary.
    dictionary
        N names of C concepts; an InputError if no concept has two names.
    dev
        The data on which Acc@k is measured after each epoch, if any.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        settings: AlignerSettings,
        *,
        dictionary: DictionaryDataset,
        dev: DevSet | None = None,
        show_progress: bool = False,
    ):
        self.synonyms = SynonymSets(dictionary.texts, dictionary.cuis)
        if not self.synonyms.with_synonyms:
            raise InputError(
                "no concept of the dictionary has two names, so there is nothing to learn from: "
                "give one with synonyms, in which the names of a concept have the same id",
                path=dictionary.path,
            )
        biosyn.encoder_will_change()
        self.biosyn = biosyn
        self.settings = settings
        self.dev = dev
        self.show_progress = show_progress
        self.dense = biosyn.get_dense_encoder()
        self.net = self.dense.model
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=biosyn.device.type in ("cpu", "cuda"),
        )
        self.names = DistinctNames(self.dense, dictionary.texts, dev.dictionary.texts if dev else [])
        self.tokens = self.names.tokens_of(_TRAIN)
        self.taken = 0  # the steps taken of all epochs
        self.drawn: list[NDArray[np.int64]] = []  # for each concept the rows of its names in this epoch, one or two
        self.order = np.zeros(0, dtype=np.int64)  # of the concepts in this epoch, (C,)

    # -- the epoch

    def epoch(self, taken: int = 0) -> Iterator[Tensor]:
        """Draw the names and put similar concepts next to each other; then yield the loss of each step.

        Parameters
        ----------
        taken
            The steps that were taken before the state was restored.
        """
        # a generator for each epoch: nothing that was drawn before has an effect on it
        random = np.random.default_rng([self.settings.seed, self.taken // self.steps])
        self.drawn = self.synonyms.draw(random)
        if not taken:  # otherwise the order was restored: the encoder that it came from has changed
            neighbours = self._neighbours(np.array([rows[0] for rows in self.drawn]))
            self.order = neighbour_order(neighbours, group_size=self.settings.group_size, random=random)
        self.names.forget()  # the steps change the encoder
        length = self.settings.train_batch_size
        batches = [self.order[start : start + length] for start in range(0, len(self.order), length)]
        return (self.step(concepts) for concepts in batches[taken:])

    def step(self, concepts: NDArray[np.int64]) -> Tensor:
        """Change the encoder by the names of some concepts; return the loss, of shape ()."""
        loss = self.loss(concepts)
        loss.backward()
        factor = rate_factor(self.taken, steps=self.settings.epoch * self.steps, warmup=self.settings.warmup)
        set_rate(self.optimizer, self.settings.learning_rate * factor)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.taken += 1
        return loss.detach()

    def loss(self, concepts: NDArray[np.int64]) -> Tensor:
        """Return the loss of the names drawn of some concepts, of shape ()."""
        device = self.biosyn.device
        rows = np.concatenate([self.drawn[concept] for concept in concepts])  # (T,)
        of_row = np.repeat(concepts, [len(self.drawn[concept]) for concept in concepts])  # (T,)
        texts = self.synonyms.texts[rows]  # (T,)
        equal = send(torch.from_numpy(texts[:, None] == texts), device)  # (T, T); a name and itself, and homonyms
        synonym = send(torch.from_numpy(self.synonyms.is_synonym(of_row)), device)  # (T, T)
        groups, place = self.tokens.in_length_groups(rows, length_groups(device))
        vectors = group_vectors(self.net, groups, self.dense.pooling, self.dense.precision)  # (T, H)
        vectors = vectors.index_select(0, send(torch.from_numpy(place), device))
        return synonym_nll(vectors @ vectors.T / self.settings.temperature, synonym, excluded=equal)

    def _neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the concepts nearest to each of C concepts, by one name of each: (C, K), itself among them."""
        if self.settings.group_size == 1:
            return np.empty((len(rows), 0), dtype=np.int64)
        if self.names.is_embedded:  # for dev
            dense = self.names.vectors_of(_TRAIN)[torch.from_numpy(rows).to(self.biosyn.device)]
        else:
            dense = self.dense.encode(self.tokens.take(rows), progress=self._bar("names"))
        vectors = Vectors(dense, None)  # (C, H)
        topk = min(MAX_NEIGHBOURS, len(rows))
        return top_names(vectors, vectors, topk=topk, memory=self.biosyn.search_memory).rows.cpu().numpy()

    # -- what `Loop` asks of a method

    @property
    def steps(self) -> int:
        """The steps of an epoch."""
        return math.ceil(len(self.synonyms) / self.settings.train_batch_size)

    def dev_accuracy(self) -> dict[str, Any]:
        """Return ``{"dev": Acc@k by score mode}`` of the model as it is now, or nothing if there is no dev set."""
        if self.dev is None:
            return {}
        if not self.names.is_embedded:
            self.names.embed(progress=self._bar("names"))
        sparse = self.biosyn.embed(self.dev.dictionary.texts, score_mode="sparse").sparse
        return {"dev": self.dev.accuracy(self.biosyn, Vectors(self.names.vectors_of(_DEV), sparse))}

    def dev_names(self) -> Tensor | None:
        """Return the vectors (N, H) of dev's names by the encoder as it is now; None if they are not embedded."""
        return self.names.vectors_of(_DEV) if self.dev and self.names.is_embedded else None

    def figures(self, seconds: float) -> dict[str, float]:
        """Return the figures of an epoch that took so many seconds, for the log."""
        names = sum(map(len, self.drawn))
        return {"seconds": round(seconds, 1), "names_per_second": round(names / seconds, 2)}

    def times(self, seconds: float) -> dict[str, float]:
        """Return the seconds of an epoch by their name in a state."""
        return {"seconds": seconds}

    def tensors(self, *, within: bool) -> dict[str, Tensor]:
        """Return the order of the concepts within an epoch; between two epochs there is none."""
        return {"order": torch.from_numpy(self.order)} if within else {}

    def restore(self, state: TrainingState) -> None:
        """Go back to the place of a state, and to its order of the concepts."""
        self.taken = state.epochs * self.steps + state.steps
        if state.steps:
            self.order = state.tensors["order"].numpy()

    def _bar(self, title: str) -> str | None:
        return title if self.show_progress else None


def rate_factor(step: int, *, steps: int, warmup: float) -> float:
    """Return the fraction of the highest rate at a step: linear up to 1, then linear down towards 0.

    Parameters
    ----------
    step
        Counted from 0.
    steps
        The steps of the whole run.
    warmup
        The fraction of them in which the rate rises, between 0 and 1.

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
