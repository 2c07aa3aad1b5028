"""What a run over a file of mentions is made of: the file, its cleaning, and all that its output depends on."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from biosyn import __version__
from biosyn.data.concepts import CONCEPTS_FILE
from biosyn.errors import InputError
from biosyn.files import canonical_json, is_there, sha256_of
from biosyn.index.key import FORMAT_VERSION
from biosyn.linking.steps import UNITS_VERSION
from biosyn.mention_files.added_columns import CONCEPT, ID, NAME, PROBABILITY, SCORE
from biosyn.mention_files.formats import MentionFile, Wanted, format_of
from biosyn.model.linker import Linker
from biosyn.settings.verbs import DELIMITERS, DOCUMENT_FORMATS, TABLE_FORMATS, LinkConfig
from biosyn.text.abbreviations import AbbreviationFinder, abbreviation_finder
from biosyn.text.mentions import MentionCleaner


class Table(NamedTuple):
    """How a table is written: the settings of `LinkConfig`, None for what the format has."""

    delimiter: str | None = None
    quotes: str | None = None
    header: str | None = None


_AS_THE_FORMAT = Table()


def open_source(
    path: str | Path,
    *,
    file_format: str | None = None,
    column: str = LinkConfig.column,
    field: str = LinkConfig.field,
    table: Table = _AS_THE_FORMAT,
    types: frozenset[str] | None = None,
    add: str | None = None,
    all_ids: bool = False,
) -> MentionFile:
    """Return a file of mentions, of the format given or found; an InputError for a setting that the format lacks.

    With ``all_ids`` nothing is added about the concept, as none is chosen.
    """
    file_format = file_format or format_of(path, column=column, field=field)
    if types is not None and file_format not in DOCUMENT_FORMATS:
        raise InputError(f"--types needs mentions with a type, which {file_format} has not")
    given = {"column": column, **table._asdict()}
    for flag, value, formats in (*((key, given[key], TABLE_FORMATS) for key in given), ("field", field, ("jsonl",))):
        if file_format not in formats and value != getattr(LinkConfig, flag):
            raise InputError(
                f"--{flag} goes with {' and '.join(formats)}, the input is read as {file_format}: see --format"
            )
    # six columns are PubTator, more are not; and brat has a place for ids
    add = add or ("id" if file_format in ("pubtator", "brat") else "all")
    keys = (ID,) if add == "id" else (ID, NAME, SCORE) if all_ids else (ID, NAME, SCORE, *CONCEPT)
    written = Table(DELIMITERS.get(table.delimiter or "", table.delimiter), table.quotes, table.header)
    return MentionFile(Path(path), file_format, Wanted(column, field, types, keys, *written))


def with_probabilities(source: MentionFile) -> MentionFile:
    """Return the file, to which probabilities are added wherever scores are."""
    keys = source.wanted.keys
    if SCORE not in keys:
        return source
    after = keys.index(SCORE) + 1
    return source._replace(wanted=source.wanted._replace(keys=(*keys[:after], PROBABILITY, *keys[after:])))


def abbreviation_method(asked: str | None, file_format: str) -> str:
    """Return the method that finds abbreviations: Ab3P by default where there are documents."""
    if asked not in (None, "none") and file_format not in DOCUMENT_FORMATS:
        raise InputError(f"--abbreviations {asked} needs documents, which {file_format} has not")
    return asked or ("ab3p" if file_format in DOCUMENT_FORMATS else "none")


def file_cleaner(
    find_abbreviations: AbbreviationFinder,
    *,
    typos: Mapping[str, str] | None = None,
    names: frozenset[str] | None = None,
    is_name: Callable[[str], bool] | None = None,
) -> MentionCleaner:
    """Return the cleaner of a file's mentions, which refuses what would break a table and what is too long."""
    return MentionCleaner(find_abbreviations, typos=typos, names=names, is_name=is_name, printable=True)


def finder_of(method: str) -> AbbreviationFinder:
    """Return the method's finder of abbreviations; an InputError that names another one where its package is absent."""
    try:
        return abbreviation_finder(method)
    except InputError as error:
        raise InputError(f"{error}, or choose another --abbreviations: none expands none") from error


def identity(
    config: LinkConfig, source: MentionFile, linker: Linker, *, method: str, typos: Mapping[str, str]
) -> dict[str, Any]:
    """Return all that the output depends on, as JSON; a run is resumed only if it is the same."""
    model = asdict(linker.index_key)
    del model["dictionary"]  # it has an entry of its own
    calibration = linker.biosyn.calibrations.get("hybrid")
    settings = {
        "format": source.file_format,
        **source.wanted._asdict(),
        "types": sorted(source.wanted.types or ()),
        "all": config.types is None,
        "abbreviations": method,
        "typos": dict(typos),
        "threshold": config.threshold,
        "calibration": calibration and calibration.to_json(),
        "composites": config.split_composites,
        "exact_first": config.exact_first,
        **({"rerank": [config.rerank, linker.reranker.reranking.to_json()]} if linker.reranker else {}),
        "packed": config.output.endswith(".gz"),
        "keys": list(source.wanted.keys),
        "ids": config.ids,
    }
    if linker.approximate is not None:
        settings["approximate"] = linker.approximate.key.folder_name()
    return {
        # first, as it explains another index key
        "version of BioSyn": f"{__version__}, index {FORMAT_VERSION}, units {UNITS_VERSION}",
        "input": [sha256_of(path) for path in (Path(config.input), *source.others())],
        "dictionary": linker.dictionary.sha256,
        "concepts": _resolution(linker),
        "model": {**model, "sparse_weight": linker.biosyn.sparse_weight},
        "machine": {"device": linker.biosyn.device.type, "search_memory": config.search_memory},  # affect the rounding
        "settings": settings,
    }


def _resolution(linker: Linker) -> dict[str, Any]:
    """Return all that decides which of its concepts a name stands for."""
    path, annotations = linker.dictionary.path.with_name(CONCEPTS_FILE), linker.biosyn.annotations
    return {
        "file": sha256_of(path) if is_there(path) else None,
        "vocabularies": [row.prefix for row in linker.resolver.vocabularies],
        "annotations": annotations and sha256(canonical_json(annotations.to_json())).hexdigest(),
    }
