"""The names that inference.py --text finds in a raw PubTator corpus, and their concepts, beside those annotated.

python benchmarks/text.py --raw_path RAW/NCBItestset_corpus.txt --dictionary_path DATA/test_dictionary.txt \
  --model_name_or_path MODEL

A span is right if an annotated mention has the same start and end, `overlapping` if it shares a character with one. A
concept is right if one of its ids is among those of the mention. Nothing of the corpus is left out.
"""

import argparse
import json
from functools import partial

from biosyn.concept_ids import shares_any
from biosyn.corpora.pubtator import read_pubtator
from biosyn.linking.annotate import Annotated, annotate
from biosyn.linking.file import best_links
from biosyn.linking.loading import load_linker
from biosyn.records import Query
from biosyn.settings.groups import Compute, Index
from biosyn.text.abbreviations import abbreviation_finder


def local(ids: str) -> str:
    """Return ids without MeSH's and OMIM's prefixes."""
    return ids.replace("MESH:", "").replace("OMIM:", "")


def is_right(one: Annotated, query: Query) -> bool:
    """Return whether a name has a mention's span, and its concept one of the mention's ids."""
    ids = local("|".join([one.link.id, *one.link.alternative_ids]))
    return same_span(one, query) and shares_any(local(query.cui), ids)


def same_span(one: Annotated, query: Query) -> bool:
    """Return whether a name has a mention's span."""
    return one.span == (int(query.start), int(query.end))


def overlap(one: Annotated, query: Query) -> bool:
    """Return whether a name and a mention have a character in common."""
    return one.span.start < int(query.end) and int(query.start) < one.span.end


def main() -> None:
    """Print precision and recall as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--raw_path", "--dictionary_path", "--model_name_or_path"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--cache_dir")
    parser.add_argument("--abbreviations", choices=("ab3p", "none"), default="ab3p")
    args = parser.parse_args()
    index = Index(cache_dir=args.cache_dir)
    linker = load_linker(args.model_name_or_path, args.dictionary_path, Compute(device="cpu"), index)
    finder = abbreviation_finder(args.abbreviations)
    found = mentions = 0
    rules = {"span": same_span, "span and concept": is_right, "overlapping": overlap}
    names_right, mentions_right = dict.fromkeys(rules, 0), dict.fromkeys(rules, 0)
    for document in read_pubtator(args.raw_path):
        text = document.text.replace("\n\n", " ", 1)  # in which the offsets count
        names = annotate(text, linker, finder, partial(best_links, linker))
        found, mentions = found + len(names), mentions + len(document.queries)
        for rule, holds in rules.items():
            names_right[rule] += sum(any(holds(name, query) for query in document.queries) for name in names)
            mentions_right[rule] += sum(any(holds(name, query) for name in names) for query in document.queries)
    figures = {
        rule: {
            "precision": round(names_right[rule] / found, 4),
            "recall": round(mentions_right[rule] / mentions, 4),
            "f1": round(2 * names_right[rule] / (found + mentions), 4) if rule != "overlapping" else None,
        }
        for rule in rules
    }
    print(json.dumps({"names": found, "mentions": mentions, **figures}, indent=1))


if __name__ == "__main__":
    main()
