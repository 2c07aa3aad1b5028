"""A training step (16 mentions, 20 candidates each): ours against the plain way, on the same mentions and candidates.

The plain way tokenizes the texts of each step anew, pads each to 25 tokens, encodes a name as often as it is a
candidate, mentions without a positive candidate too, and computes all of the last layer. The candidates are the 20
best sparse ones.

python benchmarks/training_step.py --dictionary_path DATA/train_dictionary.txt --train_dir DATA/processed_traindev
python benchmarks/training_step.py ... --groups 1 2 4 8     # the operations that a step launches
"""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from common import MAX_LENGTH, alternate, argument_parser, peak_megabytes, print_peak, report
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from biosyn.cli.quickstart import packaged_encoder
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.model.losses import marginal_nll
from biosyn.model.rerank_net import RerankNet
from biosyn.training.candidates import CandidateDataset, CandidateRetriever
from biosyn.training.trainer import make_optimizer

MENTIONS, TOPK = 16, 20
_VIEWS = "view reshape t transpose permute slice select narrow expand unsqueeze squeeze as_strided detach alias unbind"
VIEWS = {f"aten::{name}" for name in f"{_VIEWS} flatten unflatten split chunk _unsafe_view lift_fresh item".split()}


class Plain(torch.nn.Module):
    """The scorer without any of our savings."""

    def __init__(self, encoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        super().__init__()
        self.encoder, self.tokenizer = encoder, tokenizer
        self.sparse_weight = torch.nn.Parameter(torch.zeros(1))

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Return the [CLS] vectors, (B, H)."""
        inputs = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
        )
        output = self.encoder(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        hidden: Tensor = output.last_hidden_state
        return hidden[:, 0]

    def forward(self, mentions: Sequence[str], names: Sequence[str], sparse_score: Tensor) -> Tensor:
        """Return the scores (B, K) of B mentions and their B * K names."""
        mention_vectors = self.vectors(mentions)  # (B, H)
        name_vectors = self.vectors(names).view(len(mentions), TOPK, -1)  # (B, K, H)
        dense_score = torch.einsum("bh,bkh->bk", mention_vectors, name_vectors)
        return self.sparse_weight * sparse_score + dense_score


class Steps:
    """Both ways, on the same steps."""

    def __init__(self, args: argparse.Namespace):
        folder = packaged_encoder()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.dictionary = DictionaryDataset(args.dictionary_path)
        self.queries = QueryDataset(args.train_dir, True, True, True).queries
        model = AutoModel.from_pretrained(folder, dtype=torch.float32)
        self.dense = DenseEncoder(model, self.tokenizer, MAX_LENGTH)
        self.candidates = self._candidates()
        order = np.random.default_rng(0).permutation(len(self.queries))
        self.batches = [order[start : start + MENTIONS] for start in range(0, args.steps * MENTIONS, MENTIONS)]
        self.ours = RerankNet(model)
        self.plain = Plain(AutoModel.from_pretrained(folder, dtype=torch.float32), self.tokenizer)
        self.optimizers = {
            "ours": make_optimizer(self.ours, learning_rate=1e-5, weight_decay=0.01),
            "plain": torch.optim.Adam(self.plain.parameters(), lr=1e-5, weight_decay=0.01),
        }

    def _candidates(self) -> CandidateDataset:
        retriever = CandidateRetriever(
            self.queries,
            self.dictionary,
            SparseEncoder().fit(self.dictionary.names),
            mention_tokens=self.dense.tokenize([query.mention for query in self.queries]),
            name_tokens=self.dense.tokenize(self.dictionary.names),
            topk=TOPK,
            dense_ratio=0.0,
            device=torch.device("cpu"),
        )
        return retriever.retrieve(torch.randn(len(self.queries), 1), torch.randn(len(self.dictionary), 1))

    def loss(self, way: str, mentions: np.ndarray) -> Tensor:
        """Return the loss of a step."""
        if way == "ours":
            batch = self.candidates.batch(mentions)
            return marginal_nll(self.ours(batch), batch.target)
        names = [self.dictionary.names[row] for row in self.candidates.candidates[mentions].ravel()]
        sparse_score = torch.from_numpy(self.candidates.sparse_scores[mentions])
        score = self.plain([self.queries[row].mention for row in mentions], names, sparse_score)
        return marginal_nll(score, torch.from_numpy(self.candidates.labels[mentions]))

    def run(self, way: str) -> None:
        """Take all steps, dropout on."""
        (self.ours if way == "ours" else self.plain).train()
        for mentions in self.batches:
            loss = self.loss(way, mentions)
            self.optimizers[way].zero_grad()
            loss.backward()
            self.optimizers[way].step()

    def launched(self, groups: int) -> dict[str, float]:
        """Return what a step of ours in so many groups of like length launches, a mean of all steps.

        On a GPU an operation is a kernel or more. Views, which compute nothing, are left out, and so is what an
        operation calls itself.
        """
        self.candidates.length_groups, whole = groups, self.candidates.length_groups
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            self.run("ours")
        tokens = [group.input_ids.numel() for rows in self.batches for group in self.candidates.batch(rows).groups]
        self.candidates.length_groups = whole
        called = [event for event in profiled.events() if event.name.startswith("aten::") and not _is_inside(event)]
        return {
            "groups": groups,
            "operations": sum(event.name not in VIEWS for event in called) / len(self.batches),
            "tokens, padding included": sum(tokens) / len(self.batches),
        }

    def largest_loss_difference(self) -> float:
        """Return the largest difference of a step's loss, dropout off, before any training."""
        self.ours.eval()
        self.plain.eval()
        with torch.no_grad():
            return max(abs(float(self.loss("ours", rows)) - float(self.loss("plain", rows))) for rows in self.batches)


def _is_inside(event: Any) -> bool:
    return event.cpu_parent is not None and event.cpu_parent.name.startswith("aten::")


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--train_dir", required=True)
    parser.add_argument("--groups", type=int, nargs="*", help="count the operations of a step, and measure nothing")
    parser.add_argument("--steps", type=int, default=4, help="steps of a round")
    args = parser.parse_args()
    steps = Steps(args)
    if args.groups:
        steps.run("ours")  # the first step makes Adam's moments
        counts = [steps.launched(groups) for groups in args.groups]
        report("training_step_groups", counts, {"steps": args.steps, "mentions of a step": MENTIONS})
        return
    if args.memory_of:
        if args.memory_of != "nothing":
            steps.run(args.memory_of)
        print_peak()
        return
    difference = steps.largest_loss_difference()
    seconds = alternate({way: partial(steps.run, way) for way in ("plain", "ours")}, rounds=args.rounds)
    again = [f"--{key}={getattr(args, key)}" for key in ("dictionary_path", "train_dir", "steps")]
    rows = [
        {
            "way": way,
            "seconds a step": seconds[way] / args.steps,
            "mentions a second": MENTIONS * args.steps / seconds[way],
            "ratio": seconds["plain"] / seconds[way],
            "peak MB": peak_megabytes(__file__, *again, "--memory_of", way),
        }
        for way in ("plain", "ours")
    ]
    facts = {
        "steps": args.steps,
        "mentions of a step": MENTIONS,
        "candidates of a mention": TOPK,
        "largest difference of a loss, dropout off": difference,
        "peak MB before the first step": peak_megabytes(__file__, *again, "--memory_of", "nothing"),
    }
    report("training_step", rows, facts)


if __name__ == "__main__":
    main()
