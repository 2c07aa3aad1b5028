"""Hidden concepts: a dictionary without some of its concepts, so that some mentions have no concept in it."""

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
    """A dictionary of which some concepts are hidden."""

    dictionary: DictionaryDataset  # without the hidden concepts
    whole: DictionaryDataset
    rows: Sequence[int]  # the row of each remaining name in the whole dictionary
    concepts: int  # number of hidden ones


def open_hidden(dictionary: DictionaryDataset, *, fraction: float, seed: int) -> Hidden:
    """Hide a fraction of a dictionary's concepts, which ``concepts.jsonl`` in its folder defines; 0 hides none."""
    if fraction == 0:
        return Hidden(dictionary, dictionary, range(len(dictionary)), 0)
    return hide_concepts(dictionary, ConceptTable.beside(dictionary.path), fraction=fraction, seed=seed)


def hide_concepts(dictionary: DictionaryDataset, table: ConceptTable, *, fraction: float, seed: int) -> Hidden:
    """Remove a fraction of the concepts from a dictionary, drawn at random.

    A concept is a row of the ontology, or an id that no row has. A name loses the ids of its hidden concepts and is
    removed if none is left; a homonym stays with its other concepts. An id ``x+y`` is removed if x or y is hidden.
    """
    concepts = [table.concepts_of(name) for name in dictionary]
    known = [concept for concept in dict.fromkeys(one for some in concepts for one in some) if _is_single(concept)]
    drawn = random.Random(seed).sample(range(len(known)), round(fraction * len(known)))
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
            f"--hide_concepts {fraction} hides {len(hidden)} of {len(known)} concepts: choose another fraction",
            path=dictionary.path,
        )
    return Hidden(dictionary.with_names(names), dictionary, rows, len(hidden))


def _is_single(concept: Concept) -> bool:
    return all(len(split_ids(cui)) == 1 for cui in concept.ids)


def embed_searched(
    biosyn: BioSyn,
    searched: Hidden,
    *,
    score_mode: str,
    cache_dir: str | None,
    index_precision: str,
    show_progress: bool,
) -> NameVectors:
    """Return the vectors of the names that are not hidden; the cache on disk holds those of the whole dictionary.

    Parameters
    ----------
    cache_dir, index_precision
        See `BioSyn.index`.
    """
    if score_mode == "sparse":  # takes a second, and needs no encoder
        return biosyn.embed(searched.dictionary.texts, score_mode="sparse")
    progress = "dictionary" if show_progress else None
    index = biosyn.index(searched.whole, cache_dir=cache_dir, precision=index_precision, progress=progress)
    names = index.vectors(biosyn.device, score_mode=score_mode)
    return names.take(torch.tensor(searched.rows, device=names.device)) if searched.concepts else names
