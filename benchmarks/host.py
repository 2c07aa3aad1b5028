"""What the host does for an encoder, with the encoder left out: names a second, and the card that this feeds on paper.

The tokens of all names are compared with those of the plain tokenizer. A BPE and a Unigram tokenizer are trained on
the names; the last one has pieces across blanks, so it has no table of words.

OMP_NUM_THREADS=1 python benchmarks/host.py --dictionary_path DATA/test_dictionary.txt
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from common import MAX_LENGTH, argument_parser, many_names, report
from embedding import operations
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, BertConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from biosyn.cli.quickstart import packaged_encoder
from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.encoders.tokens import TokenBatch, TokenizedTexts, tokenize
from biosyn.encoders.words import word_table
from biosyn.training.candidates import label_candidates, mix_candidates

TOPK = 20
PEAKS = {"H100 or H200": 989e12, "A100": 312e12, "T4": 65e12}  # data sheets: dense, bfloat16 (T4: float16)
SHARE = 0.3  # of the peak that an encoder is taken to reach
SHAPES = {"MiniLM": (384, 1536, 6), "BERT-base": (768, 3072, 12)}  # hidden, inner, layers


class NoEncoder(torch.nn.Module):
    """Takes a batch and gives zeros at once."""

    def __init__(self, hidden: int = 384):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=hidden)
        self.nothing = torch.nn.Parameter(torch.zeros(1, 1, hidden))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> SimpleNamespace:
        """Return states of shape (B, 1, H)."""
        return SimpleNamespace(last_hidden_state=self.nothing.expand(len(input_ids), 1, -1))


def trained(kind: str, names: list[str], *, split: bool = True) -> PreTrainedTokenizerBase:
    """Return a tokenizer trained on some of the names."""
    special = ["<s>", "</s>", "<unk>", "<pad>"]
    backend = Tokenizer(getattr(models, kind)())
    trainer: Any
    if kind == "BPE":
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=20_000, special_tokens=special, show_progress=False)
    else:
        backend.normalizer = normalizers.NFKC()
        backend.pre_tokenizer = pre_tokenizers.Metaspace(split=split)
        trainer = trainers.UnigramTrainer(
            vocab_size=8_000, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    backend.train_from_iterator(names[::10], trainer)
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")


def timed(call: Callable[[], Any], count: int) -> tuple[Any, float]:
    """Return a call's result, and its items a second of CPU time, that of all its threads."""
    started = time.process_time()
    result = call()
    return result, count / (time.process_time() - started)


def equal(tokens: TokenizedTexts, expected: list[list[int]]) -> bool:
    """Return whether the tokens are the expected ones, to the last."""
    ends = tokens.starts + tokens.lengths
    return all(
        tokens.ids[start:end].tolist() == ids for start, end, ids in zip(tokens.starts, ends, expected, strict=True)
    )


def tokenizing(title: str, tokenizer: PreTrainedTokenizerBase, names: list[str], rounds: int) -> list[dict[str, Any]]:
    """Return the rows of one tokenizer: the plain call, and ours with an empty and with a full table, in turn."""
    rates: dict[str, list[float]] = {"plain": [], "ours, at first": [], "ours, again": []}
    for _ in range(rounds):
        encoded, rate = timed(lambda: tokenizer(names, truncation=True, max_length=MAX_LENGTH), len(names))
        rates["plain"].append(rate)
        table = word_table(tokenizer)
        for way in ("ours, at first", "ours, again"):
            tokens, rate = timed(partial(tokenize, tokenizer, names, MAX_LENGTH, table), len(names))
            rates[way].append(rate)
    same = equal(tokens, encoded["input_ids"])
    return [
        {
            "what": f"{title}: {way}",
            "a CPU second": max(some),  # other work only makes it lower
            "ratio": max(some) / max(rates["plain"]),
            "equal tokens": same if way != "plain" else None,
        }
        for way, some in rates.items()
    ]


def steps(names: list[str], cuis: list[str], tokenizer: PreTrainedTokenizerBase, rounds: int) -> list[dict[str, Any]]:
    """Return the rows of what else the host does."""
    tokens = tokenize(tokenizer, names, MAX_LENGTH, word_table(tokenizer))
    sparse = SparseEncoder().fit(names)
    dense = DenseEncoder(NoEncoder(), tokenizer, MAX_LENGTH)  # type: ignore[arg-type]
    dense.encode(names)
    random = np.random.default_rng(0)
    mentions = 20_000
    sparse_rows, dense_rows = (random.integers(0, len(names), (mentions, TOPK)) for _ in range(2))
    queries = [cuis[row] for row in sparse_rows[:, 0]]
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        f"batches of {size}": (partial(_batches, tokens, size), len(names)) for size in (64, 1024)
    }
    ways |= {
        "`DenseEncoder.encode` without its encoder": (lambda: dense.encode(names, batch_size=1024), len(names)),
        "TF-IDF rows": (lambda: sparse.transform(names), len(names)),
        "merging candidates, mentions": (
            lambda: mix_candidates(sparse_rows, dense_rows, topk=TOPK, dense_ratio=0.5),
            mentions,
        ),
        "labels, mentions": (lambda: label_candidates(queries, cuis, sparse_rows), mentions),
    }
    rates = {what: max(timed(call, count)[1] for _ in range(rounds)) for what, (call, count) in ways.items()}
    return [{"what": what, "a CPU second": rate, "ratio": None, "equal tokens": None} for what, rate in rates.items()]


def _batches(tokens: TokenizedTexts, size: int) -> list[TokenBatch]:
    return [tokens.batch(rows) for rows in tokens.like_length_batches(size)]


def cards(tokens_per_name: float, host: float) -> dict[str, str]:
    """Return what each card takes on paper, names a second, and how many of such hosts feed it."""
    found = {}
    for shape, (hidden, inner, layers) in SHAPES.items():
        config = BertConfig(hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers)
        needed = operations(config, round(1000 * tokens_per_name), 1000) / 1000
        for card, peak in PEAKS.items():
            rate = SHARE * peak / needed
            found[f"{shape} on {card}"] = (
                f"{rate:,.0f} names/s at {SHARE:.0%} of its peak, {rate / host:.2f} times this host"
            )
    return found


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--names", type=int, help="so many names, the dictionary's and changed copies; WordPiece alone")
    args: argparse.Namespace = parser.parse_args()
    dictionary = DictionaryDataset(args.dictionary_path)
    names = many_names(dictionary.names, args.names or len(set(dictionary.names)))
    cuis = [dictionary.cuis[place % len(dictionary)] for place in range(len(names))]
    minilm = AutoTokenizer.from_pretrained(packaged_encoder())
    rows = tokenizing("WordPiece (MiniLM's)", minilm, names, args.rounds)
    if not args.names:
        rows += tokenizing("byte-level BPE", trained("BPE", names), names, args.rounds)
        rows += tokenizing("Unigram", trained("Unigram", names), names, args.rounds)
        rows += tokenizing("Unigram across blanks", trained("Unigram", names, split=False), names, args.rounds)
    rows += steps(names, cuis, minilm, args.rounds)
    (whole,) = (row["a CPU second"] for row in rows if "DenseEncoder" in row["what"])
    mean = float(tokenize(minilm, names, MAX_LENGTH, word_table(minilm)).lengths.mean())
    words = len({word for name in names for word in name.split(" ")})
    facts = {"names": len(names), "distinct words": words, "mean tokens": mean, **cards(mean, whole)}
    report("host_of_many" if args.names else "host", rows, facts)


if __name__ == "__main__":
    main()
