"""The page about a concept in its ontology, by the form of its id."""

import re
from typing import NamedTuple
from urllib.parse import quote


class OntologyPage(NamedTuple):
    """An ontology, and the address of its page about one concept."""

    ontology: str
    url: str


_FORMS = (
    (r"(?:MESH:)?([CD]\d{6,9})", "MeSH", "https://meshb.nlm.nih.gov/record/ui?ui={}"),
    (r"OMIM:(\d{6})|(\d{6})", "OMIM", "https://omim.org/entry/{}"),
    (r"(HP:\d{7})", "HPO", "https://hpo.jax.org/browse/term/{}"),
    (r"(?:UMLS:)?(C\d{7})", "UMLS", "https://uts.nlm.nih.gov/uts/umls/concept/{}"),
    (r"(?:NCBIGene:|GeneID:)(\d+)", "NCBI Gene", "https://www.ncbi.nlm.nih.gov/gene/{}"),
)


def ontology_page(cui: str) -> OntologyPage | None:
    """Return the page about an id; None where its form tells no ontology.

    Examples
    --------
    >>> ontology_page("HP:0000347").url
    'https://hpo.jax.org/browse/term/HP:0000347'
    """
    for form, ontology, url in _FORMS:
        if match := re.fullmatch(form, cui, re.ASCII):
            return OntologyPage(ontology, url.format(quote(next(filter(None, match.groups())), safe=":")))
    return None
