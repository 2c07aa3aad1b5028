"""The UMLS Metathesaurus in Rich Release Format: ``MRCONSO.RRF``, and ``MRSTY.RRF`` for the semantic types.

Fields each end in ``|``; their order is that of the "UMLS Reference Manual". A line of MRCONSO is an atom: one string
of one source, with the id of the concept (CUI) that it belongs to.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Row, Source, rows_by_concept, split_rows

# CUI|LAT|TS|LUI|STT|SUI|ISPREF|AUI|SAUI|SCUI|SDUI|SAB|TTY|CODE|STR|SRL|SUPPRESS|CVF|
_FIELDS = 18
_CUI, _LAT, _TS, _STT, _ISPREF, _SAB, _CODE, _STR, _SUPPRESS = 0, 1, 2, 4, 6, 11, 13, 14, 16
_STY_FIELDS = 6  # CUI|TUI|STN|STY|ATUI|CVF|
_SUPPRESSED = frozenset("OEY")  # obsolete; by the editors; by the source or the user


class _Wanted(NamedTuple):
    """Which atoms of a concept are taken."""

    sources: Sequence[str]
    languages: Sequence[str]
    keep_suppressed: bool

    def objection(self, atom: list[str]) -> str | None:
        """Return the reason to leave an atom out."""
        if atom[_LAT] not in self.languages:
            return "language"
        if self.sources and atom[_SAB] not in self.sources:
            return "source"
        if atom[_SUPPRESS] in _SUPPRESSED and not self.keep_suppressed:
            return "suppressed"
        return None


def umls_concepts(
    source: Source,
    *,
    sources: Sequence[str] = (),
    languages: Sequence[str] = ("ENG",),
    semantic_types: Sequence[str] = (),
    keep_suppressed: bool = False,
) -> Iterator[Concept]:
    """Yield the concept of each CUI that has an atom left, the Metathesaurus's preferred string first.

    Parameters
    ----------
    source
        ``MRCONSO.RRF``, gzip or not, or the folder that it lies in. Rows of one CUI must stand together, as in every
        release.
    sources
        Abbreviations (SAB) such as ``MSH``; none takes all.
    languages
        Of strings (LAT); the preferred name is of the first that the concept has.
    semantic_types
        Ids (TUI) such as ``T047``: concepts of any of them, as ``MRSTY.RRF`` beside it says; none takes all.
    keep_suppressed
        Take the atoms that are obsolete or suppressible, too.

    Raises
    ------
    InputError
        If a file is missing.
    """
    source = source.at(_file_of(source.path, "MRCONSO.RRF"))
    cuis = _cuis_of(source.at(_file_of(source.path.parent, "MRSTY.RRF")), semantic_types) if semantic_types else None
    wanted = _Wanted(sources, languages, keep_suppressed)
    for cui, atoms in rows_by_concept(_atoms(source), source, key=lambda fields: fields[_CUI]):
        if cuis is not None and cui not in cuis:
            source.counts.note("semantic type", len(atoms))
            continue
        kept = []
        for _, atom in atoms:
            objection = wanted.objection(atom)
            if objection is None:
                kept.append(atom)
            else:
                source.counts.note(objection)
        if kept:
            yield _concept(kept, source, languages=languages)


def _atoms(source: Source) -> Iterator[Row[list[str]]]:
    for row in split_rows(source, separator="|", fields=_FIELDS):
        if row.content[_CUI].strip() and row.content[_STR].strip():
            yield row
        else:
            source.malformed("no id or no name", "expected a CUI and a string", line=row.line)


def _concept(atoms: list[list[str]], source: Source, *, languages: Sequence[str]) -> Concept:
    """Put the string first that the Metathesaurus prefers: of the preferred term, in its preferred form."""
    preferred = min(
        atoms,
        key=lambda atom: (languages.index(atom[_LAT]), atom[_TS] != "P", atom[_STT] != "PF", atom[_ISPREF] != "Y"),
    )
    ordered = sorted(atoms, key=lambda atom: atom is not preferred)  # the others stay in the file's order
    names = source.distinct(atom[_STR].strip() for atom in ordered)
    xrefs = dict.fromkeys(f"{atom[_SAB]}:{atom[_CODE]}" for atom in atoms if atom[_CODE] not in ("", "NOCODE"))
    return Concept((preferred[_CUI],), names, source.path.name, {"xrefs": tuple(xrefs)})


def _cuis_of(source: Source, semantic_types: Sequence[str]) -> set[str]:
    rows = split_rows(source, separator="|", fields=_STY_FIELDS)
    return {fields[0] for _, fields in rows if fields[1] in semantic_types}


def _file_of(path: Path, name: str) -> Path:
    """Return a file as it is, and of a folder the file of that name, gzip or not."""
    if not path.is_dir():
        return path
    found = next((file for file in (path / name, path / f"{name}.gz") if file.is_file()), None)
    if found is None:
        raise InputError(f"holds no {name}: take it out of the UMLS release", path=path)
    return found
