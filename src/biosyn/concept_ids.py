"""Concept ids (CUIs): what separates them in a field, how a prefix is spelled, and the two rules that compare them.

In every format ``|`` separates ids. A query's field (``.concept`` files, the corpora they are made from) may also join
the parts of a composite mention by ``+``; in a dictionary and an ontology a plus is part of the id. PubTator and BioC
have separators of their own besides: see `biosyn.corpora.pubtator.clean_ids`. Everything else in an id stays as it is.
"""

import re
from collections.abc import Callable

NO_CONCEPT = "-1"
_PLUS = re.compile(r"(?<=\S)\s*\+\s*(?=[^\s+])")  # with an id before and after it
# the spellings of a prefix, that of its CURIEs first; capitals make no difference
PREFIX_SPELLINGS = (
    ("MESH", "MSH"),
    ("OMIM", "MIM"),
    ("UMLS", "UMLS_CUI"),
    ("MEDDRA", "MDR"),
    ("HP", "HPO"),
    ("NCBIGene", "GeneID", "EntrezGene", "Entrez"),
    ("SNOMEDCT", "SNOMEDCT_US", "SCTID"),
    *((prefix,) for prefix in ("MONDO", "DOID", "CHEBI", "GO", "UBERON", "CL")),
)
PREFIXES = {spelling.lower(): row[0] for row in PREFIX_SPELLINGS for spelling in row}
_LEFT_OUT = PREFIX_SPELLINGS[:2]  # what our dictionaries have without prefix, whatever they are made from
_BARE = PREFIX_SPELLINGS[:4]  # the bare ids of these differ in form, so that a prefix adds nothing


def _starts_with(prefixes: tuple[tuple[str, ...], ...]) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:(?:{'|'.join(name for row in prefixes for name in row)}):\s*)+", re.IGNORECASE)


_PREFIX, _BARE_PREFIX = map(_starts_with, (_LEFT_OUT, _BARE))


def split_ids(cui: str) -> tuple[str, ...]:
    """Return the single ids of a query's field, in order, without blanks around them and empty parts.

    A plus separates only what stands between two ids: ICD's dagger is part of ``A17.0+``.

    Examples
    --------
    >>> split_ids("D001260|208900"), split_ids("D010051+D001943")
    (('D001260', '208900'), ('D010051', 'D001943'))
    >>> split_ids("A17.0+"), split_ids("A17.0++G01*")
    (('A17.0+',), ('A17.0+', 'G01*'))
    """
    parts = split_name_ids(cui)
    if "+" not in cui:
        return parts
    return tuple(part for field in parts for part in _PLUS.split(field) if part.strip("+"))


def split_name_ids(cui: str) -> tuple[str, ...]:
    """Return the ids of a dictionary's name, in order; they are split at ``|`` only.

    A composite query ``x+y`` in a dictionary keeps the single id "x+y", which is right for neither x nor y alone.

    Examples
    --------
    >>> split_name_ids("D001260|208900"), split_name_ids("D009468+D030342")
    (('D001260', '208900'), ('D009468+D030342',))
    """
    return tuple(part.strip() for part in cui.split("|") if part.strip())


def map_ids(change: Callable[[str], str], cui: str) -> str:
    """Change each single id of a query's field, and leave what separates them; runs of blanks become one.

    Examples
    --------
    >>> map_ids(str.lower, "D1 | A17.0++ICD 10")
    'd1|a17.0++icd 10'
    """
    return "|".join("+".join(change(" ".join(one.split())) for one in _PLUS.split(part)) for part in cui.split("|"))


def comparable(cui: str) -> str:
    """Return what two spellings of a single id have in common: a prefix is spelled in one way, blanks do not count.

    The prefixes of MeSH, OMIM, UMLS and MedDRA do not count either: dictionaries leave them out.

    Examples
    --------
    >>> [comparable(cui) for cui in ("MeSH:D1", "MSH:D1", "D1", "hpo:0000400", "UMLS:C0004135", "A17.0+")]
    ['D1', 'D1', 'D1', 'HP:0000400', 'C0004135', 'A17.0+']
    """
    if ":" in cui:
        prefix, colon, local = _BARE_PREFIX.sub("", cui, count=1).partition(":")
        cui = f"{PREFIXES.get(prefix.strip().lower(), prefix).upper()}:{local}" if colon else prefix
    return " ".join(cui.split())


def query_ids(cui: str) -> frozenset[str]:
    """Return the ids of a query's field as a set, for comparisons: see `split_ids` and `comparable`.

    Examples
    --------
    >>> sorted(query_ids("mesh:D010051+D001943"))
    ['D001943', 'D010051']
    """
    return frozenset(map(comparable, split_ids(cui)))


def name_ids(cui: str) -> frozenset[str]:
    """Return the ids of a dictionary's name as a set, for comparisons: see `split_name_ids` and `comparable`.

    Examples
    --------
    >>> sorted(name_ids("D001260|OMIM:208900"))
    ['208900', 'D001260']
    """
    return frozenset(map(comparable, split_name_ids(cui)))


def is_composite(cui: str) -> bool:
    """Return whether a query's field holds more than one id.

    Examples
    --------
    >>> is_composite("D001260"), is_composite("D010051|D001943"), is_composite("A17.0+")
    (False, True, False)
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
    wanted = query_ids(query_cui)
    return bool(wanted) and NO_CONCEPT not in wanted and name_ids(name_cui).issuperset(wanted)


def shares_any(gold_cui: str, name_cui: str) -> bool:
    """Return the label for evaluation: whether gold field and name have an id in common; ``-1`` is never right.

    Examples
    --------
    >>> shares_any("D010051+D001943", "D001943"), shares_any("-1", "-1")
    (True, False)
    """
    return not name_ids(name_cui).isdisjoint(query_ids(gold_cui) - {NO_CONCEPT})


def strip_prefixes(cui: str) -> str:
    """Remove ``OMIM:`` and ``MESH:``, in any spelling, from each id of a query's field; other prefixes stay.

    Examples
    --------
    >>> strip_prefixes("OMIM:208900|MeSH:D001260"), strip_prefixes("HP:0000001")
    ('208900|D001260', 'HP:0000001')
    """
    return map_ids(_without_prefix, cui)


def distinct_ids(*fields: str) -> tuple[str, ...]:
    """Return the distinct ids of several fields of an ontology, in order, without prefixes; a line end becomes a blank.

    Examples
    --------
    >>> distinct_ids("MESH:D001260", "OMIM:208900|mesh:D001260", "", "A17.0+")
    ('D001260', '208900', 'A17.0+')
    """
    ids = (" ".join(_without_prefix(part).split()) for field in fields for part in split_name_ids(field))
    return tuple(dict.fromkeys(filter(None, ids)))


def _without_prefix(cui: str) -> str:
    found = _PREFIX.match(cui)
    return cui[found.end() :] if found else cui
