"""Embedding a dictionary: ours, the plain way and sentence-transformers, on the same encoder, names and threads.

The plain way pads every name to 25 tokens and computes all of the last layer. sentence-transformers sorts the names by
their length in characters, and pads to the longest of a batch.

python benchmarks/embedding.py --dictionary_path DATA/test_dictionary.txt
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from common import MAX_LENGTH, alternate, argument_parser, best_of, matrix_gflops, peak_megabytes, print_peak, report
from common import sample_names as sample
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from biosyn.cli.quickstart import packaged_encoder
from biosyn.encoders.dense import DenseEncoder

BATCH_SIZES = (32, 64, 128, 256)


def load() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return MiniLM as transformers loads it, and its tokenizer."""
    folder = packaged_encoder()
    return AutoModel.from_pretrained(folder, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(folder)


def plain(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, names: list[str], batch_size: int) -> Tensor:
    """Return the [CLS] vectors (N, H): in the order of the names, each padded to max_length."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(names), batch_size):
            chunk = names[start : start + batch_size]
            inputs = tokenizer(chunk, padding="max_length", truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
            hidden = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
            found.append(hidden[:, 0])
    return torch.cat(found)


def peer() -> SentenceTransformer:
    """Return MiniLM with [CLS] vectors, as sentence-transformers computes it."""
    transformer = Transformer(str(packaged_encoder()), max_seq_length=MAX_LENGTH)
    return SentenceTransformer(modules=[transformer, Pooling(384, "cls")], device="cpu")


def operations(config: PretrainedConfig, tokens: int, texts: int) -> int:
    """Return the float operations of the linear layers that [CLS] vectors need: no padding, no unread position."""
    h, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    whole_layer = 2 * (4 * h * h + 2 * h * inner)
    last_layer_keys, last_layer_rest = 2 * 2 * h * h, 2 * (2 * h * h + 2 * h * inner)
    return int(tokens * ((layers - 1) * whole_layer + last_layer_keys) + texts * last_layer_rest)


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--names", type=int, default=3072, help="names of the sample")
    args = parser.parse_args()
    names = sample(args.dictionary_path, args.names)
    model, tokenizer = load()
    if args.memory_of:
        if args.memory_of == "plain":
            plain(model, tokenizer, names, 64)
        elif args.memory_of == "ours":
            DenseEncoder(model, tokenizer, MAX_LENGTH).encode(names)
        elif args.memory_of == "sentence-transformers":
            peer().encode(names)
        print_peak()
        return
    other_model, _ = load()  # ours changes the last layer
    dense = DenseEncoder(other_model, tokenizer, MAX_LENGTH)

    theirs = peer()
    ways: dict[str, Callable[[list[str], int], Any]] = {
        "plain": lambda texts, size: plain(model, tokenizer, texts, size),
        "sentence-transformers": lambda texts, size: theirs.encode(texts, batch_size=size, convert_to_tensor=True),
        "ours": lambda texts, size: dense.encode(texts, batch_size=size),
    }
    sizes = {  # each at its best
        name: best_of({size: partial(way, names[::4], size) for size in BATCH_SIZES}) for name, way in ways.items()
    }
    seconds = alternate({name: partial(way, names, sizes[name]) for name, way in ways.items()}, rounds=args.rounds)
    expected, by_peer, found = (way(names, sizes[name]) for name, way in ways.items())
    difference = float((found - expected).norm(dim=1).div(expected.norm(dim=1)).max())

    tokens = int(dense.tokenize(names).lengths.sum())
    needed = operations(model.config, tokens, len(names))
    matrix = matrix_gflops(sizes["ours"] * 9, model.config.hidden_size, model.config.intermediate_size)
    rows = [
        {
            "way": way,
            "batch size": sizes[way],
            "names a second": len(names) / seconds[way],
            "ratio": seconds["plain"] / seconds[way],
            "ratio to sentence-transformers": seconds["sentence-transformers"] / seconds[way],
            "needed GFLOP/s": needed / seconds[way] / 1e9,
            "share of the matrix rate": needed / seconds[way] / 1e9 / matrix,
            "peak MB": peak_megabytes(__file__, *_again(args), "--memory_of", way),
        }
        for way in ways
    ]
    loaded = peak_megabytes(__file__, *_again(args), "--memory_of", "nothing")
    facts = {
        "names": len(names),
        "mean tokens": tokens / len(names),
        "token limit (25 / mean tokens)": MAX_LENGTH * len(names) / tokens,
        "matrix rate, GFLOP/s": matrix,
        "largest relative difference of a vector": difference,
        "the same of sentence-transformers": float((by_peer - expected).norm(dim=1).div(expected.norm(dim=1)).max()),
        "peak MB with the encoder loaded and nothing embedded": loaded,
    }
    report("embedding", rows, facts)


def _again(args: argparse.Namespace) -> list[str]:
    return ["--dictionary_path", args.dictionary_path, "--names", str(args.names)]


if __name__ == "__main__":
    main()
