"""Tables of names with the id of each: SSSLM's, and gilda's grounding terms; gzip or not, tab-separated with quotes.

SSSLM (https://github.com/cthoyt/ssslm) has a row for each name: ``text``, ``curie``, ``name`` (the preferred one),
``predicate``, and columns that may be missing. gilda has ``text``, ``db``, ``id``, ``entry_name`` and ``status``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.data.vocabularies import curie, guessed_prefixes, vocabularies_of
from biosyn.errors import InputError
from biosyn.ontologies.source import Row, Source, delimited_rows, named_rows
from biosyn.ontologies.terms import SCOPE_OF, SCOPES, Term
from biosyn.writing import write_lines

COLUMNS = ("text", "curie", "name", "predicate", "source")  # those of SSSLM's that a concept can fill
LABEL, SYNONYM = "rdfs:label", "oboInOwl:hasRelatedSynonym"  # the latter is SSSLM's default: the scope is not known
_GILDA = ("text", "db", "id", "entry_name", "status")
_STATUS = {"name": "", "curated": "exact", "synonym": "related", "former_name": "related"}


def ssslm_concepts(
    source: Source, *, scopes: Sequence[str] = SCOPES, languages: Sequence[str] = ("en",)
) -> Iterator[Concept]:
    """Yield the concept of each id, in order of appearance; all are held in memory, as rows of one id may be apart.

    Parameters
    ----------
    scopes
        Scopes of the synonyms to take; the preferred name is always taken.
    languages
        Languages of the names to take; a name without one is taken.
    """
    rows = delimited_rows(source.lines(), source, delimiter="\t", quoted=True)
    columns = [column.strip() for column in next(rows, Row(1, [""])).content]
    if not ({"text", "curie"} <= set(columns) or set(_GILDA) <= set(columns)):
        message = f"expected SSSLM's columns text and curie, or gilda's {', '.join(_GILDA)}; found {', '.join(columns)}"
        raise InputError(message[:400], path=source.path, line=1)
    terms: dict[str, Term] = {}
    for line, row in named_rows(rows, source, columns=columns):
        cui = curie(row["curie"] if "curie" in row else _gilda_id(row))
        prefix, _, local = cui.partition(":")
        if not (row["text"] and prefix and local):
            source.malformed("no id or no name", f"expected a text and a CURIE, found '{cui}'", line=line)
        elif row.get("language", "") not in ("", *languages):
            source.counts.note("language")
        else:
            term = terms.setdefault(cui, Term(cui))
            preferred, scope = row.get("name") or row.get("entry_name") or "", _scope(row)
            term.names += [name for name in (preferred, row["text"]) if name == preferred or not scope]
            term.synonyms += [(scope, row["text"])] if scope and row["text"] != preferred else []
    for term in terms.values():
        term.names = list(dict.fromkeys(filter(None, term.names)))
        if not term.names:  # an id with synonyms alone: the first of them is what it is called
            term.names = [term.synonyms[0][1]]
        concept = term.concept(source, scopes=scopes, release=source.path.name)
        if concept is not None:
            yield concept


def _gilda_id(row: Mapping[str, str]) -> str:
    """Return the CURIE of a row: gilda writes ``CHEBI`` and ``CHEBI:1234``, but ``MESH`` and ``D001260``."""
    return row["id"] if ":" in row["id"] else f"{row['db']}:{row['id']}"


def _scope(row: Mapping[str, str]) -> str:
    """Return the scope of a row's name; an empty text for a preferred one."""
    if "curie" not in row:
        return _STATUS.get(row["status"], "related")
    predicate = row.get("predicate", "").rpartition(":")[2]
    return "" if predicate == "label" else SCOPE_OF.get(predicate, "related")


def write_ssslm(
    concepts: Iterable[Concept], output: str | Path, *, counts: ReadCounts, bare_ids: Sequence[str] | None = None
) -> dict[str, Any]:
    """Write the names of concepts as an SSSLM table, with the own id of each; return the counts.

    Alternative ids have no place in the table, nor have obsolete concepts, and those without a known prefix.

    Parameters
    ----------
    bare_ids
        The prefixes of the vocabularies of ids without prefix; None guesses them by the ids.
    """
    held = [concept for concept in concepts if concept.names]
    own = [concept.ids[0] for concept in held]
    vocabularies = vocabularies_of(guessed_prefixes(own) if bare_ids is None else bare_ids)
    pairs = [(curie(concept.ids[0], vocabularies), concept) for concept in held]
    known = [(cui, concept) for cui, concept in pairs if ":" in cui]
    counts.note("id without a known prefix", len(pairs) - len(known))
    if not known:
        raise InputError(
            f"no name of a concept with a CURIE was found (left out: {dict(counts.noted + counts.skipped)})"
        )
    rows = write_lines(output, _lines(known))
    return {
        "table": str(output),
        "concepts": len(known),
        "names": rows - 1,
        "dropped": dict(counts.noted),
        "malformed": dict(counts.skipped),
    }


def _lines(concepts: Iterable[tuple[str, Concept]]) -> Iterator[str]:
    yield "\t".join(COLUMNS)
    for cui, concept in concepts:
        for name in concept.names:
            predicate = LABEL if name == concept.preferred_name else SYNONYM
            yield "\t".join(map(_cell, (name, cui, concept.names[0], predicate, concept.source)))


def _cell(text: str) -> str:
    """Return a cell, in quotes where it holds one; blanks of any kind become one."""
    text = " ".join(text.split())
    doubled = text.replace('"', '""')
    return text if text == doubled else f'"{doubled}"'
