"""The UMLS Metathesaurus in Rich Release Format: ``MRCONSO.RRF``, and ``MRSTY.RRF`` for the semantic types.

Fields each end in ``|``; their order is that of the "UMLS Reference Manual". A line of MRCONSO is an atom: one string
of one source, with the id of the concept (CUI) that it belongs to.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from biosyn.data.ontologies.reading import Reading
from biosyn.data.ontologies.rows import Row, rows_by_concept, split_rows
from biosyn.data.ontology import Concept
from biosyn.errors import InputError

# CUI|LAT|TS|LUI|STT|SUI|ISPREF|AUI|SAUI|SCUI|SDUI|SAB|TTY|CODE|STR|SRL|SUPPRESS|CVF|
_FIELDS = 18
_CUI, _LAT, _TS, _STT, _ISPREF, _SAB, _CODE, _STR, _SUPPRESS = 0, 1, 2, 4, 6, 11, 13, 14, 16
_STY_FIELDS = 6  # CUI|TUI|STN|STY|ATUI|CVF|
_SUPPRESSED = frozenset("OEY")  # obsolete; by the editors; by the source or the user


def umls_concepts(
    path: Path,
    reading: Reading,
    *,
    sources: Sequence[str] = (),
    languages: Sequence[str] = ("ENG",),
    semantic_types: Sequence[str] = (),
    keep_suppressed: bool = False,
) -> Iterator[Concept]:
    """Yield the concept of each CUI that has an atom left, the Metathesaurus's preferred string first.

    Parameters
    ----------
    path
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
    path = _file_of(path, "MRCONSO.RRF")
    wanted = _cuis_of(path.parent, semantic_types, reading) if semantic_types else None
    rows = split_rows(path, reading, separator="|", fields=_FIELDS)
    for cui, atoms in rows_by_concept(rows, lambda fields: fields[_CUI], path, reading):
        if wanted is not None and cui not in wanted:
            reading.drop("semantic type", len(atoms))
            continue
        kept = [atom for atom in atoms if _is_kept(atom, path, reading, sources, languages, keep_suppressed)]
        if kept:
            yield _concept(cui, [atom.content for atom in kept], languages, path.name, reading)


def _is_kept(
    atom: Row[list[str]],
    path: Path,
    reading: Reading,
    sources: Sequence[str],
    languages: Sequence[str],
    keep_suppressed: bool,
) -> bool:
    fields = atom.content
    if not fields[_CUI].strip() or not fields[_STR].strip():
        reading.malformed("no id or no name", "expected a CUI and a string", path=path, line=atom.line)
    elif fields[_LAT] not in languages:
        reading.drop("language")
    elif sources and fields[_SAB] not in sources:
        reading.drop("source")
    elif fields[_SUPPRESS] in _SUPPRESSED and not keep_suppressed:
        reading.drop("suppressed")
    else:
        return True
    return False


def _concept(cui: str, atoms: list[list[str]], languages: Sequence[str], source: str, reading: Reading) -> Concept:
    """Put the string first that the Metathesaurus prefers: of the preferred term, in its preferred form."""
    preferred = min(
        atoms,
        key=lambda atom: (languages.index(atom[_LAT]), atom[_TS] != "P", atom[_STT] != "PF", atom[_ISPREF] != "Y"),
    )
    first = sorted(atoms, key=lambda atom: atom is not preferred)  # the others stay in the file's order
    xrefs = dict.fromkeys(f"{atom[_SAB]}:{atom[_CODE]}" for atom in atoms if atom[_CODE] not in ("", "NOCODE"))
    names = reading.distinct(atom[_STR].strip() for atom in first)
    return Concept((cui,), names, source, {"xrefs": tuple(xrefs)})


def _cuis_of(folder: Path, semantic_types: Sequence[str], reading: Reading) -> set[str]:
    path = _file_of(folder, "MRSTY.RRF")
    rows = split_rows(path, reading, separator="|", fields=_STY_FIELDS)
    return {fields[0] for _, fields in rows if fields[1] in semantic_types}


def _file_of(path: Path, name: str) -> Path:
    """Return a file as it is, and of a folder the file of that name, gzip or not."""
    if not path.is_dir():
        return path
    found = next((file for file in (path / name, path / f"{name}.gz") if file.is_file()), None)
    if found is None:
        raise InputError(f"holds no {name}: take it out of the UMLS release", path=path)
    return found
