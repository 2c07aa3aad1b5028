"""The vocabularies that ids come from: their prefixes (CURIEs), the pages of their concepts, the order of preference.

A dictionary has bare ids (``D001260``, ``208900``) or ids with a prefix (``HP:0000400``). ``vocabularies.json`` beside
it says which vocabularies its bare ids are of, the preferred one first.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from biosyn.concept_ids import NO_CONCEPT, PREFIXES, split_ids
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.files import is_there, read_json
from biosyn.writing import write_json

VOCABULARIES_FILE = "vocabularies.json"  # in the dictionary's folder
_KEY = "vocabularies"
_OBO_PAGE = "https://purl.obolibrary.org/obo/{prefix}_{id}"


class Vocabulary(NamedTuple):
    """A source of ids, or a part of it: MeSH has two, of which the descriptors are preferred.

    Attributes
    ----------
    prefix
        The prefix of its CURIEs: Bioregistry's preferred spelling, or the source's own capitals where it prefers none.
    name
        The common name.
    pattern
        What an id looks like without its prefix; the whole id has to match.
    page
        The address of a concept's page, with ``{id}`` for the id without its prefix; empty if there is no public one.
    part
        What distinguishes a part from the others of the same prefix.
    base
        What stands for the prefix in a concept's IRI; empty for an address at Bioregistry.
    """

    prefix: str
    name: str
    pattern: str
    page: str = ""
    part: str = ""
    base: str = ""

    def takes(self, local: str) -> bool:
        """Return whether an id without prefix has the vocabulary's form."""
        return re.fullmatch(self.pattern, local, re.ASCII) is not None


Vocabularies = tuple[Vocabulary, ...]

_MESH_PAGE, _MESH = "https://meshb.nlm.nih.gov/record/ui?ui={id}", "http://id.nlm.nih.gov/mesh/"
_UMLS, _GENE = "https://uts.nlm.nih.gov/uts/umls/concept/", "https://www.ncbi.nlm.nih.gov/gene/"
_OBO = "http://purl.obolibrary.org/obo/{prefix}_"
# In the default order of preference. A C is followed by 6 or 9 digits in MeSH and by 7 in UMLS.
VOCABULARIES: Vocabularies = (
    Vocabulary("MESH", "MeSH", r"D(?:\d{6}|\d{9})", _MESH_PAGE, part="descriptor", base=_MESH),
    Vocabulary("MESH", "MeSH", r"C(?:\d{6}|\d{9})", _MESH_PAGE, part="supplement", base=_MESH),
    Vocabulary("OMIM", "OMIM", r"[1-6]\d{5}", "https://www.omim.org/entry/{id}", base="https://omim.org/entry/"),
    Vocabulary("UMLS", "UMLS", r"C\d{7}", f"{_UMLS}{{id}}", base=_UMLS),
    Vocabulary("MEDDRA", "MedDRA", r"\d{8}", base="http://purl.bioontology.org/ontology/MEDDRA/"),
    Vocabulary("HP", "HPO", r"\d{7}", "https://hpo.jax.org/browse/term/HP:{id}", base=_OBO.format(prefix="HP")),
    *(
        Vocabulary(prefix, prefix, r"\d+", _OBO_PAGE, base=_OBO.format(prefix=prefix))
        for prefix in ("MONDO", "DOID", "CHEBI", "GO", "UBERON", "CL")
    ),
    Vocabulary("NCBIGene", "NCBI Gene", r"\d+", f"{_GENE}{{id}}", base=_GENE),
    Vocabulary("SNOMEDCT", "SNOMED CT", r"\d{6,18}", "https://snomed.info/id/{id}", base="http://snomed.info/id/"),
)
_GUESSED = ("MESH", "OMIM", "UMLS", "MEDDRA")  # of bare ids: the forms of these exclude each other
_GENES = ("NCBIGene",)


