"""The UMLS Metathesaurus in Rich Release Format: ``MRCONSO.RRF``, ``MRSTY.RRF`` and ``MRCUI.RRF``.

Each field ends in ``|``; their order is given in the "UMLS Reference Manual". A line of MRCONSO is an atom: one string
from one source, with the id of its concept (CUI). MRSTY has the semantic types. MRCUI has the retired CUIs, with the
CUI that now means the same (REL is SY) or is near (RB, RN, RO), if there is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from biosyn.data.concepts import CONSIDER, REPLACED_BY, Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Row, Source, rows_by_concept, split_rows

# CUI|LAT|TS|LUI|STT|SUI|ISPREF|AUI|SAUI|SCUI|SDUI|SAB|TTY|CODE|STR|SRL|SUPPRESS|CVF|
_FIELDS = 18
_CUI, _LAT, _TS, _STT, _ISPREF, _SAB, _CODE, _STR, _SUPPRESS = 0, 1, 2, 4, 6, 11, 13, 14, 16
_STY_FIELDS = 6  # CUI|TUI|STN|STY|ATUI|CVF|
_RETIRED_FIELDS = 7  # CUI1|VER|REL|RELA|MAPREASON|CUI2|MAPIN|
_CUI1, _REL, _CUI2 = 0, 2, 5
_MEANING = {"SY": REPLACED_BY, "RB": CONSIDER, "RN": CONSIDER, "RO": CONSIDER}  # others have no CUI2
_SUPPRESSED = frozenset("OEY")  # obsolete; suppressed by the editors; suppressed by the source or the user


class _Wanted(NamedTuple):
    """The atoms to take."""

    sources: Sequence[str]
    languages: Sequence[str]
    keep_suppressed: bool

    def objection(self, atom: list[str]) -> str | None:
        """Return the reason to leave an atom out, or None."""
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
    """Yield the concept of each CUI with at least one wanted atom, the Metathesaurus's preferred string first.

    If ``MRCUI.RRF`` is in the same folder, the retired CUIs follow as obsolete concepts; where concepts were left out,
    only those that a remaining one replaces.

    Parameters
    ----------
    source
        ``MRCONSO.RRF``, gzip or not, or its folder. Rows of one CUI must be consecutive, as in every release.
    sources
        Abbreviations of sources (SAB) such as ``MSH``; an empty sequence takes all.
    languages
        Languages of strings (LAT); the preferred name is in the first of them that the concept has.
    semantic_types
        Ids of semantic types (TUI) such as ``T047``: take the concepts that have any of them according to
        ``MRSTY.RRF`` in the same folder; an empty sequence takes all.
    keep_suppressed
        Also take obsolete and suppressed atoms.
    """
    source = source.at(_file_of(source.path, "MRCONSO.RRF"))
    cuis = _cuis_of(source.at(_file_of(source.path.parent, "MRSTY.RRF")), semantic_types) if semantic_types else None
    wanted = _Wanted(sources, languages, keep_suppressed)
    live: dict[str, bool] = {}  # CUI -> whether it was taken
    for cui, atoms in rows_by_concept(_atoms(source), source, key=lambda fields: fields[_CUI]):
        if cuis is not None and cui not in cuis:
            source.counts.note("semantic type", len(atoms))
            live[cui] = False
            continue
        kept = []
        for _, atom in atoms:
            objection = wanted.objection(atom)
            if objection is None:
                kept.append(atom)
            else:
                source.counts.note(objection)
        live[cui] = bool(kept)
        if kept:
            yield _concept(kept, source, languages=languages)
    if retired := _in_folder(source.path.parent, "MRCUI.RRF"):
        yield from _retired(source.at(retired), live)


def _retired(source: Source, live: Mapping[str, bool]) -> Iterator[Concept]:
    """Yield the retired CUIs of ``MRCUI.RRF``.

    Parameters
    ----------
    live
        Each CUI of ``MRCONSO.RRF``, and whether its concept was taken.
    """
    all_taken = all(live.values())
    rows = split_rows(source, separator="|", fields=_RETIRED_FIELDS)
    for cui, together in rows_by_concept(rows, source, key=lambda fields: fields[_CUI1].strip()):
        replacements: dict[str, dict[str, None]] = {REPLACED_BY: {}, CONSIDER: {}}
        for _, fields in together:
            if fields[_REL] in _MEANING and fields[_CUI2].strip():
                replacements[_MEANING[fields[_REL]]][fields[_CUI2].strip()] = None
        links = {key: tuple(cuis) for key, cuis in replacements.items()}
        if cui in live:
            message = f"'{cui}' is in MRCONSO.RRF too: are the two files of one release?"
            source.malformed("retired CUI that is not retired", message, line=together[0].line)
        elif not cui:
            source.malformed("no id or no name", "expected a CUI", line=together[0].line)
        elif all_taken or any(live.get(each) for cuis in links.values() for each in cuis):
            source.counts.note("obsolete")
            yield Concept((cui,), (), source.path.name, links, obsolete=True)


def _atoms(source: Source) -> Iterator[Row[list[str]]]:
    for row in split_rows(source, separator="|", fields=_FIELDS):
        if row.content[_CUI].strip() and row.content[_STR].strip():
            yield row
        else:
            source.malformed("no id or no name", "expected a CUI and a string", line=row.line)


def _concept(atoms: list[list[str]], source: Source, *, languages: Sequence[str]) -> Concept:
    """Return the concept of some atoms; first the preferred form of the preferred term, as the Metathesaurus says."""
    preferred = min(
        atoms,
        key=lambda atom: (languages.index(atom[_LAT]), atom[_TS] != "P", atom[_STT] != "PF", atom[_ISPREF] != "Y"),
    )
    ordered = sorted(atoms, key=lambda atom: atom is not preferred)  # the others keep the file's order
    names = source.distinct(atom[_STR].strip() for atom in ordered)
    xrefs = dict.fromkeys(f"{atom[_SAB]}:{atom[_CODE]}" for atom in atoms if atom[_CODE] not in ("", "NOCODE"))
    return Concept((preferred[_CUI],), names, source.path.name, {"xrefs": tuple(xrefs)})


def _cuis_of(source: Source, semantic_types: Sequence[str]) -> set[str]:
    rows = split_rows(source, separator="|", fields=_STY_FIELDS)
    return {fields[0] for _, fields in rows if fields[1] in semantic_types}


def _file_of(path: Path, name: str) -> Path:
    """Return a file's own path; for a folder, that of the file of this name in it, gzip or not."""
    if not path.is_dir():
        return path
    found = _in_folder(path, name)
    if found is None:
        raise InputError(f"holds no {name}: copy it from the UMLS release", path=path)
    return found


def _in_folder(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)
