"""MedDRA as its folder of ``.asc`` files: fields that each end in ``$``.

The layout is that of the "MedDRA Distribution File Format Document": of a HLGT, HLT or PT the code and the name come
first; of a LLT the code, the name, the code of its PT and, tenth, whether it is current (Y or N).
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from biosyn.data.ontologies.reading import Reading
from biosyn.data.ontologies.rows import split_rows
from biosyn.data.ontology import Concept, distinct_ids
from biosyn.errors import InputError

# level -> the file that holds the codes of its parents and, after them, its own
_LEVELS = {"hlgt": None, "hlt": "hlgt_hlt.asc", "pt": "hlt_pt.asc"}
_CURRENCY = 9


def meddra_concepts(path: Path, reading: Reading, *, keep_suppressed: bool = False) -> Iterator[Concept]:
    """Yield high level group terms, high level terms and preferred terms, these with their lowest level terms.

    Parameters
    ----------
    path
        The folder, ``MedAscii`` in a release.
    keep_suppressed
        Take the names of LLTs that are not current, too.

    Raises
    ------
    InputError
        If the folder lacks hlgt.asc, hlt.asc, pt.asc or llt.asc. The files of parents may be absent.
    """
    missing = [name for name in (*_LEVELS, "llt") if not (path / f"{name}.asc").is_file()]
    if missing:
        raise InputError(f"holds no {missing[0]}.asc: give MedDRA's folder of .asc files", path=path)
    source = _release(path, reading)
    for level, parents_file in _LEVELS.items():
        terms = _terms(path / f"{level}.asc", reading)
        synonyms = _synonyms(path / "llt.asc", reading, set(terms), keep_suppressed) if level == "pt" else {}
        parents = _parents(path / parents_file, reading) if parents_file else {}
        for code, name in terms.items():
            names = reading.distinct((name, *synonyms.get(code, ())))
            yield Concept(distinct_ids(code), names, source, {"parents": tuple(parents.get(code, ()))})


def _release(path: Path, reading: Reading) -> str:
    """Return the version that the folder names, else the folder's own name."""
    release = path / "meddra_release.asc"
    rows = split_rows(release, reading, separator="$", fields=2, more=True) if release.is_file() else iter(())
    row = next(rows, None)
    return f"MedDRA {row.content[0]}" if row else path.resolve().name


def _terms(path: Path, reading: Reading) -> dict[str, str]:
    """Return code -> name."""
    terms: dict[str, str] = {}
    for number, fields in split_rows(path, reading, separator="$", fields=2, more=True):
        code, name = fields[0].strip(), fields[1].strip()
        if not code or not name:
            reading.malformed("no id or no name", "expected 'code$name$...'", path=path, line=number)
        elif code in terms:
            reading.malformed("id comes again", f"the code {code} comes again", path=path, line=number)
        else:
            terms[code] = name
    return terms


def _synonyms(path: Path, reading: Reading, codes: set[str], keep_suppressed: bool) -> dict[str, list[str]]:
    """Return code of the PT -> names of its LLTs, in the file's order."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for number, fields in split_rows(path, reading, separator="$", fields=_CURRENCY + 1, more=True):
        name, code, currency = fields[1].strip(), fields[2].strip(), fields[_CURRENCY].strip()
        if code not in codes:
            reading.malformed("LLT of no PT", f"pt.asc has no code '{code}'", path=path, line=number)
        elif not name:
            reading.drop("empty name")
        elif currency == "N" and not keep_suppressed:
            reading.drop("LLT is not current")
        else:
            names[code].append(name)
    return names


def _parents(path: Path, reading: Reading) -> dict[str, list[str]]:
    """Return code -> codes of its parents, none if there is no such file."""
    parents: defaultdict[str, list[str]] = defaultdict(list)
    if path.is_file():
        for _, fields in split_rows(path, reading, separator="$", fields=2):
            parents[fields[1].strip()].append(fields[0].strip())
    return parents
