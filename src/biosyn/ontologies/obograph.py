"""OBO Graph JSON: the ontologies of the OBO world as graphs of nodes and edges."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Source
from biosyn.ontologies.terms import SCOPE_OF, SCOPES, Term, short_id, short_version

# the end of a property's IRI -> what it says; the first two are of oboInOwl, the third is "term replaced by"
_PROPERTIES = {"hasAlternativeId": "alternative_ids", "consider": "consider", "IAO_0100001": "replaced_by"}


def obograph_concepts(source: Source, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
    """Yield the classes, in the file's order; the file is parsed as a whole.

    Ids are written as in OBO: ``http://purl.obolibrary.org/obo/HP_0000001`` becomes ``HP:0000001``.

    Parameters
    ----------
    scopes
        Scopes of the synonyms to take; the label is always taken.
    """
    for graph in _graphs(source):
        try:
            release = short_version(str((graph.get("meta") or {}).get("version") or "")) or source.path.name
            parents = _parents(graph)
            nodes = [node for node in graph.get("nodes") or [] if node.get("type") == "CLASS"]
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError("holds a graph that does not follow OBO Graph JSON", path=source.path) from error
        for node in nodes:
            try:
                concept = _term(node, parents).concept(source, scopes=scopes, release=release)
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


def _parents(graph: Any) -> dict[str, list[str]]:
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for edge in graph.get("edges") or []:
        if edge["pred"] == "is_a":
            parents[edge["sub"]].append(short_id(edge["obj"]))
    return parents


def _term(node: Any, parents: Mapping[str, list[str]]) -> Term:
    meta = node.get("meta") or {}
    term = Term(short_id(node["id"]), obsolete=bool(meta.get("deprecated")), parents=parents.get(node["id"], []))
    term.names = [node["lbl"]] if node.get("lbl") else []
    term.synonyms = [(SCOPE_OF[each["pred"]], each["val"]) for each in meta.get("synonyms") or []]
    term.xrefs = [each["val"] for each in meta.get("xrefs") or []]
    for each in meta.get("basicPropertyValues") or []:
        kind = _PROPERTIES.get(each["pred"].replace("#", "/").rpartition("/")[2])
        if kind:
            getattr(term, kind).append(short_id(each["val"]))
    texts = (*term.names, *(text for _, text in term.synonyms))
    "".join(texts).encode()  # fails for half of a surrogate pair, which JSON allows but which cannot be written
    return term
