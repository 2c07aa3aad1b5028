"""Retrieval of the 20 best names by dense and sparse score: ours, the plain way, and the two bare matrix products.

The plain way holds the TF-IDF of every name as a dense matrix and scores one mention at a time. The dense vectors
are random: their values do not matter to the time.

python benchmarks/retrieval.py --dictionary_path DATA/test_dictionary.txt
"""

import torch
from common import alternate, argument_parser, peak_megabytes, print_peak, report, sample_names

from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import SparseRows, Vectors

HIDDEN, TOPK, SPARSE_WEIGHT = 384, 20, 2.0


def vectors_of(encoder: SparseEncoder, texts: list[str], seed: int) -> Vectors:
    """Return random dense vectors and the TF-IDF of the texts."""
    dense = torch.randn(len(texts), HIDDEN, generator=torch.Generator().manual_seed(seed))
    return Vectors(dense, SparseRows.from_scipy(encoder.transform(texts)))


def ours(mentions: Vectors, names: Vectors) -> torch.Tensor:
    """Return the scores (M, K)."""
    return top_names(mentions, names, topk=TOPK, sparse_weight=SPARSE_WEIGHT).scores


def plain(mentions: Vectors, names: Vectors) -> torch.Tensor:
    """Return the scores (M, K): dense n-gram matrices, one mention at a time, every score of it sorted."""
    assert mentions.sparse is not None
    assert names.sparse is not None
    assert mentions.dense is not None
    assert names.dense is not None
    mention_grams, name_grams = mentions.sparse.matrix().to_dense(), names.sparse.matrix().to_dense()
    found = []
    for dense, grams in zip(mentions.dense, mention_grams, strict=True):
        scores = names.dense @ dense + SPARSE_WEIGHT * (name_grams @ grams)  # (N,)
        found.append(scores.sort(descending=True).values[:TOPK])
    return torch.stack(found)


def bare_products(mentions: Vectors, names: Vectors) -> None:
    """Multiply what has to be multiplied, all at once, and look at nothing."""
    assert mentions.sparse is not None
    assert names.sparse is not None
    assert mentions.dense is not None
    assert names.dense is not None
    _ = names.sparse.matrix() @ mentions.sparse.matrix().to_dense().T
    _ = mentions.dense @ names.dense.T


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--mentions", type=int, default=960)
    parser.add_argument("--repeat", type=int, default=1, help="how many times the dictionary's names are taken")
    args = parser.parse_args()
    names = DictionaryDataset(args.dictionary_path).names
    mentions = sample_names(args.dictionary_path, args.mentions)
    encoder = SparseEncoder().fit(names)
    queries, dictionary = vectors_of(encoder, mentions, 0), vectors_of(encoder, names * args.repeat, 1)
    ways = {"bare": bare_products, "ours": ours, "plain": plain}
    if args.memory_of:
        if args.memory_of in ways:
            ways[args.memory_of](queries, dictionary)
        print_peak()
        return

    few = queries.slice(0, 96)  # the plain way takes a part of the mentions, and as many times longer as measured
    assert torch.allclose(ours(few, dictionary), plain(few, dictionary), rtol=1e-5)
    seconds = alternate(
        {
            "bare": lambda: bare_products(queries, dictionary),
            "ours": lambda: ours(queries, dictionary),
            "plain": lambda: plain(few, dictionary),
        },
        rounds=args.rounds,
    )
    seconds["plain"] *= len(mentions) / few.count
    again = ["--dictionary_path", args.dictionary_path, "--mentions", str(args.mentions), "--repeat", str(args.repeat)]
    before = peak_megabytes(__file__, *again, "--memory_of", "nothing")
    rows = [
        {
            "way": way,
            "seconds": seconds[way],
            "over the bare products": seconds[way] / seconds["bare"],
            "ratio to plain": seconds["plain"] / seconds[way],
            "MB beyond the vectors": peak_megabytes(__file__, *again, "--memory_of", way) - before,
        }
        for way in ("plain", "bare", "ours")
    ]
    doubled = vectors_of(encoder, names * (2 * args.repeat), 1)
    twice = alternate({"one": lambda: ours(queries, dictionary), "two": lambda: ours(queries, doubled)}, rounds=3)
    facts = {
        "mentions": len(mentions),
        "names": dictionary.count,
        "n-grams": len(encoder.vocabulary),
        "time of twice the names": twice["two"] / twice["one"],
    }
    report("retrieval" if args.repeat == 1 else f"retrieval_x{args.repeat}", rows, facts)


if __name__ == "__main__":
    main()
