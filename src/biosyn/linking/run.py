"""The verb of inference.py --input: a file of mentions in, the same file with their links out."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from biosyn import __version__
from biosyn.config import DOCUMENT_FORMATS, LinkConfig
from biosyn.data.mention_files.formats import MentionFile, Wanted, format_of
from biosyn.data.mention_files.units import ID, NAME, SCORE, Link
from biosyn.data.typos import read_typos
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.inference import load_linker
from biosyn.linking.partial_output import PartialOutput
from biosyn.linking.preparation import Preparation, mention_problem
from biosyn.linking.state import Done
from biosyn.linking.steps import LinkTexts, Prepared, Step, run_step, steps
from biosyn.model.linker import Linker
from biosyn.text.abbreviations import AbbreviationFinder, abbreviation_finder
from biosyn.text.preprocess import TextPreprocess

logger = logging.getLogger(__name__)

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")  # in a column, or in XML


def link_file(config: LinkConfig) -> dict[str, Any]:
    """Link every mention of a file and write the file again with the links in it; return the counts.

    The whole input is read once before the model is, so that a bad record is found in seconds and not after hours.

    Raises
    ------
    InputError
        If a record is bad and ``on_error`` is ``fail``, the file cannot be read to its end, a file or package is
        missing, or the run to be resumed is another one.
    """
    started = time.monotonic()
    output, dictionary_path = (
        str(config.output),
        str(config.dictionary_path),
    )  # LinkConfig saw to it that they are there
    _require_other_file(config.input, output)
    source = _source(config)
    method = config.abbreviations or ("ab3p" if source.file_format in DOCUMENT_FORMATS else "none")
    find = _finder(method, source.file_format)
    typos = read_typos(config.typo_path) if config.typo_path else {}
    mentions = survey(source, fail=config.on_error == "fail")
    linker = load_linker(
        config.model_name_or_path,
        dictionary_path,
        topk=1,
        device=config.device,
        revision=config.revision,
        cache_dir=config.cache_dir,
        precision=config.precision,
        index_precision=config.index_precision,
        search_memory=config.search_memory,
        show_progress=config.show_progress,
    )
    names = set(map(TextPreprocess().run, linker.dictionary.names)) if config.split_composites else None
    types = sorted(source.wanted.types or ())
    wanted = source.wanted._replace(types=None)
    settings = [source.file_format, *wanted, types, method, typos, names is not None, output.endswith(".gz")]

    identity = {
        "input": sha256_of(config.input),
        "dictionary": sha256_of(dictionary_path),
        "model": _model_identity(linker),
        "settings": repr(settings),  # as a text, so that a tuple read back is no other than a list
        "version": __version__,
    }
    with PartialOutput(output, identity, resume=config.resume) as partial:
        with tqdm(total=mentions, unit="mention", disable=not config.show_progress) as bar:
            link_units(
                source,
                partial,
                Preparation(find, typos=typos, names=names),
                link=lambda texts: best_links(linker, texts),
                fail=config.on_error == "fail",
                progress=bar.update,
            )
        done, distinct = partial.done, partial.state.distinct()
        partial.publish(keep_errors=config.on_error == "skip")
    counts = {"mentions": done.mentions, "linked": done.linked, "distinct": distinct, "skipped": done.skipped}
    seconds = round(time.monotonic() - started, 1)
    return {"input": config.input, "output": output, "format": source.file_format, **counts, "seconds": seconds}


def link_units(
    source: MentionFile,
    output: PartialOutput,
    preparation: Preparation,
    *,
    link: LinkTexts,
    fail: bool,
    progress: Callable[[int], object] = lambda mentions: None,
) -> None:
    """Link what is not yet done of a file, step by step.

    Parameters
    ----------
    link
        Clean texts in, the best link of each out.
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
        for units_of_step in steps(islice(units, output.done.units, None)):
            step = run_step(units_of_step, preparation, output.state, link)
            if step.bad and fail:
                raise bad_record(step.bad[0].mention.place, step.bad[0].problem)
            output.write(step.output, map(error_json, step.bad), _counted(output.done, len(units_of_step), step))
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
                    raise bad_record(mention.place, problem)
    return count


def best_links(linker: Linker, texts: Sequence[str]) -> list[Link]:
    """Return the best link of each clean text."""
    best = [prediction.candidates[0] for prediction in linker.link(texts, topk=1)]
    return [Link(found.cui, _UNWRITABLE.sub(" ", found.name), found.score) for found in best]


def bad_record(place: str, problem: str) -> InputError:
    """Return the error for a bad record."""
    return InputError(f"{place}: {problem} (--on_error skip leaves such records as they are)")


def error_json(bad: Prepared) -> dict[str, str]:
    """Return a bad record's line of the errors file."""
    return {"place": bad.mention.place, "problem": bad.problem, "record": bad.mention.text[:400]}


def _counted(done: Done, units: int, step: Step) -> Done:
    return done._replace(
        units=done.units + units,
        mentions=done.mentions + step.mentions,
        linked=done.linked + step.mentions - len(step.bad),
        skipped=done.skipped + len(step.bad),
    )


def _source(config: LinkConfig) -> MentionFile:
    """Return the input: of PubTator only the id is added unless more is asked for, as further columns are not in it."""
    file_format = config.format or format_of(config.input)
    add = config.add or ("id" if file_format == "pubtator" else "all")
    keys = (ID,) if add == "id" else (ID, NAME, SCORE)
    if config.types is not None and file_format not in DOCUMENT_FORMATS:
        raise InputError(f"--types needs mentions with a type, which {file_format} has not")
    return MentionFile(Path(config.input), file_format, Wanted(config.column, config.field, config.mention_types, keys))


def _finder(method: str, file_format: str) -> AbbreviationFinder:
    if method != "none" and file_format not in DOCUMENT_FORMATS:
        raise InputError(f"--abbreviations {method} needs documents, which {file_format} has not: leave it out")
    try:
        return abbreviation_finder(method)
    except InputError as error:
        raise InputError(f"{error}, or choose another --abbreviations: none expands none") from error


def _require_other_file(input_path: str, output: str) -> None:
    if Path(output).is_dir():
        raise InputError("is a folder: name a file for --output", path=output)
    if Path(output).resolve() == Path(input_path).resolve():
        raise InputError("is the input too: choose another --output", path=output)


def _model_identity(linker: Linker) -> dict[str, Any]:
    """Return what the scores depend on, the dictionary aside."""
    key = asdict(linker.index_key)
    del key["dictionary"]
    return {**key, "sparse_weight": linker.biosyn.sparse_weight, "device": str(linker.biosyn.device)}
