"""Ontologies of the OBO world (HPO, MONDO, DOID, ...): OBO files, read by pronto, and OBO Graph JSON."""

import json
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError, missing_extra
from biosyn.ontologies.source import Source

# After the preferred name come the exact synonyms, then the looser ones.
SCOPES = ("exact", "narrow", "broad", "related")
_BASE = "http://purl.obolibrary.org/obo/"
_TERM = re.compile(r"https?://.*[/#]([A-Za-z]\w*?)_(\w+)")
_SCOPE_OF = {f"has{scope.title()}Synonym": scope for scope in SCOPES}
_ALTERNATIVE = "hasAlternativeId"


def obo_concepts(source: Source, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
    """Yield the terms that are not obsolete, in order of their ids; the file is parsed as a whole.

    Ids keep their prefix (``HP:0000001``) and are followed by former ids (``alt_id``). The synonyms of a term are
    sorted by scope and text, because pronto returns a set.

    Parameters
    ----------
    scopes
        Scopes of the synonyms to take; the name is always taken.
    """
    try:
        from pronto.ontology import Ontology
    except ImportError as error:
        raise missing_extra("pronto", "obo") from error
    text = "".join(f"{line}\n" for _, line in source.lines())
    if text.lstrip()[:1] in ("{", "<"):  # pronto would try its other parsers, and fails badly on a bad graph
        raise InputError("is JSON or XML, not OBO: read JSON with --from obograph", path=source.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about clauses that we do not use
            ontology = Ontology(BytesIO(text.encode()), import_depth=0)  # no import over the network
            terms = [term for term in ontology.terms() if _is_live(term.name, term.obsolete, source)]
            release = str(ontology.metadata.data_version or source.path.name)
            concepts = [_term_concept(term, source, scopes=scopes, release=release) for term in terms]
    except (SyntaxError, ValueError, KeyError, TypeError) as error:  # what pronto raises on a bad file
        line, reason = getattr(error, "lineno", None), str(getattr(error, "msg", error))
        if "could not find a parser" in reason:  # that message shows an object in memory
            reason = "it does not begin with 'format-version:'"
        raise InputError(f"cannot be read as OBO ({reason})", path=source.path, line=line) from error
    yield from sorted(concepts, key=lambda concept: concept.ids)


def _term_concept(term: Any, source: Source, *, scopes: Sequence[str], release: str) -> Concept:
    synonyms = ((synonym.scope.lower(), synonym.description) for synonym in term.synonyms)
    names = _names(term.name, synonyms, source, scopes=scopes)
    links = {
        "parents": tuple(sorted(parent.id for parent in term.superclasses(distance=1, with_self=False))),
        "xrefs": tuple(sorted(xref.id for xref in term.xrefs)),
    }
    return Concept(distinct_ids(term.id, *sorted(term.alternate_ids)), names, release, links)


def obograph_concepts(source: Source, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
    """Yield the classes that are not deprecated, in the file's order; the file is parsed as a whole.

    Ids are written as in OBO: ``http://purl.obolibrary.org/obo/HP_0000001`` becomes ``HP:0000001``.

    Parameters
    ----------
    scopes
        Scopes of the synonyms to take; the label is always taken.
    """
    for graph in _graphs(source):
        try:
            release = _version(graph) or source.path.name
            parents = _parents(graph)
            nodes = [node for node in graph.get("nodes") or [] if node.get("type") == "CLASS"]
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError("holds a graph that does not follow OBO Graph JSON", path=source.path) from error
        for node in nodes:
            try:
                concept = _node_concept(node, source, scopes=scopes, release=release, parents=parents)
            except (AttributeError, KeyError, TypeError, ValueError):
                source.malformed("node", f"the node {node.get('id')} does not follow OBO Graph JSON")
                continue
            if concept is not None:
                yield concept


def _graphs(source: Source) -> list[Any]:
    try:
        document = json.loads("\n".join(line for _, line in source.lines()))
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON ({error.msg})", path=source.path, line=error.lineno) from error
    except RecursionError as error:
        raise InputError("is nested too deep for OBO Graph JSON", path=source.path) from error
    except ValueError as error:  # a number of more digits than Python reads
        raise InputError(f"is not OBO Graph JSON ({error})", path=source.path) from error
    graphs = document.get("graphs") if isinstance(document, dict) else None
    if not isinstance(graphs, list):
        raise InputError("holds no 'graphs': expected OBO Graph JSON", path=source.path)
    return graphs


def _version(graph: Any) -> str:
    """Return the release in the form of OBO's ``data-version``: ``hp/releases/2025-01-16``."""
    version = str((graph.get("meta") or {}).get("version") or "")
    return version.removeprefix(_BASE).rpartition("/")[0] or version


def _parents(graph: Any) -> dict[str, list[str]]:
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for edge in graph.get("edges") or []:
        if edge["pred"] == "is_a":
            parents[edge["sub"]].append(_short(edge["obj"]))
    return parents


def _node_concept(
    node: Any, source: Source, *, scopes: Sequence[str], release: str, parents: Mapping[str, list[str]]
) -> Concept | None:
    meta = node.get("meta") or {}
    if not _is_live(node.get("lbl"), bool(meta.get("deprecated")), source):
        return None
    synonyms = [(_SCOPE_OF[each["pred"]], each["val"]) for each in meta.get("synonyms") or []]
    properties = meta.get("basicPropertyValues") or []
    former = sorted(_short(each["val"]) for each in properties if each["pred"].endswith(_ALTERNATIVE))
    links = {
        "parents": tuple(sorted(parents.get(node["id"], ()))),
        "xrefs": tuple(sorted(each["val"] for each in meta.get("xrefs") or [])),
    }
    names = _names(node["lbl"], synonyms, source, scopes=scopes)
    "".join(names).encode()  # fails for half of a surrogate pair, which JSON allows but which cannot be written
    return Concept(distinct_ids(_short(node["id"]), *former), names, release, links)


def _short(iri: str) -> str:
    """Return the OBO id of an IRI; any other IRI is returned unchanged.

    Examples
    --------
    >>> _short("http://purl.obolibrary.org/obo/HP_0000001"), _short("HP:0000001"), _short("http://example.org/x/5")
    ('HP:0000001', 'HP:0000001', 'http://example.org/x/5')
    """
    found = _TERM.fullmatch(iri)
    return f"{found[1]}:{found[2]}" if found else iri


def _is_live(name: str | None, obsolete: bool, source: Source) -> bool:
    """Return whether a term has a name and is not obsolete; other terms are noted in the counts."""
    named = bool(name and name.strip())
    if obsolete:
        source.counts.note("obsolete")
    elif not named:
        source.counts.note("no name")
    return named and not obsolete


def _names(name: str, synonyms: Iterable[tuple[str, str]], source: Source, *, scopes: Sequence[str]) -> tuple[str, ...]:
    """Return a term's own name, then its (scope, text) synonyms of the wanted scopes, the closest scope first."""
    ranked = sorted((SCOPES.index(scope), text.strip()) for scope, text in synonyms)
    for scope, _ in ranked:
        if SCOPES[scope] not in scopes:
            source.counts.note(f"{SCOPES[scope]} synonym")
    return source.distinct((name.strip(), *(text for scope, text in ranked if SCOPES[scope] in scopes)))
