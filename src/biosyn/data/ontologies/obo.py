"""OBO files and OBO Graph JSON, both read by pronto: HPO, MONDO, DOID and their like."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from biosyn.data.ontologies.reading import Reading
from biosyn.data.ontology import Concept, distinct_ids
from biosyn.errors import InputError, missing_extra

# The preferred name first, then what means the same, then the looser synonyms.
SCOPES = ("exact", "narrow", "broad", "related")


def obo_concepts(path: Path, reading: Reading, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
    """Yield the terms that are not obsolete, in order of their ids; the file is parsed as a whole.

    Ids keep their prefix (``HP:0000001``), former ids (``alt_id``) come after them. The synonyms of a term are sorted
    by scope and text, because pronto gives them as a set.

    Parameters
    ----------
    scopes
        Of synonyms to take; the name is always taken.

    Raises
    ------
    InputError
        If the file cannot be parsed, or pronto is not installed.
    """
    try:
        from pronto.ontology import Ontology
    except ImportError as error:
        raise missing_extra("pronto", "obo") from error
    text = "".join(f"{line}\n" for _, line in reading.lines(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about clauses that we do not use
            ontology = Ontology(BytesIO(text.encode()), import_depth=0)  # no import over the network
            source = str(ontology.metadata.data_version or path.name)
            concepts = [_concept(term, source, scopes, reading) for term in ontology.terms() if _is_kept(term, reading)]
    except (SyntaxError, ValueError, KeyError, TypeError) as error:  # what pronto raises on a bad file
        line = getattr(error, "lineno", None)
        raise InputError(f"cannot be read as OBO ({getattr(error, 'msg', error)})", path=path, line=line) from error
    yield from sorted(concepts, key=lambda concept: concept.ids)


def _is_kept(term: Any, reading: Reading) -> bool:
    if term.obsolete:
        reading.drop("obsolete")
    elif not term.name:
        reading.drop("no name")
    return bool(term.name) and not term.obsolete


def _concept(term: Any, source: str, scopes: Sequence[str], reading: Reading) -> Concept:
    synonyms = sorted((SCOPES.index(synonym.scope.lower()), synonym.description.strip()) for synonym in term.synonyms)
    for scope, count in Counter(SCOPES[scope] for scope, _ in synonyms).items():
        if scope not in scopes:
            reading.drop(f"{scope} synonym", count)
    names = reading.distinct((term.name.strip(), *(text for scope, text in synonyms if SCOPES[scope] in scopes)))
    links = {
        "parents": tuple(sorted(parent.id for parent in term.superclasses(distance=1, with_self=False))),
        "xrefs": tuple(sorted(xref.id for xref in term.xrefs)),
    }
    return Concept(distinct_ids(term.id, *sorted(term.alternate_ids)), names, source, links)
