"""OBO Graph JSON, the form of HPO, MONDO and DOID that ends in ``.json``.

pronto has a reader of it, but one that takes JSON for YAML: it stumbles over characters that JSON writes as two
escapes, and a file without a graph ends it in a panic, which is no Exception to catch. So it is read here as JSON.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from biosyn.concept_ids import distinct_ids
from biosyn.data.ontology import Concept
from biosyn.errors import InputError
from biosyn.ontologies.obo import SCOPES, is_live, term_names
from biosyn.ontologies.source import Source

_BASE = "http://purl.obolibrary.org/obo/"
_TERM = re.compile(r"https?://.*[/#]([A-Za-z]\w*?)_(\w+)")
_SCOPE_OF = {f"has{scope.title()}Synonym": scope for scope in SCOPES}
_ALTERNATIVE = "hasAlternativeId"


def obograph_concepts(source: Source, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
    """Yield the classes that are not deprecated, in the file's order; the file is parsed as a whole.

    An id is written as OBO does: ``http://purl.obolibrary.org/obo/HP_0000001`` is ``HP:0000001``.

    Parameters
    ----------
    scopes
        Of synonyms to take; the label is always taken.

    Raises
    ------
    InputError
        If the file is no JSON (the line is named) or holds no graphs.
    """
    for graph in _graphs(source):
        try:
            release = _version(graph) or source.path.name
            parents = _parents(graph)
            nodes = [node for node in graph.get("nodes") or [] if node.get("type") == "CLASS"]
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError("holds a graph that is not as OBO Graph JSON says", path=source.path) from error
        for node in nodes:
            try:
                concept = _concept(node, source, scopes=scopes, release=release, parents=parents)
            except (AttributeError, KeyError, TypeError, ValueError):
                source.malformed("node", f"the node {node.get('id')} is not as OBO Graph JSON says")
                continue
            if concept is not None:
                yield concept


def _graphs(source: Source) -> list[Any]:
    try:
        document = json.loads("\n".join(line for _, line in source.lines()))
    except json.JSONDecodeError as error:
        raise InputError(f"is no JSON ({error.msg})", path=source.path, line=error.lineno) from error
    except RecursionError as error:
        raise InputError("is nested too deep for OBO Graph JSON", path=source.path) from error
    graphs = document.get("graphs") if isinstance(document, dict) else None
    if not isinstance(graphs, list):
        raise InputError("holds no 'graphs': expected OBO Graph JSON", path=source.path)
    return graphs


def _version(graph: Any) -> str:
    """Return the release as OBO's ``data-version`` has it: ``hp/releases/2025-01-16``."""
    version = str((graph.get("meta") or {}).get("version") or "")
    return version.removeprefix(_BASE).rpartition("/")[0] or version


def _parents(graph: Any) -> dict[str, list[str]]:
    parents: defaultdict[str, list[str]] = defaultdict(list)
    for edge in graph.get("edges") or []:
        if edge["pred"] == "is_a":
            parents[edge["sub"]].append(_short(edge["obj"]))
    return parents


def _concept(
    node: Any, source: Source, *, scopes: Sequence[str], release: str, parents: Mapping[str, list[str]]
) -> Concept | None:
    meta = node.get("meta") or {}
    if not is_live(node.get("lbl"), bool(meta.get("deprecated")), source):
        return None
    synonyms = [(_SCOPE_OF[each["pred"]], each["val"]) for each in meta.get("synonyms") or []]
    properties = meta.get("basicPropertyValues") or []
    former = sorted(_short(each["val"]) for each in properties if each["pred"].endswith(_ALTERNATIVE))
    links = {
        "parents": tuple(sorted(parents.get(node["id"], ()))),
        "xrefs": tuple(sorted(each["val"] for each in meta.get("xrefs") or [])),
    }
    names = term_names(node["lbl"], synonyms, source, scopes=scopes)
    "".join(names).encode()  # half of a character that JSON wrote as two escapes cannot be written again
    return Concept(distinct_ids(_short(node["id"]), *former), names, release, links)


def _short(iri: str) -> str:
    """Return the id that OBO gives to an IRI; one that is none of its kind stays as it is.

    Examples
    --------
    >>> _short("http://purl.obolibrary.org/obo/HP_0000001"), _short("HP:0000001"), _short("http://identifiers.org/hgnc/5")
    ('HP:0000001', 'HP:0000001', 'http://identifiers.org/hgnc/5')
    """
    found = _TERM.fullmatch(iri)
    return f"{found[1]}:{found[2]}" if found else iri
