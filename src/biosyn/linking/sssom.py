"""SSSOM mapping sets as TSV: a header of ``#`` lines, which are YAML, then a table with one mapping a row.

Source: https://mapping-commons.github.io/sssom/ (version 1.1). It is written here, because sssom-py, which validates
what is written (tests/linking/test_map.py), installs more than 70 packages for it.
"""

import csv
import io
import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from biosyn.data.vocabularies import prefix_map
from biosyn.files import json_text
from biosyn.writing import write_text

EXACT, CLOSE, BROAD, NARROW = (f"skos:{kind}Match" for kind in ("exact", "close", "broad", "narrow"))
LEXICAL, SEMANTIC = "semapv:LexicalMatching", "semapv:SemanticSimilarityThresholdMatching"
PREFERRED, OTHER_NAME = "skos:prefLabel", "skos:altLabel"  # the fields of a name
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # of YAML
LITERAL = "rdfs literal"  # the type of a subject without an id


class Mapping(NamedTuple):
    """A row of a mapping set; the columns in the order of the standard, empty where there is nothing to say."""

    subject_id: str
    subject_label: str
    predicate_id: str
    object_id: str
    object_label: str
    mapping_justification: str
    confidence: str
    subject_match_field: str
    object_match_field: str
    match_string: str
    other: str
    comment: str


def write_mappings(path: str | Path, mappings: Sequence[Mapping], header: Dict[str, str]) -> None:
    """Write a mapping set; a column without any value is left out.

    Parameters
    ----------
    header
        What holds for the whole set, by the standard's keys; without a ``mapping_set_id`` the content gives one.
    """
    curies = [cui for each in mappings for cui in (each.subject_id, each.object_id) if cui]
    filled = [name for at, name in enumerate(Mapping._fields) if any(each[at] for each in mappings)]
    written = io.StringIO()
    table = csv.writer(written, delimiter="\t", lineterminator="\n")
    table.writerow(filled or Mapping._fields)
    table.writerows([" ".join(getattr(each, name).split()) for name in filled] for each in mappings)
    values = {key: value for key, value in header.items() if value}
    values.setdefault("mapping_set_id", uuid5(NAMESPACE_URL, f"{values}{written.getvalue()}").urn)
    if not any(each.subject_id for each in mappings):
        values["subject_type"] = LITERAL
    # JSON is YAML, and needs no rule about what to quote
    lines = [f"#{key}: {json_text(value)}\n" for key, value in sorted(values.items())]
    prefixes = [f"#  {_key(prefix)}: {json_text(base)}\n" for prefix, base in prefix_map(curies).items()]
    write_text(
        path, "".join(["#curie_map:\n" if prefixes else "#curie_map: {}\n", *prefixes, *lines, written.getvalue()])
    )


def _key(prefix: str) -> str:
    """Return a prefix as a key of YAML: in quotes where it would be a truth value, or no plain text."""
    is_plain = re.fullmatch(r"[A-Za-z][\w.-]*", prefix) and prefix.lower() not in _WORDS
    return prefix if is_plain else json_text(prefix)
