"""Embedding names in float32 and in bfloat16, by [CLS] and by the mean, on the same encoder, names and threads.

python benchmarks/precision.py --dictionary_path DATA/test_dictionary.txt
"""

from functools import partial

import torch
from common import MAX_LENGTH, alternate, argument_parser, report, sample_names

from biosyn.checkpoint.encoder import load_encoder
from biosyn.cli.quickstart import packaged_encoder
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.pooling import Pooling

NAMES = 2048
PRECISIONS = ("float32", "bfloat16")


def main() -> None:
    """Print the table."""
    args = argument_parser(__doc__).parse_args()
    names = sample_names(args.dictionary_path, NAMES)
    encoders = {}
    for mode in ("cls", "mean"):
        model, tokenizer = load_encoder(packaged_encoder(), torch.device("cpu"), max_length=MAX_LENGTH)
        for precision in PRECISIONS:
            pooling = Pooling(mode, "cosine")
            encoders[f"{mode}, {precision}"] = DenseEncoder(
                model, tokenizer, MAX_LENGTH, precision=precision, pooling=pooling
            )
    tokens = next(iter(encoders.values())).tokenize(names)
    seconds = alternate({way: partial(encoder.encode, tokens) for way, encoder in encoders.items()}, rounds=args.rounds)
    rows = []
    for way, encoder in encoders.items():
        exact = encoders[f"{encoder.pooling.mode}, float32"].encode(tokens)  # (N, H)
        cosines = (encoder.encode(tokens) * exact).sum(dim=1)  # (N,)
        rows.append({"way": way, "names/s": NAMES / seconds[way], "least cosine to float32": float(cosines.min())})
    gain = {f"bfloat16, {mode}": seconds[f"{mode}, float32"] / seconds[f"{mode}, bfloat16"] for mode in ("cls", "mean")}
    report("precision", rows, gain)


if __name__ == "__main__":
    main()
