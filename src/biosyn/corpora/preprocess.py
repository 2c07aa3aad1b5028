"""The verb of preprocess.py: from a raw corpus and an ontology to the files that training and evaluation read."""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from biosyn.concept_ids import NO_CONCEPT, comparable, map_ids, split_ids, strip_prefixes
from biosyn.corpora.folder import FILES, FOLDERS, SPLITS, TRAINDEV, require_replaceable
from biosyn.data.concepts import CONCEPTS_FILE, Concept, concept_json
from biosyn.data.dictionary import NameTable, name_table
from biosyn.data.documents import Document, write_documents
from biosyn.data.vocabularies import VOCABULARIES_FILE, guessed_prefixes, write_vocabularies
from biosyn.errors import InputError
from biosyn.records import Query
from biosyn.text.abbreviations import AbbreviationFinder, expand, no_abbreviations
from biosyn.text.composites import split_composite
from biosyn.text.preprocess import TextPreprocess
from biosyn.writing import move_into_place, staged_folder, write_lines

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cleaning:
    """How the mentions of a corpus are cleaned, beyond the rules that apply to every text.

    Attributes
    ----------
    typos
        Misspelled token -> correct spelling, in lower case.
    find_abbreviations
        Function from a document's text to short form -> long form.
    remove_cuiless
        Leave out a query with an id that its split's dictionary does not have; otherwise its id becomes ``-1``.
    split_composites
        Split a mention of several ids into as many parts where that is possible. Turn it off where several ids
        describe one thing.
    """

    typos: Mapping[str, str] = field(default_factory=dict)
    find_abbreviations: AbbreviationFinder = no_abbreviations
    remove_cuiless: bool = True
    split_composites: bool = True


class _Split(NamedTuple):
    """A split after preprocessing: the raw and the processed documents, and the split's own dictionary."""

    raw: Sequence[Document]
    processed: list[Document]
    dictionary: list[str]


def preprocess_corpus(
    corpus: Mapping[str, Sequence[Document]],
    concepts: Sequence[Concept],
    output_dir: str | Path,
    *,
    cleaning: Cleaning | None = None,
    bare_ids: Sequence[str] | None = None,
    progress: bool = False,
) -> dict[str, dict[str, int]]:
    """Write a corpus and its ontology as BioSyn's files: queries, dictionaries, concepts, vocabularies.

    Everything is first written to a temporary folder and moved at the end, so that an error leaves nothing
    half-written. Folders and files of an earlier run are replaced.

    Parameters
    ----------
    corpus
        ``train``, ``dev`` and ``test`` documents, or one or two of the three; nothing is written for a missing split.
    concepts
        The ontology, which becomes the train dictionary. The dev dictionary adds the processed train queries, the
        test dictionary those of dev as well, if these splits are given.
    bare_ids
        The prefixes of the vocabularies of ids without prefix, the preferred one first; None guesses them by the ids.

    Returns
    -------
    dict
        Counts by split: documents, queries, queries left out, dictionary names; and the ontology's concepts.
    """
    cleaning = cleaning or Cleaning()
    names = [name for name in SPLITS if name in corpus]
    _require_distinct({name: corpus[name] for name in names})
    require_replaceable(output_dir)
    table = name_table(concepts, TextPreprocess().run)
    splits: dict[str, _Split] = {}
    for name in names:
        known = table.ids()
        documents = tqdm(corpus[name], desc=name, unit="document", disable=not progress)
        processed = [process_document(document, known, cleaning) for document in documents]
        splits[name] = _Split(corpus[name], processed, table.lines())
        if not _count(processed):
            logger.warning("%s: no query is left: are the dictionary's ids those of the corpus?", name)
        _add_queries(table, processed)
    with staged_folder(output_dir) as stage:
        _write(stage, splits, concepts, guessed_prefixes(table.ids()) if bare_ids is None else bare_ids)
        move_into_place(stage, Path(output_dir), names=(*FOLDERS, *FILES))
    return _summary(splits, len(concepts))


def process_document(document: Document, known_ids: frozenset[str], cleaning: Cleaning) -> Document:
    """Clean the mentions of a document: abbreviations, composites, text, ids, in this order.

    Ids are spelled as the dictionary has them: a prefix may have other capitals in the corpus.
    """
    pairs = cleaning.find_abbreviations(document.text)
    clean, spelling = TextPreprocess(cleaning.typos, keep_pipe=True), _spellings(known_ids)
    queries = []
    for query in document.queries:
        mention, cui = expand(query.mention, pairs), query.cui
        if cleaning.split_composites:
            mention, cui = split_composite(mention, cui)
        cui = strip_prefixes(cui)
        ids = split_ids(cui)
        if not ids or not all(comparable(one) in spelling for one in ids):
            cui = NO_CONCEPT
        cui = map_ids(lambda one: spelling.get(comparable(one), one), cui)
        queries.append(query._replace(mention=clean.run(mention), cui=cui))
    return document._replace(queries=tuple(query for query in queries if _is_kept(query, cleaning.remove_cuiless)))


