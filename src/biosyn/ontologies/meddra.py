"""MedDRA, a folder of ``.asc`` files whose fields each end in ``$``.

Source of the layout: the "MedDRA Distribution File Format Document". A HLGT, HLT or PT begins with its code and name; a
LLT with its code, its name and the code of its PT, and its tenth field says whether it is current (Y or N).
"""

from collections import defaultdict
from collections.abc import Container, Iterator

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Source, split_rows

# level -> the file of its parents; a row has the code of a parent, then the term's own
_LEVELS = {"hlgt": "", "hlt": "hlgt_hlt.asc", "pt": "hlt_pt.asc"}
_CURRENCY = 9


def meddra_concepts(source: Source, *, keep_suppressed: bool = False) -> Iterator[Concept]:
    """Yield high level group terms, high level terms, and preferred terms with the names of their lowest level terms.

    Parameters
    ----------
    source
        The folder, ``MedAscii`` in a release.
    keep_suppressed
        Also take the names of LLTs that are not current.
    """
    folder = source.path
    missing = [name for name in (*_LEVELS, "llt") if not (folder / f"{name}.asc").is_file()]
    if missing:
        raise InputError(f"holds no {missing[0]}.asc: give MedDRA's folder of .asc files", path=folder)
    release = _release(source.at(folder / "meddra_release.asc")) or folder.resolve().name
    for level, parents_file in _LEVELS.items():
        terms = _terms(source.at(folder / f"{level}.asc"))
        parents = _parents(source.at(folder / parents_file))
        synonyms = _synonyms(source.at(folder / "llt.asc"), terms, keep_suppressed) if level == "pt" else {}
        for code, name in terms.items():
            names = source.distinct((name, *synonyms.get(code, ())))
            yield Concept(distinct_ids(code), names, release, {"parents": tuple(parents.get(code, ()))})


def _release(source: Source) -> str:
    """Return the version, or an empty text if the folder does not name one."""
    rows = split_rows(source, separator="$", fields=2, more=True) if source.path.is_file() else iter(())
    return next((f"MedDRA {fields[0]}" for _, fields in rows), "")


def _terms(source: Source) -> dict[str, str]:
    """Return code -> name."""
    terms: dict[str, str] = {}
    for number, fields in split_rows(source, separator="$", fields=2, more=True):
        code, name = fields[0].strip(), fields[1].strip()
        if not code or not name:
            source.malformed("no id or no name", "expected 'code$name$...'", line=number)
        elif code in terms:
            source.malformed("id comes again", f"the code {code} appears twice", line=number)
        else:
            terms[code] = name
    return terms


def _synonyms(source: Source, codes: Container[str], keep_suppressed: bool) -> dict[str, list[str]]:
    """Return code of a PT -> names of its LLTs, in the file's order."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for number, fields in split_rows(source, separator="$", fields=_CURRENCY + 1, more=True):
        code = fields[2].strip()
        if code not in codes:
            source.malformed("LLT of no PT", f"pt.asc has no code '{code}'", line=number)
        elif fields[_CURRENCY].strip() == "N" and not keep_suppressed:
            source.counts.note("LLT is not current")
        else:
            names[code].append(fields[1].strip())
    return names


def _parents(source: Source) -> dict[str, list[str]]:
    """Return code -> codes of its parents; the file may be missing."""
    parents: defaultdict[str, list[str]] = defaultdict(list)
    if source.path.is_file():
        for _, fields in split_rows(source, separator="$", fields=2):
            parents[fields[1].strip()].append(fields[0].strip())
    return parents
