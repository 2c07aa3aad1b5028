"""What a run is of: its file, how mentions are prepared, and the identity by which it can be resumed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from biosyn import __version__
from biosyn.config import DOCUMENT_FORMATS, LinkConfig
from biosyn.data.typos import read_typos
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.mention_files.formats import MentionFile, Wanted, format_of
from biosyn.mention_files.units import ID, NAME, PROBABILITY, SCORE
from biosyn.model.linker import Linker
from biosyn.text.abbreviations import AbbreviationFinder, abbreviation_finder
from biosyn.text.cleaning import Preparation
from biosyn.text.preprocess import TextPreprocess


class Job(NamedTuple):
    """A run's settings, with its files found good and its packages there."""

    source: MentionFile
    method: str
    find_abbreviations: AbbreviationFinder
    typos: Mapping[str, str]
    split_composites: bool
    fail: bool

    def with_probabilities(self) -> "Job":
        """Return the job that also writes probabilities, where it writes scores."""
        wanted = self.source.wanted
        keys = (*wanted.keys, PROBABILITY) if SCORE in wanted.keys else wanted.keys
        return self._replace(source=self.source._replace(wanted=wanted._replace(keys=keys)))

    def preparation(self, names: Iterable[str]) -> Preparation:
        """Return what is done to every mention; the names are those of the dictionary."""
        cleaned = set(map(TextPreprocess().run, names)) if self.split_composites else None
        return Preparation(self.find_abbreviations, typos=self.typos, names=cleaned)


def open_job(config: LinkConfig) -> Job:
    """Find out the format and its defaults, and check what is cheap to check.

    Raises
    ------
    InputError
        If a setting does not go with the format, a file cannot be read, or a package is missing.
    """
    if Path(config.output).is_dir():
        raise InputError("is a folder: name a file for --output", path=config.output)
    if Path(config.output).resolve() == Path(config.input).resolve():
        raise InputError("is the input too: choose another --output", path=config.output)
    file_format = config.format or format_of(config.input)
    has_documents = file_format in DOCUMENT_FORMATS
    if config.types is not None and not has_documents:
        raise InputError(f"--types needs mentions with a type, which {file_format} has not")
    if config.abbreviations not in (None, "none") and not has_documents:
        raise InputError(f"--abbreviations {config.abbreviations} needs documents, which {file_format} has not")
    for flag, formats in (("column", ("csv", "tsv")), ("field", ("jsonl",))):
        if file_format not in formats and getattr(config, flag) != getattr(LinkConfig, flag):
            raise InputError(
                f"--{flag} goes with {' and '.join(formats)}, the input is read as {file_format}: see --format"
            )
    add = config.add or ("id" if file_format == "pubtator" else "all")  # six columns are PubTator, more are not
    keys = (ID,) if add == "id" else (ID, NAME, SCORE)
    method = config.abbreviations or ("ab3p" if has_documents else "none")
    return Job(
        MentionFile(Path(config.input), file_format, Wanted(config.column, config.field, config.mention_types, keys)),
        method,
        _finder(method),
        read_typos(config.typo_path) if config.typo_path else {},
        config.split_composites,
        config.on_error == "fail",
    )


def identity(config: LinkConfig, job: Job, linker: Linker) -> dict[str, Any]:
    """Return all that the output depends on, as JSON; a run is resumed only if it is the same."""
    model = asdict(linker.index_key)
    del model["dictionary"]  # it has an entry of its own
    wanted = {
        **job.source.wanted._asdict(),
        "types": sorted(job.source.wanted.types or ()),
        "all": config.types is None,
    }
    settings = {"format": job.source.file_format, **wanted, "abbreviations": job.method, "typos": dict(job.typos)}
    calibration = linker.biosyn.calibrations.get("hybrid")
    settings |= {"threshold": config.threshold, "calibration": calibration and calibration.to_json()}
    settings |= {"composites": job.split_composites, "packed": config.output.endswith(".gz")}
    if linker.approximate is not None:
        settings["approximate"] = linker.approximate.header.key.folder_name()
    return {
        "input": sha256_of(config.input),
        "dictionary": sha256_of(config.dictionary_path),
        "model": {**model, "sparse_weight": linker.biosyn.sparse_weight},
        "machine": {"device": linker.biosyn.device.type, "search_memory": config.search_memory},  # they round otherwise
        "settings": {**settings, "keys": list(job.source.wanted.keys)},
        "version": __version__,
    }


def _finder(method: str) -> AbbreviationFinder:
    try:
        return abbreviation_finder(method)
    except InputError as error:
        raise InputError(f"{error}, or choose another --abbreviations: none expands none") from error
