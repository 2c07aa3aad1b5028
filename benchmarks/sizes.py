"""Cost against the size of the dictionary: embedding, and retrieval for 960 mentions, ours and the plain way.

Retrieval goes up to a million names (the dictionary's, repeated, with random dense vectors), embedding as far as
``--embedded`` says: there the cost a name does not depend on the dictionary. Draws docs/cost-by-size.svg.

python benchmarks/sizes.py --dictionary_path DATA/test_dictionary.txt
"""

import json
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from common import MAX_LENGTH, alternate, argument_parser, forget_peak, peak_megabytes, print_peak, report
from embedding import load
from embedding import plain as plain_embedding
from retrieval import ours as our_retrieval
from retrieval import plain as plain_retrieval
from retrieval import vectors_of

from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.retrieval.vectors import Vectors

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
MENTIONS, FEW = 960, 8  # the plain way is timed on few mentions, one by one, and as many times longer as measured
PLAIN_MEMORY = 300_000  # names; beyond it the plain way's dense n-gram matrix is gigabytes for nothing
PLOT = Path(__file__).parents[1] / "docs" / "cost-by-size.svg"
WAYS = {"ours": our_retrieval, "plain": plain_retrieval}


def dictionary_of(path: str, count: int) -> tuple[Vectors, Vectors]:
    """Return the vectors of 960 mentions and of so many names."""
    names = list(DictionaryDataset(path).names)
    encoder = SparseEncoder().fit(names)
    mentions = names[:: len(names) // MENTIONS][:MENTIONS]
    return vectors_of(encoder, mentions, 0), vectors_of(encoder, list(islice(cycle(names), count)), 1)


def retrieval_costs(path: str, count: int, rounds: int) -> dict[str, Any]:
    """Return seconds and MB beyond the vectors of both ways."""
    mentions, names = dictionary_of(path, count)
    few = mentions.slice(0, FEW)
    ways = {"ours": partial(our_retrieval, mentions, names), "plain": partial(plain_retrieval, few, names)}
    seconds = alternate(ways, rounds=rounds)
    costs = {"retrieval seconds": seconds["ours"], "plain retrieval seconds": seconds["plain"] * MENTIONS / FEW}
    return costs | memory_costs(path, count)


def memory_costs(path: str, count: int) -> dict[str, Any]:
    """Return the MB beyond the vectors that each way takes at its peak."""
    again = ["--dictionary_path", path, "--names", str(count), "--memory_of"]
    plain = peak_megabytes(__file__, *again, "plain") if count <= PLAIN_MEMORY else None
    return {"retrieval MB": peak_megabytes(__file__, *again, "ours"), "plain retrieval MB": plain}


def embedding_costs(path: str, counts: list[int]) -> dict[int, dict[str, float]]:
    """Return the seconds of both ways for each count, each measured once after a warm-up."""
    names = list(DictionaryDataset(path).names)
    model, tokenizer = load()
    dense = DenseEncoder(load()[0], tokenizer, MAX_LENGTH)
    dense.encode(names[:500])
    plain_embedding(model, tokenizer, names[:500], 64)
    costs = {}
    for count in counts:
        some = names[:: len(names) // count][:count]
        ways = {"ours": partial(dense.encode, some), "plain": partial(plain_embedding, model, tokenizer, some, 64)}
        seconds = alternate(ways, rounds=1)
        costs[count] = {"embedding seconds": seconds["ours"], "plain embedding seconds": seconds["plain"]}
    return costs


def draw(rows: list[dict[str, Any]]) -> None:
    """Write the plot: seconds on the left, memory on the right."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "biosyn", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    lines = (
        (left, "plain embedding seconds", "embedding, plain", "--o", "0.55"),
        (left, "embedding seconds", "embedding, ours", "-o", "black"),
        (left, "plain retrieval seconds", "retrieval, plain", "--s", "tab:orange"),
        (left, "retrieval seconds", "retrieval, ours", "-s", "tab:blue"),
        (right, "plain retrieval MB", "retrieval, plain", "--s", "tab:orange"),
        (right, "retrieval MB", "retrieval, ours", "-s", "tab:blue"),
    )
    for axis, key, label, style, color in lines:
        known = [(row["names"], row[key]) for row in rows if row[key] is not None]
        axis.plot(*zip(*known, strict=True), style, color=color, label=label, markersize=4)
    left.set(title=f"seconds ({MENTIONS} mentions, 2 cores)", xlabel="names in the dictionary")
    right.set(title="MB beyond the vectors", xlabel="names in the dictionary")
    for axis in (left, right):
        axis.set(xscale="log", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    """Print the table and draw the plot."""
    parser = argument_parser(__doc__)
    parser.add_argument("--names", type=int, help="with --memory_of: names of the dictionary")
    parser.add_argument("--embedded", type=int, default=10_000, help="most names to embed (default: %(default)s)")
    parser.add_argument("--draw", action="store_true", help="draw the last results again, and measure nothing")
    args = parser.parse_args()
    if args.draw:
        draw(json.loads((Path(__file__).parent / "results" / "sizes.json").read_text())["rows"])
        return
    if args.memory_of:
        mentions, names = dictionary_of(args.dictionary_path, args.names)
        few = mentions.slice(0, FEW if args.memory_of == "plain" else MENTIONS)
        before = forget_peak()
        WAYS[args.memory_of](few, names)
        print_peak(beyond=before)
        return
    embedding = embedding_costs(args.dictionary_path, [size for size in SIZES if size <= args.embedded])
    nothing = dict.fromkeys(("embedding seconds", "plain embedding seconds"))
    rows = [
        {"names": size, **embedding.get(size, nothing), **retrieval_costs(args.dictionary_path, size, args.rounds)}
        for size in SIZES
    ]
    report("sizes", rows, {"mentions": MENTIONS})
    draw(rows)


if __name__ == "__main__":
    main()
