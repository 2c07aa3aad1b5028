"""Training by synonym marginalization with iterative candidate retrieval (Sung et al., ACL 2020, section 3)."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from biosyn.data.candidates import CandidateDataset
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import marginal_nll
from biosyn.model.rerank_net import RerankNet
from biosyn.records import Query
from biosyn.retrieval.iterative import CandidateRetriever
from biosyn.retrieval.name_pool import NamePool
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.training_log import DevSet

SPARSE_WEIGHT_LEARNING_RATE = 0.01
_TRAIN, _DEV = 0, 1  # the dictionaries of the name pool


class Trainer:
    """Trains the encoder and w of a BioSyn in place, one epoch after the other.

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
    batch_size
        Mentions of a step.
    learning_rate, weight_decay
        Of the encoder; w is trained at 0.01 without decay.
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
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        seed: int,
        show_progress: bool,
    ):
        biosyn.encoder_will_change()
        self.biosyn = biosyn
        self.dense = biosyn.get_dense_encoder()
        self.dev = dev
        self.batch_size = batch_size
        self.show_progress = show_progress
        self.order = torch.Generator().manual_seed(seed)
        self.mention_tokens = self.dense.tokenize([query.mention for query in queries], what="mentions")
        dev_rows = biosyn.get_sparse_encoder().transform(dev.dictionary.names if dev else [])
        self.dev_sparse = SparseRows.from_scipy(dev_rows, biosyn.device)  # never changes during training
        self.names = NamePool(self.dense, dictionary.names, dev.dictionary.names if dev else [])
        self.retriever = CandidateRetriever(
            queries,
            dictionary,
            biosyn.get_sparse_encoder(),
            mention_tokens=self.mention_tokens,
            name_tokens=self.names.tokens_of(_TRAIN),
            topk=topk,
            dense_ratio=dense_ratio,
            device=biosyn.device,
        )
        self.net = RerankNet(self.dense.model, biosyn.sparse_weight)
        self.optimizer = make_optimizer(self.net, learning_rate=learning_rate, weight_decay=weight_decay)

    def run_epoch(self) -> dict[str, float]:
        """Retrieve the candidates anew, then take a step a batch; return the epoch's figures."""
        started = time.perf_counter()
        candidates = self.retriever.retrieve(self.dense.encode(self.mention_tokens), self._name_vectors(_TRAIN))
        stepping = time.perf_counter()
        loss = self._take_steps(candidates)
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss}: the training has diverged, lower --learning_rate")
        step_seconds = time.perf_counter() - stepping
        self.biosyn.init_sparse_weight(self.net.sparse_weight.item())
        self.names.forget()
        return {
            "loss": loss,
            "w": self.biosyn.sparse_weight,
            "positive_share": candidates.positive_share,
            "seconds": round(time.perf_counter() - started, 1),
            "mentions_per_second": round(len(candidates) / step_seconds, 2),
        }

    def dev_accuracy(self) -> dict[str, Any]:
        """Return ``{"dev": Acc@k by score mode}`` under the present encoder, or nothing without a dev set."""
        if self.dev is None:
            return {}
        return {"dev": self.dev.accuracy(self.biosyn, Vectors(self._name_vectors(_DEV), self.dev_sparse))}

    def _name_vectors(self, dictionary: int) -> Tensor:
        """Return the names' vectors (N, H): dev's measurement and the next epoch's retrieval share one embedding."""
        if not self.names.is_embedded:
            self.names.embed(progress="names" if self.show_progress else None)
        return self.names.vectors_of(dictionary)

    def _take_steps(self, candidates: CandidateDataset) -> float:
        """Return the mean of the batches' losses."""
        self.net.train()
        losses = []
        batches = list(self._batches(len(candidates)))
        for mentions in tqdm(batches, desc="steps", disable=not self.show_progress):
            batch = candidates.batch(mentions)
            loss = marginal_nll(self.net(batch), batch.target.to(self.biosyn.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())  # kept on the device: reading each would stall a GPU
        self.net.eval()
        return float(torch.stack(losses).mean())

    def _batches(self, n_mentions: int) -> Iterator[NDArray[np.int64]]:
        order = torch.randperm(n_mentions, generator=self.order).numpy()
        for start in range(0, n_mentions, self.batch_size):
            yield order[start : start + self.batch_size]


def make_optimizer(net: RerankNet, *, learning_rate: float, weight_decay: float) -> torch.optim.Adam:
    """Return Adam (L2 decay inside, not AdamW) over the encoder, and over w at its own rate without decay."""
    return torch.optim.Adam(
        [
            {"params": list(net.encoder.parameters()), "lr": learning_rate, "weight_decay": weight_decay},
            {"params": [net.sparse_weight], "lr": SPARSE_WEIGHT_LEARNING_RATE, "weight_decay": 0.0},
        ],
        fused=net.sparse_weight.device.type in ("cpu", "cuda"),  # the same arithmetic in one pass over memory
    )