def vocabularies_of(prefixes: Iterable[str]) -> Vocabularies:
    """Return the vocabularies of some prefixes, in this order; a prefix that is not known takes every bare id.

    Examples
    --------
    >>> [row.part or row.name for row in vocabularies_of(["OMIM", "mesh", "ICD10"])]
    ['OMIM', 'descriptor', 'supplement', 'ICD10']
    """
    found: list[Vocabulary] = []
    for prefix in prefixes:
        known = PREFIXES.get(prefix.lower())
        found += [row for row in VOCABULARIES if row.prefix == known] or [Vocabulary(prefix, prefix, r"[^:|]+")]
    return tuple(dict.fromkeys(found))


BARE: Vocabularies = vocabularies_of(_GUESSED)


class _Parsed(NamedTuple):
    """A single id: its canonical prefix, empty if it has none or an unknown one, and the rest."""

    prefix: str
    local: str


def _parsed(cui: str, vocabularies: Vocabularies) -> _Parsed:
    own = {row.prefix.lower(): row.prefix for row in vocabularies}
    prefix, local = "", cui
    while ":" in local:
        first, _, rest = local.partition(":")
        known = own.get(first.lower()) or PREFIXES.get(first.lower(), "")
        if not known or not rest.strip() or prefix not in ("", known):
            break
        prefix, local = known, rest.lstrip()
    return _Parsed(prefix, local)


def vocabulary_of(cui: str, vocabularies: Vocabularies = BARE) -> Vocabulary | None:
    """Return the vocabulary of a single id, by its prefix or, if it is bare, by its form; None if neither is known.

    Parameters
    ----------
    vocabularies
        Those that bare ids may be of; the first one that takes the id is returned.

    Examples
    --------
    >>> [row and row.name for row in map(vocabulary_of, ("D001260", "208900", "hp:0000400", "x1", "-1"))]
    ['MeSH', 'OMIM', 'HPO', None, None]
    """
    if cui == NO_CONCEPT:
        return None
    prefix, local = _parsed(cui, vocabularies)
    if not prefix:
        return next((row for row in vocabularies if row.takes(local)), None)
    rows = [row for row in (*vocabularies, *VOCABULARIES) if row.prefix == prefix]
    return next((row for row in rows if row.takes(local)), rows[0])


def curie(cui: str, vocabularies: Vocabularies = BARE) -> str:
    """Return an id with the prefix of its vocabulary, spelled in one way; never with a prefix twice.

    An id whose vocabulary is not known stays as it is. In a composite id ``x+y`` each part gets its prefix.

    Examples
    --------
    >>> [curie(cui) for cui in ("D001260", "mesh:D001260", "MeSH:MESH:D001260", "208900", "HP:0000400")]
    ['MESH:D001260', 'MESH:D001260', 'MESH:D001260', 'OMIM:208900', 'HP:0000400']
    >>> curie("672"), curie("672", vocabularies_of(["NCBIGene"])), curie("D009468+D030342"), curie("-1")
    ('672', 'NCBIGene:672', 'MESH:D009468+MESH:D030342', '-1')
    """
    parts = split_ids(cui)
    if len(parts) > 1:
        return "+".join(curie(part, vocabularies) for part in parts)
    found = vocabulary_of(cui, vocabularies)
    return cui if found is None else f"{found.prefix}:{_parsed(cui, vocabularies).local}"


def prefix_map(curies: Iterable[str]) -> dict[str, str]:
    """Return the prefixes of some CURIEs, sorted, with what stands for each in an IRI.

    Examples
    --------
    >>> prefix_map(["HP:0000400", "HP:0000001", "ICD10:A17"])
    {'HP': 'http://purl.obolibrary.org/obo/HP_', 'ICD10': 'https://bioregistry.io/ICD10:'}
    """
    bases = {row.prefix: row.base for row in VOCABULARIES}
    prefixes = sorted({each.partition(":")[0] for each in curies})
    return {prefix: bases.get(prefix) or f"https://bioregistry.io/{prefix}:" for prefix in prefixes}