@lru_cache(maxsize=1)  # the documents of a split have the same known ids
def _spellings(known_ids: frozenset[str]) -> dict[str, str]:
    """Return what ids are compared by -> the id as the dictionary has it."""
    return {comparable(cui): cui for cui in sorted(known_ids)}


def _is_kept(query: Query, remove_cuiless: bool) -> bool:
    if not query.mention.strip("| "):
        logger.warning("document %s: a mention at %s is punctuation only and is left out", query.pmid, query.start)
        return False
    return query.cui != NO_CONCEPT or not remove_cuiless


def _add_queries(table: NameTable, documents: Sequence[Document]) -> None:
    """Add processed queries to the dictionary; a composite ``a|b`` is added as the one name "a b".

    Its ids are split at ``|`` only, so ``x+y`` stays a single id: a candidate that is right for neither x nor y alone.
    """
    clean = TextPreprocess()
    for document in documents:
        for query in document.queries:
            if query.cui != NO_CONCEPT:
                table.add(clean.run(query.mention), query.cui.split("|"))


def _write(stage: Path, splits: Mapping[str, _Split], concepts: Sequence[Concept], bare_ids: Sequence[str]) -> None:
    for name, split in splits.items():
        write_documents(stage / name, split.raw)
        write_documents(stage / f"processed_{name}", split.processed)
        write_lines(stage / f"{name}_dictionary.txt", split.dictionary)
    if "train" in splits:
        both = [splits[name].processed for name in ("train", "dev") if name in splits]
        write_documents(stage / TRAINDEV, chain.from_iterable(both))
    write_lines(stage / CONCEPTS_FILE, map(concept_json, concepts))
    write_vocabularies(stage / VOCABULARIES_FILE, bare_ids)


def _summary(splits: Mapping[str, _Split], concepts: int) -> dict[str, dict[str, int]]:
    raw = {name: _count(split.raw) for name, split in splits.items()}
    queries = {name: _count(split.processed) for name, split in splits.items()}
    return {
        "documents": {name: len(split.raw) for name, split in splits.items()},
        "queries": queries,
        "queries_left_out": {name: raw[name] - queries[name] for name in splits},
        "dictionary_names": {name: len(split.dictionary) for name, split in splits.items()},
        "ontology": {"concepts": concepts},
    }


def _count(documents: Sequence[Document]) -> int:
    return sum(len(document.queries) for document in documents)


def _require_distinct(corpus: Mapping[str, Sequence[Document]]) -> None:
    if not corpus:
        raise InputError("the corpus has no split: give train, dev or test")
    seen: dict[str, str] = {}
    for name, documents in corpus.items():
        for document in documents:
            other = seen.setdefault(document.pmid, name)
            if other != name:
                where = f"both {other} and {name}"
                raise InputError(f"document '{document.pmid}' is in {where}: remove it from one of them")


def with_dev(
    corpus: Mapping[str, Sequence[Document]], *, fraction: float, seed: int = 0
) -> dict[str, Sequence[Document]]:
    """Move a fraction of the train documents, drawn at random, to dev; both keep their order.

    Examples
    --------
    >>> corpus = with_dev({"train": [Document(str(number), "", ()) for number in range(10)]}, fraction=0.2)
    >>> [len(corpus[split]) for split in ("train", "dev")]
    [8, 2]
    """
    if "dev" in corpus or "train" not in corpus:
        raise InputError("there is a dev set already, or no train set to take it from: leave --dev_share out")
    train = corpus["train"]
    count = round(len(train) * fraction) if 0 <= fraction <= 1 else 0  # infinity and NaN have no such number
    if not 0 < count < len(train):
        raise InputError(f"--dev_share {fraction} of {len(train)} train documents leaves train or dev empty")
    drawn = set(random.Random(seed).sample(range(len(train)), count))
    parts = {
        "train": [document for row, document in enumerate(train) if row not in drawn],
        "dev": [document for row, document in enumerate(train) if row in drawn],
    }
    return {**corpus, **parts}
