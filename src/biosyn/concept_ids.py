"""Concept ids (CUIs): as they are written in files, and the two rules that compare them.

A field may hold several ids: ``|`` joins alternatives or homonyms, ``|`` or ``+`` the parts of a composite mention.
"""

import re

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
