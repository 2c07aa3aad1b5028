"""The verb of inference.py --input: a file of mentions in, the same file with their links out."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from biosyn import __version__
from biosyn.concept_ids import NO_CONCEPT
from biosyn.distributed.ranks import is_first, led, size
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.linking.journal import Done, PartialOutput
from biosyn.linking.loading import load_linker
from biosyn.linking.steps import LinkSteps, Prepared, Step, link_steps, run_steps, steps
from biosyn.mention_files.formats import MentionFile, Wanted, format_of
from biosyn.mention_files.units import ID, NAME, PROBABILITY, SCORE, Link
from biosyn.model.linker import Linker
from biosyn.records import MentionPrediction
from biosyn.retrieval.confidence import is_unsure
from biosyn.settings.verbs import DOCUMENT_FORMATS, LinkConfig
from biosyn.text.abbreviations import AbbreviationFinder, abbreviation_finder
from biosyn.text.cleaning import Preparation, mention_problem
from biosyn.text.preprocess import TextPreprocess, read_typos

logger = logging.getLogger(__name__)
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")  # in a column, or in XML


def link_file(config: LinkConfig) -> dict[str, Any]:
    """Link every mention of a file and write the file again with the links in it; return the counts.

    The whole input is read once before the model is, so that a bad record is found in seconds and not after hours.
    Of several ranks the first reads and writes, and all link: a step each.

    Raises
    ------
    InputError
        If a record is bad and ``on_error`` is ``fail``, the file cannot be read to its end, a file or package is
        missing, or the run to be resumed is another one.
    """
    started = time.monotonic()
    job = open_job(config)
    mentions = survey(job.source, fail=job.fail) if is_first() else 0
    linker = load_linker(
        config.model_name_or_path,
        config.dictionary_path,
        topk=1,
        device=config.device,
        revision=config.revision,
        cache_dir=config.cache_dir,
        precision=config.precision,
        index_precision=config.index_precision,
        search_memory=config.search_memory,
        ann=config.ann,
        calibrated=config.threshold is not None,
        show_progress=config.show_progress,
    )
    with led(partial(link_steps, link=partial(best_links, linker, threshold=config.threshold))) as link:
        counts = {} if link is None else _write_linked(config, job, linker, link, mentions=mentions)
    where = {"input": config.input, "output": config.output, "format": job.source.file_format}
    return {**where, **counts, "seconds": round(time.monotonic() - started, 1)}


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


def _write_linked(config: LinkConfig, job: Job, linker: Linker, link: LinkSteps, *, mentions: int) -> dict[str, int]:
    """Write the output from where it is to its end, put it in its place and return the counts."""
    if "hybrid" in linker.biosyn.calibrations:
        job = job.with_probabilities()
    preparation = job.preparation(linker.dictionary.names)
    with PartialOutput(config.output, identity(config, job, linker), resume=config.resume) as output:
        with tqdm(total=mentions, unit="mention", disable=not config.show_progress) as bar:
            link_units(job.source, output, preparation, link=link, fail=job.fail, progress=bar.update)
        counts = _counts(output)
        output.publish(keep_errors=not job.fail)
    return counts


def link_units(
    source: MentionFile,
    output: PartialOutput,
    preparation: Preparation,
    *,
    link: LinkSteps,
    fail: bool,
    progress: Callable[[int], object] = lambda mentions: None,
) -> None:
    """Link what is not yet done of a file, step by step; of several ranks each links one of the steps of a round.

    Parameters
    ----------
    link
        Clean texts of each step in, the best link of each out.
    fail
        End at the first bad record; else it stays as it is, and is written to the errors file.
    progress
        Called with the number of mentions of each step.
    """
    if output.done.finished:
        return
    if output.done.units:
        logger.info("going on after %d mentions", output.done.mentions)
    progress(output.done.mentions)
    with source.units() as units:
        remaining = steps(islice(units, output.done.units, None))
        while units_of_steps := list(islice(remaining, size())):
            linked = run_steps(units_of_steps, preparation, output.state, link)
            for units_of_step, step in zip(units_of_steps, linked, strict=True):
                if step.bad and fail:
                    raise _bad_record(step.bad[0].mention.place, step.bad[0].problem)
                output.write(step.output, map(_error_json, step.bad), _counted(output.done, len(units_of_step), step))
                progress(step.mentions)


def survey(source: MentionFile, *, fail: bool) -> int:
    """Read the whole file without linking anything; return how many mentions it holds.

    Raises
    ------
    InputError
        If it cannot be read to its end; with ``fail`` also at the first bad record.
    """
    count = 0
    with source.units() as units:
        for unit in units:
            count += len(unit.mentions)
            for mention in unit.mentions if fail else ():
                if problem := mention.problem or mention_problem(mention.text):
                    raise _bad_record(mention.place, problem)
    return count


def best_links(linker: Linker, texts: Sequence[str], *, threshold: float | None = None) -> list[Link]:
    """Return the best link of each clean text; one to ``-1``, with the best name's score, below the threshold."""
    return [_link(prediction, threshold) for prediction in linker.link(texts, topk=1)]


def _link(prediction: MentionPrediction, threshold: float | None) -> Link:
    best = prediction.candidates[0]
    if is_unsure(prediction.probability, threshold):
        return Link(NO_CONCEPT, "", best.score, prediction.probability)
    return Link(best.cui, _UNWRITABLE.sub(" ", best.name), best.score, prediction.probability)


def _bad_record(place: str, problem: str) -> InputError:
    """Return the error for a bad record."""
    return InputError(f"{place}: {problem} (--on_error skip leaves such records as they are)")


def _error_json(bad: Prepared) -> dict[str, str]:
    """Return a bad record's line of the errors file."""
    return {"place": bad.mention.place, "problem": bad.problem, "record": bad.mention.text[:400]}


def _counts(output: PartialOutput) -> dict[str, int]:
    done = output.done
    distinct = output.state.distinct()
    return {"mentions": done.mentions, "linked": done.linked, "distinct": distinct, "skipped": done.skipped}


def _counted(done: Done, units: int, step: Step) -> Done:
    return done._replace(
        units=done.units + units,
        mentions=done.mentions + step.mentions,
        linked=done.linked + step.mentions - len(step.bad),
        skipped=done.skipped + len(step.bad),
    )


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
        settings["approximate"] = linker.approximate.key.folder_name()
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