def preference(cui: str, vocabularies: Vocabularies = BARE) -> int:
    """Return the place of an id's vocabulary in the order of preference, from 0; an id of none comes last.

    After those of the bare ids come the others, in the order of `VOCABULARIES`.

    Examples
    --------
    >>> preference("D001260") < preference("C566865") < preference("208900") < preference("HP:0000400")
    True
    """
    order = tuple(dict.fromkeys((*vocabularies, *VOCABULARIES)))
    found = vocabulary_of(cui, vocabularies)
    return len(order) if found is None else order.index(found)


# -- the page of a concept


class OntologyLink(NamedTuple):
    """The common name of an id's ontology, and the address of the concept's page there."""

    ontology: str
    url: str


def ontology_link(cui: str, vocabularies: Vocabularies = BARE) -> OntologyLink | None:
    """Return the ontology and page of a single id, or None if its form does not identify them.

    Examples
    --------
    >>> [ontology_link(cui).ontology for cui in ("D001260", "C566865", "C0004135", "208900", "HP:0001251")]
    ['MeSH', 'MeSH', 'UMLS', 'OMIM', 'HPO']
    >>> ontology_link("MONDO:0008840").url
    'https://purl.obolibrary.org/obo/MONDO_0008840'
    >>> ontology_link("472", vocabularies_of(["NCBIGene"])).url, ontology_link("472"), ontology_link("-1")
    ('https://www.ncbi.nlm.nih.gov/gene/472', None, None)
    """
    found, local = vocabulary_of(cui, vocabularies), _parsed(cui, vocabularies).local
    if found is None or not found.page or not found.takes(local):
        return None
    return OntologyLink(found.name, found.page.format(prefix=found.prefix, id=local))


# -- the vocabularies of a dictionary's bare ids


def write_vocabularies(path: Path, prefixes: Sequence[str]) -> None:
    """Write ``vocabularies.json``: the prefixes of a dictionary's bare ids, the preferred one first."""
    write_json(path, {_KEY: list(prefixes)})


def vocabularies_beside(dictionary: DictionaryDataset) -> Vocabularies:
    """Return the vocabularies of the dictionary's bare ids: from ``vocabularies.json`` in its folder, or guessed.

    The guess: NCBI Gene if all ids are bare numbers of different lengths, otherwise by the form of each id.
    """
    path = dictionary.path.with_name(VOCABULARIES_FILE)
    if is_there(path):
        prefixes = read_json(path).get(_KEY)
        if isinstance(prefixes, list) and all(isinstance(one, str) and _is_prefix(one) for one in prefixes):
            return vocabularies_of(prefixes)
        raise InputError(f'expected {{"{_KEY}": ["MESH", "OMIM"]}}, the preferred prefix first', path=path)
    cuis = (cui for field, _ in groupby(dictionary.cuis) for cui in split_ids(field))  # names of one concept follow
    return vocabularies_of(_GENES) if holds_genes(cuis) else BARE


def guessed_prefixes(cuis: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes of the vocabularies that the bare ids among single ids are of, by their forms.

    Examples
    --------
    >>> guessed_prefixes(["208900", "D001260", "x"]), guessed_prefixes(["672", "100506658"]), guessed_prefixes(["HP:1"])
    (('MESH', 'OMIM'), ('NCBIGene',), ())
    """
    cuis = list(cuis)
    if holds_genes(cuis):
        return _GENES
    found = {row.prefix for row in (vocabulary_of(cui) for cui in cuis if ":" not in cui) if row is not None}
    return tuple(prefix for prefix in _GUESSED if prefix in found)


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
        if not (cui.isascii() and cui.isdigit()):
            return False
        lengths.add(len(cui))
    return len(lengths) > 1 and max(lengths) <= 9


def _is_prefix(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][\w.-]*", text, re.ASCII) is not None
