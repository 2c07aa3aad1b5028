"""Self-alignment: the names of a concept drawn together, those of others apart; no mentions are needed.

Source of the idea: Liu et al., NAACL 2021 (SapBERT). The loss is this project's own, synonym marginalization, over the
names of a batch instead of a mention's candidates; batches are made of concepts that the encoder takes for each other.
"""

import math
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.synonyms import SynonymSets, neighbour_batches
from biosyn.devices import return_freed_memory
from biosyn.encoders.dense import text_vectors
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import synonym_nll
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import Vectors
from biosyn.schedule import warm_up_then_down

RETURN_MEMORY_EVERY = 10  # steps
MAX_NEIGHBOURS = 32  # of a concept: those nearest may have gone to another group


class Aligner:
    """Trains the encoder of a BioSyn in place on the synonyms of a dictionary, one epoch after the other.

    Parameters
    ----------
    biosyn
        With its dense encoder loaded.
    dictionary
        N names.
    epochs
        How many will be run: the learning rate goes down to 0 over them.
    batch_size
        Concepts of a step, with a pair of names each.
    group_size
        Concepts of a batch that are alike under the encoder at the start of the epoch; 1 makes batches at random.
    temperature
        What scores are divided by for the loss.
    learning_rate, weight_decay, warmup
        Of AdamW; the share of all steps in which the rate goes up.
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
        epochs: int,
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
        self.synonyms = SynonymSets(dictionary.names, dictionary.cuis)
        if not self.synonyms.with_synonyms:
            raise InputError("no concept of the dictionary has two names: there is nothing to align")
        self.tokens = self.dense.tokenize(dictionary.names, what="names")
        self.batch_size = batch_size
        self.group_size = group_size
        self.temperature = temperature
        self.random = np.random.default_rng(seed)
        self.show_progress = show_progress
        self.optimizer = torch.optim.AdamW(
            self.dense.model.parameters(),
            lr=learning_rate,
            weight_decay=weight_decay,
            fused=biosyn.device.type in ("cpu", "cuda"),
        )
        steps = epochs * math.ceil(len(self.synonyms) / batch_size)
        self.schedule = warm_up_then_down(self.optimizer, steps=steps, warmup=warmup)

    def run_epoch(self) -> dict[str, Any]:
        """Take each concept once, with two names drawn anew; return the epoch's figures."""
        started = time.perf_counter()
        drawn = self.synonyms.draw(self.random)
        neighbours = self._neighbours(np.array([rows[0] for rows in drawn]))
        batches = list(
            neighbour_batches(
                neighbours, batch_size=self.batch_size, group_size=self.group_size, random=self.random
            )
        )
        stepping = time.perf_counter()
        loss = self._take_steps(batches, drawn)
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss}: the training has diverged, lower --learning_rate")
        names = sum(map(len, drawn))
        return {
            "loss": loss,
            "seconds": round(time.perf_counter() - started, 1),
            "names_per_second": round(names / (time.perf_counter() - stepping), 2),
        }

    def _neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the concepts nearest to each of C concepts, by one name of each: (C, K), itself among them."""
        if self.group_size == 1:
            return np.empty((len(rows), 0), dtype=np.int64)
        vectors = Vectors(self.dense.encode(self.tokens.take(rows), progress="names" if self.show_progress else None), None)
        topk = min(MAX_NEIGHBOURS, len(rows))
        return top_names(vectors, vectors, topk=topk, memory=self.biosyn.search_memory).rows.cpu().numpy()

    def _take_steps(self, batches: list[NDArray[np.int64]], drawn: list[NDArray[np.int64]]) -> float:
        """Return the mean of the steps' losses."""
        self.dense.model.train()
        losses = []
        for step, concepts in enumerate(tqdm(batches, desc="steps", disable=not self.show_progress), 1):
            loss = self._loss(concepts, drawn)
            loss.backward()
            losses.append(loss.detach())
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()
            if step % RETURN_MEMORY_EVERY == 0:
                return_freed_memory()
        self.dense.model.eval()
        return float(torch.stack(losses).mean())

    def _loss(self, concepts: NDArray[np.int64], drawn: list[NDArray[np.int64]]) -> Tensor:
        rows = np.concatenate([drawn[concept] for concept in concepts])  # (T,)
        of_row = np.repeat(concepts, [len(drawn[concept]) for concept in concepts])  # (T,)
        texts = self.synonyms.texts[rows]
        equal = torch.from_numpy(texts[:, None] == texts).to(self.biosyn.device)  # (T, T); homonyms, and each itself
        synonym = torch.from_numpy(self.synonyms.is_synonym(of_row)).to(self.biosyn.device)  # (T, T)
        groups, place = self.tokens.in_length_groups(rows)
        pooling, precision = self.dense.pooling, self.dense.precision
        vectors = torch.cat([text_vectors(self.dense.model, group, pooling, precision) for group in groups])  # (T, H)
        vectors = vectors.index_select(0, torch.from_numpy(place).to(self.biosyn.device))
        return synonym_nll(vectors @ vectors.T / self.temperature, synonym, excluded=equal)
