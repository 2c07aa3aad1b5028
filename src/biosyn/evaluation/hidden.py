"""Hiding concepts: mentions whose concept a dictionary lacks, out of a corpus that has none."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch

from biosyn.concept_ids import split_ids, split_name_ids
from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.records import Name
from biosyn.retrieval.vectors import NameVectors


class Hidden(NamedTuple):
    """A dictionary without some of its concepts."""

    dictionary: DictionaryDataset
    whole: DictionaryDataset
    rows: Sequence[int]  # of the whole: where each name is there
    concepts: int  # how many are hidden


def open_hidden(dictionary: DictionaryDataset, *, share: float, seed: int) -> Hidden:
    """Hide a share of a dictionary's concepts, those of ``concepts.jsonl`` beside its file; with 0, none.

    Raises
    ------
    InputError
        If ``concepts.jsonl`` is bad, or as `hide_concepts`.
    """
    if share == 0:
        return Hidden(dictionary, dictionary, range(len(dictionary)), 0)
    return hide_concepts(dictionary, ConceptTable.beside(dictionary.path), share=share, seed=seed)


def hide_concepts(dictionary: DictionaryDataset, table: ConceptTable, *, share: float, seed: int) -> Hidden:
    """Take a share of the concepts out of a dictionary, drawn at random.

    A concept is a row of the ontology, or an id where none is known. A name loses the ids of its hidden concepts, and
    goes when it has none left: a homonym stays with its other concepts. An id ``x+y`` goes when a part of it is hidden.

    Raises
    ------
    InputError
        If the share hides no concept, or no name is left.
    """
    concepts = [table.concepts_of(name) for name in dictionary]
    known = [concept for concept in dict.fromkeys(one for some in concepts for one in some) if _is_one(concept)]
    drawn = random.Random(seed).sample(range(len(known)), round(share * len(known)))
    hidden = {known[row] for row in drawn}
    seen = {cui for concept in known if concept not in hidden for cui in concept.ids}
    gone = {cui for concept in hidden for cui in concept.ids} - seen
    names, rows = [], []
    for row, (name, found) in enumerate(zip(dictionary, concepts, strict=True)):
        kept = {cui for concept in found if concept not in hidden for cui in concept.ids}
        ids = [cui for cui in split_name_ids(name.cui) if cui in kept and gone.isdisjoint(split_ids(cui))]
        if ids:
            names.append(Name(name.name, "|".join(ids)))
            rows.append(row)
    if not hidden or not names:
        raise InputError(
            f"--hide_concepts {share} hides {len(hidden)} of {len(known)} concepts: choose another share",
            path=dictionary.path,
        )
    return Hidden(dictionary.with_names(names), dictionary, rows, len(hidden))


def _is_one(concept: Concept) -> bool:
    return not any("+" in cui for cui in concept.ids)


def embed_searched(
    biosyn: BioSyn,
    searched: Hidden,
    *,
    score_mode: str,
    cache_dir: str | None,
    index_precision: str,
    show_progress: bool,
) -> NameVectors:
    """Return the vectors of the names searched; where some are hidden, those of the whole dictionary are kept on disk.

    Parameters
    ----------
    cache_dir, index_precision
        As for `BioSyn.index`.
    """
    if score_mode == "sparse":  # a second of work, and no encoder in it
        return biosyn.embed(searched.dictionary.names, score_mode="sparse")
    progress = "dictionary" if show_progress else None
    index = biosyn.index(searched.whole, cache_dir=cache_dir, precision=index_precision, progress=progress)
    names = index.vectors(biosyn.device, score_mode=score_mode)
    return names.take(torch.tensor(searched.rows, device=names.device)) if searched.concepts else names
