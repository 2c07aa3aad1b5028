"""OWL and SKOS in RDF/XML, Turtle or N-Triples, read by rdflib: classes of an ontology, concepts of a thesaurus."""

import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from biosyn.data.concepts import Concept
from biosyn.errors import InputError, missing_extra
from biosyn.ontologies.source import Source
from biosyn.ontologies.terms import BASE, SCOPE_OF, SCOPES, Term, short_id, short_version

_OWL, _SKOS = "http://www.w3.org/2002/07/owl#", "http://www.w3.org/2004/02/skos/core#"
_RDF, _RDFS = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://www.w3.org/2000/01/rdf-schema#"
_OBO_IN_OWL = "http://www.geneontology.org/formats/oboInOwl#"
_TYPES = (f"{_OWL}Class", f"{_SKOS}Concept")
_LABELS = (f"{_SKOS}prefLabel", f"{_RDFS}label")  # the first one that a term has gives its name
_SYNONYMS = {
    **{f"{_OBO_IN_OWL}{name}": scope for name, scope in SCOPE_OF.items()},
    f"{_SKOS}altLabel": "exact",
    f"{_SKOS}hiddenLabel": "related",  # misspellings
    f"{BASE}IAO_0000118": "exact",  # "alternative label"
}
_ID_LISTS = {
    f"{_OBO_IN_OWL}hasAlternativeId": "alternative_ids",
    f"{_RDFS}subClassOf": "parents",
    f"{_SKOS}broader": "parents",
    f"{_OBO_IN_OWL}hasDbXref": "xrefs",
    f"{_SKOS}exactMatch": "xrefs",
    f"{BASE}IAO_0100001": "replaced_by",  # "term replaced by"
    f"{_OBO_IN_OWL}consider": "consider",
}
_NESTED_ENTITY = re.compile(rb"<!ENTITY[^>]*&")
_LOCAL = "http://local.invalid/"  # what relative IRIs are read with, and written without
_SYNTAXES = {".ttl": "turtle", ".nt": "nt"}  # of any other name it is RDF/XML
_SYNTAX_NAMES = {"turtle": "Turtle", "nt": "N-Triples", "xml": "RDF/XML"}


def owl_concepts(
    source: Source, *, scopes: Sequence[str] = SCOPES, languages: Sequence[str] = ("en",)
) -> Iterator[Concept]:
    """Yield the classes or concepts that have an IRI, in order of their ids; the file is parsed as a whole.

    Ids are written as in OBO: ``http://purl.obolibrary.org/obo/HP_0000001`` becomes ``HP:0000001``; other IRIs stay as
    they are. Imports are not followed, and the network is not used.

    Parameters
    ----------
    scopes
        Scopes of the synonyms to take; SKOS's alternative labels are exact, its hidden ones related.
    languages
        Languages of labels to take, ``en`` for ``en-US`` too; a label without one is always taken.
    """
    graph, release = _graph(source), source.path.name
    uri = _rdflib().URIRef
    for ontology in graph.subjects(uri(f"{_RDF}type"), uri(f"{_OWL}Ontology")):
        versions = [str(graph.value(ontology, uri(f"{_OWL}{key}")) or "") for key in ("versionIRI", "versionInfo")]
        release = next((short_version(version) for version in versions if version), release)
    subjects = {subject for kind in _TYPES for subject in graph.subjects(uri(f"{_RDF}type"), uri(kind))}
    narrower = uri(f"{_SKOS}narrower")
    for subject in sorted(subject for subject in subjects if isinstance(subject, uri)):
        term = _term(graph, subject, languages, source)
        term.parents += (_id(broader) for broader in graph.subjects(narrower, subject))
        concept = term.concept(source, scopes=scopes, release=release)
        if concept is not None:
            yield concept


def _term(graph: Any, subject: Any, languages: Sequence[str], source: Source) -> Term:
    term = Term(_id(subject))
    labels: list[tuple[int, int, str]] = []
    for predicate, value in graph.predicate_objects(subject):
        key, text = str(predicate), str(value)
        if key in _LABELS or key in _SYNONYMS:
            rank = _language_rank(getattr(value, "language", None), languages)
            if rank is None:
                source.counts.note("language")
            elif key in _LABELS:
                labels.append((rank, _LABELS.index(key), text))
            else:
                term.synonyms.append((_SYNONYMS[key], text))
        elif key in _ID_LISTS and type(value).__name__ != "BNode" and text != f"{_OWL}Thing":
            getattr(term, _ID_LISTS[key]).append(_id(value))
        elif (key == f"{_OWL}deprecated" and text in ("true", "1")) or text == f"{_OWL}DeprecatedClass":
            term.obsolete = True
    term.names = [text for _, _, text in sorted(labels)]
    return term


def _id(node: Any) -> str:
    return short_id(str(node).removeprefix(_LOCAL))


def _language_rank(language: str | None, languages: Sequence[str]) -> int | None:
    """Return the place of a label's language among the wanted ones, or None; no language comes last.

    Examples
    --------
    >>> [_language_rank(language, ("fr", "en")) for language in ("en-US", "FR", None, "de")]
    [1, 0, 2, None]
    """
    if language is None:
        return len(languages)
    matches = (rank for rank, each in enumerate(languages) if language.lower().split("-")[0] == each.lower())
    return next(matches, None)


def _graph(source: Source) -> Any:
    rdflib = _rdflib()
    logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # about dates and the like, which we do not use
    suffix = source.path.with_suffix("").suffix if source.path.suffix == ".gz" else source.path.suffix
    syntax = _SYNTAXES.get(suffix.lower(), "xml")
    with source.open() as file:
        content = file.read()
    if _NESTED_ENTITY.search(content.partition(b"]>")[0]):
        raise InputError("has entities made of entities, which may be endless: replace them", path=source.path)
    try:
        return rdflib.Graph().parse(data=content, format=syntax, publicID=_LOCAL)
    except Exception as error:  # each parser of rdflib has errors of its own, and what a bad file meets is open
        line, reason = _place_of(error)
        message = f"cannot be read as {_SYNTAX_NAMES[syntax]} ({reason}): save it as RDF/XML (.owl), .ttl or .nt"
        raise InputError(message, path=source.path, line=line) from error


def _place_of(error: Exception) -> tuple[int | None, str]:
    """Return the line, where the parser knows it, and the first line of what it says."""
    if callable(get_line := getattr(error, "getLineNumber", None)):  # of XML
        return get_line(), str(error.args[0])
    reason = str(getattr(error, "_why", error) or type(error).__name__).splitlines()[0][:100]
    if found := re.match(r"\w*:(\d+):\d+: (.*)", reason):  # of RDF/XML
        return int(found[1]), found[2]
    line = getattr(error, "lines", None)  # of Turtle, from 0
    return (line + 1 if isinstance(line, int) else None), reason


def _rdflib() -> Any:
    try:
        import rdflib
    except ImportError as error:
        raise missing_extra("rdflib", "owl") from error
    return rdflib
