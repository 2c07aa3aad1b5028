"""Concept ids (CUIs): as they are written in files, the two rules that compare them, and the page of a concept.

A field may hold several ids: ``|`` joins alternatives or homonyms, ``|`` or ``+`` the parts of a composite mention.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

NO_CONCEPT = "-1"
_SEPARATOR = re.compile(r"[|+]")
_PREFIX = re.compile(r"(?:OMIM|MESH):")


def split_ids(cui: str) -> tuple[str, ...]:
    """Return the single ids of a field, in order, without blanks and empty parts.

    Examples
    --------
    >>> split_ids("D001260|208900"), split_ids("D010051+D001943")
    (('D001260', '208900'), ('D010051', 'D001943'))
    """
    return tuple(part.strip() for part in _SEPARATOR.split(cui) if part.strip())


def split_name_ids(cui: str) -> tuple[str, ...]:
    """Return the ids of a dictionary's name, in order; they are split at ``|`` only.

    A composite query ``x+y`` in a dictionary keeps the single id "x+y", which is right for neither x nor y alone.

    Examples
    --------
    >>> split_name_ids("D001260|208900"), split_name_ids("D009468+D030342")
    (('D001260', '208900'), ('D009468+D030342',))
    """
    return tuple(part.strip() for part in cui.split("|") if part.strip())


def name_ids(cui: str) -> frozenset[str]:
    """Return the ids of a dictionary's name as a set, for comparisons; see `split_name_ids`.

    Examples
    --------
    >>> sorted(name_ids("D001260|208900"))
    ['208900', 'D001260']
    """
    return frozenset(split_name_ids(cui))


def is_composite(cui: str) -> bool:
    """Return whether a query's field holds more than one id.

    Examples
    --------
    >>> is_composite("D001260"), is_composite("D010051|D001943")
    (False, True)
    """
    return len(split_ids(cui)) > 1


def covers_all(query_cui: str, name_cui: str) -> bool:
    """Return the label for training: whether the name has every id of the query.

    Upstream tests this by substring, which mistakes ``D00126`` for ``D001260``; here sets of ids are compared.

    Examples
    --------
    >>> covers_all("D001260", "D001260|208900"), covers_all("D00126", "D001260")
    (True, False)
    """
    query_ids = split_ids(query_cui)
    return bool(query_ids) and NO_CONCEPT not in query_ids and name_ids(name_cui).issuperset(query_ids)


def shares_any(gold_cui: str, name_cui: str) -> bool:
    """Return the label for evaluation: whether gold field and name have an id in common; ``-1`` is never right.

    Examples
    --------
    >>> shares_any("D010051+D001943", "D001943"), shares_any("-1", "-1")
    (True, False)
    """
    return not name_ids(name_cui).isdisjoint(set(split_ids(gold_cui)) - {NO_CONCEPT})


def strip_prefixes(cui: str) -> str:
    """Remove every ``OMIM:`` and ``MESH:`` from an id field; other prefixes are part of the id.

    Examples
    --------
    >>> strip_prefixes("OMIM:208900|MESH:D001260"), strip_prefixes("HP:0000001")
    ('208900|D001260', 'HP:0000001')
    """
    return _PREFIX.sub("", cui)


def distinct_ids(*fields: str) -> tuple[str, ...]:
    """Return the distinct single ids of several fields, in order, without prefixes; a line end becomes a blank.

    Examples
    --------
    >>> distinct_ids("MESH:D001260", "OMIM:208900|MESH:D001260", "")
    ('D001260', '208900')
    """
    ids = (" ".join(part.split()) for field in fields for part in split_ids(strip_prefixes(field)))
    return tuple(dict.fromkeys(ids))


# The patterns exclude each other: a C is followed by 6 or 9 digits in MeSH and by 7 in UMLS.
_PAGES = tuple(
    (ontology, re.compile(pattern, re.ASCII), url)
    for ontology, pattern, url in (
        ("MeSH", r"(?:MESH:)?((?:D|C)(?:\d{6}|\d{9}))", "https://meshb.nlm.nih.gov/record/ui?ui={}"),
        ("UMLS", r"(?:UMLS:)?(C\d{7})", "https://uts.nlm.nih.gov/uts/umls/concept/{}"),
        ("OMIM", r"(?:OMIM:)?([1-6]\d{5})", "https://www.omim.org/entry/{}"),
        ("HPO", r"(HP:\d{7})", "https://hpo.jax.org/browse/term/{}"),
        ("NCBI Gene", r"(?:NCBIGene|GeneID|EntrezGene):(\d+)", "https://www.ncbi.nlm.nih.gov/gene/{}"),
    )
)
_GENE_URL = _PAGES[-1][2]
_OBO = re.compile(r"(MONDO|DOID|CHEBI|GO|UBERON|CL):(\d+)", re.ASCII)


class OntologyLink(NamedTuple):
    """The common name of an id's ontology, and the address of the concept's page there."""

    ontology: str
    url: str


def ontology_link(cui: str, *, genes: bool = False) -> OntologyLink | None:
    """Return the ontology and page of a single id, or None if its form does not identify them.

    Parameters
    ----------
    genes
        Whether bare numbers are NCBI Gene ids, see `holds_genes`; otherwise one of six digits is an OMIM id.

    Examples
    --------
    >>> [ontology_link(cui).ontology for cui in ("D001260", "C566865", "C0004135", "208900", "HP:0001251")]
    ['MeSH', 'MeSH', 'UMLS', 'OMIM', 'HPO']
    >>> ontology_link("MONDO:0008840").url
    'https://purl.obolibrary.org/obo/MONDO_0008840'
    >>> ontology_link("472", genes=True).url, ontology_link("472"), ontology_link("-1")
    ('https://www.ncbi.nlm.nih.gov/gene/472', None, None)
    """
    if genes and _is_number(cui):
        return OntologyLink("NCBI Gene", _GENE_URL.format(cui))
    for ontology, pattern, url in _PAGES:
        if found := pattern.fullmatch(cui):
            return OntologyLink(ontology, url.format(found[1]))
    if found := _OBO.fullmatch(cui):
        return OntologyLink(found[1], f"https://purl.obolibrary.org/obo/{found[1]}_{found[2]}")
    return None


def holds_genes(cuis: Iterable[str]) -> bool:
    """Return whether the single ids of a dictionary are NCBI Gene ids: bare numbers of different lengths.

    OMIM's numbers all have six digits, MedDRA's codes eight; SNOMED CT has longer ones than genes.

    Examples
    --------
    >>> holds_genes(["472", "100506658"]), holds_genes(["208900", "600185"]), holds_genes(["472", "D001260"])
    (True, False, False)
    >>> holds_genes(["64572001", "12246311000119109"])
    False
    """
    lengths = set()
    for cui in cuis:
        if not _is_number(cui):
            return False
        lengths.add(len(cui))
    return len(lengths) > 1 and max(lengths) <= 9


def _is_number(cui: str) -> bool:
    return cui.isascii() and cui.isdigit()
