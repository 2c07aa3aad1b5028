"""The NCBI test set linked from its raw PubTator file, beside eval.py's way on the same mentions.

python benchmarks/link_ncbi.py --raw_path RAW/NCBItestset_corpus.txt --typo_path MEDIC/ncbi-spell-check.txt \
  --dictionary_path DATA/test_dictionary.txt --data_dir DATA/processed_test --model_name_or_path MODEL

eval.py sees mentions that were preprocessed with their gold ids: a composite one is cut into as many parts as it has
ids. Linking has no gold ids. A mention is right by the same rule in both, any id in common; `strict` asks, where
eval.py has several parts, that linking finds every gold id.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from biosyn.concept_ids import covers_all, shares_any
from biosyn.data.queries import QueryDataset
from biosyn.evaluation.accuracy import query_rank
from biosyn.linking.file import link_file
from biosyn.linking.loading import load_linker
from biosyn.model.predict import predict
from biosyn.records import Query, QueryPrediction
from biosyn.settings.groups import Compute, Index
from biosyn.settings.verbs import LinkConfig

Place = tuple[str, str, str]


class Compared(NamedTuple):
    """A query, what eval.py's way finds first for each of its parts, and the ids that linking wrote."""

    query: Query
    raw_mention: str
    eval_cuis: list[str]
    linked: str
    eval_right: bool

    @property
    def right(self) -> bool:
        """Whether the linked ids and the gold ids have one in common."""
        return shares_any(self.query.cui, self.linked)

    @property
    def strict(self) -> bool:
        """The same, but every gold id where the query was cut into parts with the help of the gold ids."""
        return covers_all(self.query.cui, self.linked) if len(self.eval_cuis) > 1 else self.right

    @property
    def cause(self) -> str:
        """Why the two may differ."""
        if len(self.eval_cuis) > 1:
            return "cut into parts by the gold ids"
        return "same ids" if self.eval_cuis == [self.linked] else "another text or another first name"


def linked_mentions(path: Path) -> Iterator[tuple[Place, str, str]]:
    """Yield the place, the mention and the id of each mention line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) == 6:
            yield (fields[0], fields[1], fields[2]), fields[3], fields[5]


def compare(predictions: list[QueryPrediction], linked_path: Path) -> list[Compared]:
    """Bring the two together by document, start and end."""
    found: dict[Place, list[tuple[str, str]]] = {}
    for place, mention, cui in linked_mentions(linked_path):
        found.setdefault(place, []).append((mention, cui))
    rows = []
    for prediction in predictions:
        query = prediction.query
        mention, linked = found[query.pmid, query.start, query.end].pop(0)
        cuis = [part.candidates[0].cui for part in prediction.mentions]
        rows.append(Compared(query, mention, cuis, linked, query_rank(prediction) == 1))
    return rows


def summary(rows: list[Compared]) -> dict[str, object]:
    """Return the figures, and the differences counted by cause and listed."""
    differ = [row for row in rows if row.right != row.eval_right]
    strictly = [row for row in rows if row.strict != row.eval_right]
    return {
        "mentions": len(rows),
        "eval_acc1": sum(row.eval_right for row in rows) / len(rows),
        "linked_acc1": sum(row.right for row in rows) / len(rows),
        "linked_acc1_strict": sum(row.strict for row in rows) / len(rows),
        "texts_by_cause": dict(Counter(row.cause for row in rows)),
        "differences": {
            name: {
                "only_linking_right": dict(Counter(row.cause for row in some if row.eval_right is False)),
                "only_eval_right": dict(Counter(row.cause for row in some if row.eval_right)),
            }
            for name, some in (("any", differ), ("strict", strictly))
        },
        "queries": [
            {
                "cause": row.cause,
                "raw": row.raw_mention,
                "eval_mention": row.query.mention,
                "gold": row.query.cui,
                "eval": row.eval_cuis,
                "linked": row.linked,
                "eval_right": row.eval_right,
                "right": row.right,
                "strict": row.strict,
            }
            for row in rows
            if row in differ or row in strictly or row.cause.startswith("another")
        ],
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--raw_path", "--dictionary_path", "--data_dir", "--model_name_or_path"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--typo_path")
    parser.add_argument("--cache_dir")
    parser.add_argument("--split_composites", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "linked.txt")
        config = LinkConfig(
            model_name_or_path=args.model_name_or_path,
            input=args.raw_path,
            output=str(output),
            dictionary_path=args.dictionary_path,
            device="cpu",
            cache_dir=args.cache_dir,
            typo_path=args.typo_path,
            split_composites=args.split_composites,
        )
        link_file(config)
        linker = load_linker(
            args.model_name_or_path,
            args.dictionary_path,
            Compute(device="cpu"),
            Index(cache_dir=args.cache_dir),
            topk=1,
        )
        queries = QueryDataset(args.data_dir).queries
        predictions = predict(linker.biosyn, queries, linker.dictionary, linker.names, topk=1)
        print(json.dumps(summary(compare(predictions, output)), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
