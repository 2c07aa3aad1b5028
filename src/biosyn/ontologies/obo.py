"""OBO files, read by pronto: HPO, MONDO, DOID and their like."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

from biosyn.concept_ids import distinct_ids
from biosyn.data.ontology import Concept
from biosyn.errors import InputError, missing_extra
from biosyn.ontologies.source import Source

# The preferred name first, then what means the same, then the looser synonyms.
SCOPES = ("exact", "narrow", "broad", "related")


def obo_concepts(source: Source, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
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
    text = "".join(f"{line}\n" for _, line in source.lines())
    if text.lstrip()[:1] in ("{", "<"):  # pronto would go by it, and a bad graph is more than it can bear
        raise InputError("is JSON or XML, no OBO: JSON is read with --from obograph", path=source.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about clauses that we do not use
            ontology = Ontology(BytesIO(text.encode()), import_depth=0)  # no import over the network
            terms = [term for term in ontology.terms() if is_live(term.name, term.obsolete, source)]
            release = str(ontology.metadata.data_version or source.path.name)
            concepts = [_concept(term, source, scopes=scopes, release=release) for term in terms]
    except (SyntaxError, ValueError, KeyError, TypeError) as error:  # what pronto raises on a bad file
        line, reason = getattr(error, "lineno", None), str(getattr(error, "msg", error))
        if "could not find a parser" in reason:  # and it names an object in memory
            reason = "it does not begin with 'format-version:'"
        raise InputError(f"cannot be read as OBO ({reason})", path=source.path, line=line) from error
    yield from sorted(concepts, key=lambda concept: concept.ids)


def _concept(term: Any, source: Source, *, scopes: Sequence[str], release: str) -> Concept:
    synonyms = ((synonym.scope.lower(), synonym.description) for synonym in term.synonyms)
    names = term_names(term.name, synonyms, source, scopes=scopes)
    links = {
        "parents": tuple(sorted(parent.id for parent in term.superclasses(distance=1, with_self=False))),
        "xrefs": tuple(sorted(xref.id for xref in term.xrefs)),
    }
    return Concept(distinct_ids(term.id, *sorted(term.alternate_ids)), names, release, links)


def is_live(name: str | None, obsolete: bool, source: Source) -> bool:
    """Say whether a term is to be taken; one that is not is counted."""
    named = bool(name and name.strip())
    if obsolete:
        source.report.note("obsolete")
    elif not named:
        source.report.note("no name")
    return named and not obsolete


def term_names(
    name: str, synonyms: Iterable[tuple[str, str]], source: Source, *, scopes: Sequence[str]
) -> tuple[str, ...]:
    """Return a term's names: its own, then its (scope, text) synonyms of the wanted scopes, closest scope first."""
    ranked = sorted((SCOPES.index(scope), text.strip()) for scope, text in synonyms)
    for scope, _ in ranked:
        if SCOPES[scope] not in scopes:
            source.report.note(f"{SCOPES[scope]} synonym")
    return source.distinct((name.strip(), *(text for scope, text in ranked if SCOPES[scope] in scopes)))
