import importlib.util
import random
from pathlib import Path

import pytest

from biosyn.concept_ids import name_ids
from biosyn.data.concepts import Concept, ConceptTable, concept_json
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.resolver import Resolver
from biosyn.evaluation.references import outcomes_of, read_references, resolved
from biosyn.records import Candidate, MentionPrediction, Name, Query, QueryPrediction

TOPK = 6
WORDS = ("ataxia", "cancer", "type", "ii", "apc", "syndrome")
RAW_WORDS = ("Ataxia", "cancer", "(APC)", "A-T", "APC/FAP", "Type", "II", "G6PD", "CANCERS")


@pytest.fixture(scope="session")
def naive():
    """The module naive.py beside this file."""
    return load_naive()


def load_naive():
    spec = importlib.util.spec_from_file_location("naive", Path(__file__).with_name("naive.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def concepts():
    """D0 .. D9, some with a second id E0 ..; their names overlap, so that there are homonyms."""
    rows = []
    for number in range(10):
        ids = (f"D{number}", f"E{number}") if number % 3 == 0 else (f"D{number}",)
        rows.append(Concept(ids, (f"name {number}", f"other {number}", f"shared {number // 2}"), "made up"))
    return rows


def dictionary_lines():
    ids = {}
    for concept in concepts():
        for name in concept.names:
            ids.setdefault(name, []).extend(concept.ids)
    lines = [f"{'|'.join(dict.fromkeys(found))}||{name}" for name, found in ids.items()]
    return [*lines, "D1+D2||both"]  # a composite query that entered the dictionary


def random_query(chooser, number, documents):
    size = chooser.choice((1, 1, 1, 2, 3, 5))
    mention = " ".join(chooser.choice(WORDS) for _ in range(size))
    cui = f"D{chooser.randrange(12)}"  # two of them are not in the dictionary
    if chooser.random() < 0.3:
        parts = chooser.choice((1, 2, 3))
        mention = "|".join([mention, "cancer", "syndrome"][:parts])
        joint = chooser.choice("|+")
        cui = joint.join(f"D{chooser.randrange(10)}" for _ in range(chooser.choice((1, 2, 3))))
    elif chooser.random() < 0.1:
        cui = "-1"
    return Query(mention, cui, f"doc{chooser.randrange(documents)}", str(number), str(number + 1), "Disease")


@pytest.fixture
def world(tmp_path):
    """Function: seed -> a made-up evaluation: predictions, and all that they are held against, in files."""

    def make(seed, *, queries=60, documents=13):
        chooser = random.Random(seed)
        folder = tmp_path / f"world{seed}"
        folder.mkdir()
        (folder / "test_dictionary.txt").write_text("".join(f"{line}\n" for line in dictionary_lines()))
        (folder / "concepts.jsonl").write_text("".join(f"{concept_json(row)}\n" for row in concepts()))
        test = [random_query(chooser, number, documents) for number in range(queries)]
        raw = [
            q._replace(mention=" ".join(chooser.choice(RAW_WORDS) for _ in range(chooser.choice((1, 1, 2)))))
            for q in test
        ]
        train = chooser.sample(test, 10) + [random_query(chooser, 1000 + number, 5) for number in range(20)]
        for name, rows in (("processed_test", test), ("test", raw), ("processed_train", train)):
            (folder / name).mkdir()
            lines = [f"{q.pmid}||{q.start}|{q.end}||{q.type}||{q.mention}||{q.cui}\n" for q in rows]
            (folder / name / "all.concept").write_text("".join(lines))
        return World(folder, test, [q.mention for q in raw], train, chooser)

    return make


class World:
    """A made-up test set and the predictions of a system that is often right."""

    def __init__(self, folder, queries, raw, train, chooser):
        self.folder, self.queries, self.raw, self.train, self.chooser = folder, queries, raw, train, chooser
        self.dictionary = DictionaryDataset(folder / "test_dictionary.txt")
        self.predictions = [self._predicted(query, chooser) for query in queries]

    def _predicted(self, query, chooser):
        return QueryPrediction(query, tuple(self._found(part, query, chooser) for part in query.mention.split("|")))

    def _found(self, part, query, chooser):
        names = chooser.sample(list(self.dictionary), TOPK)
        gold = [name for name in self.dictionary if name_ids(name.cui) & set(query.cui.replace("+", "|").split("|"))]
        if gold and chooser.random() < 0.7:
            names = [chooser.choice(gold), *names][:TOPK]
        scores = [float(TOPK - place) for place in range(TOPK)]
        found = zip(names, scores, strict=True)
        return MentionPrediction(part, tuple(Candidate(name.name, name.cui, s, s, 0.0) for name, s in found))

    def outcomes(self, predictions=None, train_dirs=("processed_train",)):
        references = read_references(
            self.queries,
            self.dictionary,
            data_dir=self.folder / "processed_test",
            train_dirs=[self.folder / name for name in train_dirs],
        )
        return outcomes_of(self.resolved(predictions), references, topk=TOPK)

    def resolved(self, predictions=None):
        """The predictions with the concepts of their best names; nothing is known about how often they occur."""
        return resolved(self.predictions if predictions is None else predictions, Resolver(ConceptTable(concepts())))

    def as_plain_rows(self):
        """The queries for naive.py; nothing is known about how often a concept is annotated."""
        table, naive = ConceptTable(concepts()), load_naive()

        def row(candidate):
            found = table.concepts_of(Name(candidate.name, candidate.cui))
            plain = [{"ids": concept.ids, "preferred_name": concept.preferred_name} for concept in found]
            return set(candidate.cui.split("|")), len(found), naive.first_concept(candidate.name, plain, {}, {})

        return [
            {
                "pmid": found.query.pmid,
                "mention": found.query.mention,
                "cui": found.query.cui,
                "raw": raw,
                "found": [list(map(row, m.candidates)) for m in found.mentions],
            }
            for found, raw in zip(self.predictions, self.raw, strict=True)
        ]
