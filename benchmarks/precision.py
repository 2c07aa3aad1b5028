"""What bfloat16 changes: speed by batch size, vectors, Acc@1 and Acc@5, best names; both ways in turn, one model.

python benchmarks/precision.py --model_name_or_path M --dictionary_path D --data_dir Q
"""

from functools import partial
from statistics import median
from time import process_time

import torch
from common import alternate, argument_parser, report

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.model.biosyn import BioSyn
from biosyn.model.predict import predict
from biosyn.records import split_mention
from biosyn.retrieval.vectors import Vectors
from biosyn.text.preprocess import lookup_text

PIECE = 4096
PRECISIONS = ("float32", "bfloat16")
SIZES = (1, 4, 16, 64)  # mentions in a call


def main() -> None:
    """Print the table; times are CPU seconds, but those of a call."""
    parser = argument_parser(__doc__)
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--name", default="precision", help="of the file in results/")
    args = parser.parse_args()
    torch.set_num_threads(1)
    queries, dictionary = QueryDataset(args.data_dir).queries, DictionaryDataset(args.dictionary_path)
    mentions = list(dict.fromkeys(part for query in queries for part in split_mention(query)))
    texts = [lookup_text(name) for name in dictionary.names]
    models = {way: BioSyn.from_pretrained(args.model_name_or_path, precision=way) for way in PRECISIONS}
    encoders = {way: model.get_dense_encoder() for way, model in models.items()}
    seconds = dict.fromkeys(PRECISIONS, 0.0)
    pieces: dict[str, list[torch.Tensor]] = {way: [] for way in PRECISIONS}
    for start in range(0, len(texts), PIECE):
        for way, encoder in encoders.items():
            started = process_time()
            pieces[way].append(encoder.encode(texts[start : start + PIECE]))
            seconds[way] += process_time() - started
    dense = {way: torch.cat(found) for way, found in pieces.items()}  # (N, H)
    sparse = models["float32"].embed(texts, score_mode="sparse").sparse
    best: dict[tuple[str, str], list[str]] = {}
    rows = []
    for way, biosyn in models.items():
        row = {"way": way, "names a CPU second": len(texts) / seconds[way]}
        for mode in ("hybrid", "dense"):
            names = Vectors(dense[way], sparse if mode == "hybrid" else None)
            found = predict(biosyn, queries, dictionary, names, topk=5)
            figures = accuracy_at_k(found, 5)
            row |= {f"{mode} Acc@{k}": figures[f"acc{k}"] for k in (1, 5)}
            best[way, mode] = [mention.candidates[0].name for one in found for mention in one.mentions]
        rows.append(row)
    cosines = torch.cosine_similarity(dense["float32"].double(), dense["bfloat16"].double())  # (N,)
    facts = {
        **{"ratio": seconds["float32"] / seconds["bfloat16"]},
        **{"1 - least cosine": 1 - float(cosines.min()), "1 - mean cosine": 1 - float(cosines.mean())},
    }
    for mode in ("hybrid", "dense"):
        pairs = zip(*(best[way, mode] for way in PRECISIONS), strict=True)
        facts[f"other best names of {len(best['float32', mode])}, {mode}"] = sum(one != other for one, other in pairs)
    for size in SIZES:
        calls = [mentions[start : start + size] for start in range(0, min(16 * size, len(mentions) - size), size)]
        rates = [
            alternate({way: partial(encoder.encode, call) for way, encoder in encoders.items()}, rounds=args.rounds)
            for call in calls
        ]
        facts[f"ratio of a call of {size}"] = median(rate["float32"] / rate["bfloat16"] for rate in rates)
    for way, encoder in encoders.items():
        alone = torch.cat([encoder.encode([mention]) for mention in mentions[:300]])
        together = encoder.encode(mentions[:300])
        facts[f"1 - least cosine, alone and in batches, {way}"] = 1 - float(
            torch.cosine_similarity(alone.double(), together.double()).min()
        )
    report(args.name, rows, facts)


if __name__ == "__main__":
    main()
