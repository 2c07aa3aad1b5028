"""Where the page of a concept is: told by the id's form, since ids stand in dictionaries without their ontology."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class OntologyLink(NamedTuple):
    """The ontology that an id is of, as people call it, and the address of the concept's page there."""

    ontology: str
    url: str


# The forms exclude each other: a C is followed by 6 or 9 digits in MeSH and by 7 in UMLS.
_FORMS = tuple(
    (ontology, re.compile(form, re.ASCII), url)
    for ontology, form, url in (
        ("MeSH", r"(?:MESH:)?((?:D|C)(?:\d{6}|\d{9}))", "https://meshb.nlm.nih.gov/record/ui?ui={}"),
        ("UMLS", r"(?:UMLS:)?(C\d{7})", "https://uts.nlm.nih.gov/uts/umls/concept/{}"),
        ("OMIM", r"(?:OMIM:)?([1-6]\d{5})", "https://www.omim.org/entry/{}"),
        ("HPO", r"(HP:\d{7})", "https://hpo.jax.org/browse/term/{}"),
        ("NCBI Gene", r"(?:NCBIGene|GeneID|EntrezGene):(\d+)", "https://www.ncbi.nlm.nih.gov/gene/{}"),
    )
)
_GENE_URL = _FORMS[-1][2]
_OBO = re.compile(r"(MONDO|DOID|CHEBI|GO|UBERON|CL):(\d+)", re.ASCII)


def ontology_link(cui: str, *, genes: bool = False) -> OntologyLink | None:
    """Return where the concept of a single id is described, or None where the form tells nothing.

    Parameters
    ----------
    genes
        Whether bare numbers are NCBI Gene's, as `holds_genes` finds out; else one of six digits is OMIM's.

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
    for ontology, form, url in _FORMS:
        if found := form.fullmatch(cui):
            return OntologyLink(ontology, url.format(found[1]))
    if found := _OBO.fullmatch(cui):
        return OntologyLink(found[1], f"https://purl.obolibrary.org/obo/{found[1]}_{found[2]}")
    return None


def holds_genes(cuis: Iterable[str]) -> bool:
    """Say whether the single ids of a dictionary are NCBI Gene's: bare numbers, and not all of one length.

    OMIM's numbers all have six digits, MedDRA's codes eight.

    Examples
    --------
    >>> holds_genes(["472", "100506658"]), holds_genes(["208900", "600185"]), holds_genes(["472", "D001260"])
    (True, False, False)
    """
    lengths = set()
    for cui in cuis:
        if not _is_number(cui):
            return False
        lengths.add(len(cui))
    return len(lengths) > 1


def _is_number(cui: str) -> bool:
    return cui.isascii() and cui.isdigit()
