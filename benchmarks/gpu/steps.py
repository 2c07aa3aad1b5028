"""A training step on the device: the plain padded way, length groups, one CUDA graph, compiled."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from kit import MENTIONS, TOPK, Kit, Row, precision_of, trainer_of
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from biosyn.devices import send
from biosyn.encoders.tokens import TokenBatch
from biosyn.model.losses import marginal_nll
from biosyn.model.rerank_net import CandidateBatch, RerankNet
from biosyn.training.candidates import CandidateDataset
from biosyn.training.trainer import make_optimizer

GROUPS = (1, 2, 4, 8)


def steps(kit: Kit) -> Iterator[Row]:
    """Time a training step by each way; the model, candidates and mentions are the same."""
    encoder = kit.material.encoders[-1]
    dictionary, queries = kit.material.data(kit.of(20_000, 300), kit.of(512, 48))
    trainer = trainer_of(kit.material.biosyn(encoder, kit.device), dictionary, queries)
    candidates = trainer.retriever.dataset(trainer.retriever.sparse_rows)
    chosen = trainer.shuffled()[: kit.of(25, 1)]
    ours, tokens = trainer.dense.model, candidates.tokens
    longest = 8 * -(-int(tokens.lengths.max()) // 8)
    plain = kit.material.plain(encoder, kit.device)
    whole = [laid_out(candidates, rows, 1, distinct=False, length=25) for rows in chosen]
    fixed = [laid_out(candidates, rows, 1, texts=MENTIONS * (TOPK + 1), length=longest) for rows in chosen]
    grouped = {count: [laid_out(candidates, candidates.with_loss(rows), count) for rows in chosen] for count in GROUPS}

    def row(
        way: str, precision: str, model: PreTrainedModel, batches: list[CandidateBatch], graph: bool = False
    ) -> Row:
        label = {"way": way, "precision": precision, "groups": len(batches[0].groups)}
        return kit.row(label, partial(step_rate, kit, model, batches, precision, graph=graph))

    for precision in ("bfloat16", "tf32", "float32")[: kit.of(3, 1)]:
        yield row("plain, padded to 25", precision, plain, whole)
        for batches in grouped.values():
            yield row("ours", precision, ours, batches)
        yield row("ours, one shape", precision, ours, fixed)
        yield row("ours, one shape, CUDA graph", precision, ours, fixed, graph=True)
    started = time.perf_counter()
    for mentions in chosen:
        candidates.batch(mentions)
    yield {"way": "CandidateDataset.batch alone", "ms": (time.perf_counter() - started) / len(chosen) * 1e3}
    ours.compile(dynamic=True, backend="eager" if kit.dry else "inductor")
    for precision in ("bfloat16", "float32")[: kit.of(2, 1)]:
        for count in (1, 4)[: kit.of(2, 1)]:
            yield row("ours, compiled", precision, ours, grouped[count])


def laid_out(
    candidates: CandidateDataset,
    mentions: NDArray[np.int64],
    groups: int,
    *,
    distinct: bool = True,
    texts: int = 0,
    length: int = 0,
) -> CandidateBatch:
    """Return the batch of these mentions in so many groups by length, as `CandidateDataset.batch` does.

    Parameters
    ----------
    distinct
        Take a name that is a candidate of several mentions once.
    texts, length
        The least number of texts, filled up by the first, and the least number of tokens, filled up by padding.
    """
    rows = candidates.candidates[mentions]  # (B, K)
    names, place = np.unique(rows, return_inverse=True) if distinct else (rows.ravel(), np.arange(rows.size))
    taken = np.concatenate([mentions, len(candidates) + names])
    taken = np.concatenate([taken, np.repeat(taken[:1], max(0, texts - len(taken)))])  # (T,)
    order = np.argsort(candidates.tokens.lengths[taken], kind="stable")
    position = np.argsort(order)
    return CandidateBatch(
        groups=tuple(padded(candidates.tokens.batch(part), length) for part in np.array_split(taken[order], groups)),
        mention_rows=torch.from_numpy(position[: len(mentions)]),
        candidate_rows=torch.from_numpy(position[len(mentions) + place.reshape(rows.shape)]),
        sparse_score=torch.from_numpy(candidates.sparse_scores[mentions]),
        target=torch.from_numpy(candidates.labels[mentions]),
    )


def padded(batch: TokenBatch, length: int) -> TokenBatch:
    """Return the batch with at least so many columns, and a mask then."""
    if not length:
        return batch
    mask = torch.ones_like(batch.input_ids) if batch.attention_mask is None else batch.attention_mask
    more = (0, max(0, length - mask.shape[1]))
    return TokenBatch(*(torch.nn.functional.pad(part, more) for part in (batch.input_ids, mask)))


def step_rate(
    kit: Kit, model: PreTrainedModel, batches: list[CandidateBatch], precision: str, *, graph: bool = False
) -> Row:
    """Return the time of a step, from batches on the host, and the part of it in which the host asks for the work."""
    with precision_of(precision) as name:
        net = RerankNet(model, precision=name, temperature=20.0).train()
        optimizer = make_optimizer(net, learning_rate=1e-5, weight_decay=0.01)
        step = captured(net, optimizer, batches[0]) if graph and not kit.dry else partial(take_step, net, optimizer)
        started = time.perf_counter()
        step(batches[0])
        kit.sync()
        first = time.perf_counter() - started
        seconds, asked = kit.timed(lambda: [step(batch) for batch in batches], rounds=1)
    count = len(batches)
    return {
        "ms": seconds / count * 1e3,
        "host, share": asked / seconds,
        "mentions/s": MENTIONS * count / seconds,
        "first step, s": first,
    }


def take_step(net: RerankNet, optimizer: torch.optim.Optimizer, batch: CandidateBatch) -> None:
    """Change the network by one batch, as `Trainer` does."""
    marginal_nll(net(batch), send(batch.target, net.sparse_weight.device)).backward()
    optimizer.step()
    optimizer.zero_grad()


def captured(
    net: RerankNet, optimizer: torch.optim.Optimizer, batch: CandidateBatch
) -> Callable[[CandidateBatch], None]:
    """Return a step as one CUDA graph, for batches of this shape; the source is torch's page on CUDA graphs."""
    for group in optimizer.param_groups:
        group["capturable"] = True
    held = [part.cuda() for part in tensors_of(batch)]
    ids, mask, *others = held
    batch = CandidateBatch((TokenBatch(ids, mask),), *others)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            take_step(net, optimizer, batch)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        take_step(net, optimizer, batch)

    def replay(batch: CandidateBatch) -> None:
        for target, source in zip(held, tensors_of(batch), strict=True):
            target.copy_(send(source, target.device))
        graph.replay()

    return replay


def tensors_of(batch: CandidateBatch) -> list[Tensor]:
    """Return the tensors of a batch of one group with a mask."""
    ((ids, mask),) = batch.groups
    assert mask is not None
    return [ids, mask, *batch[1:]]
