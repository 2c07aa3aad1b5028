"""The verb of inference.py --input: a file of mentions in, the same file with their links out."""

import gc
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from biosyn.distributed.ranks import is_first, led, size
from biosyn.errors import InputError
from biosyn.linking.file_settings import (
    Table,
    abbreviation_method,
    file_cleaner,
    finder_of,
    identity,
    open_source,
    with_probabilities,
)
from biosyn.linking.journal import Done, Journal, written_files
from biosyn.linking.loading import open_linker
from biosyn.linking.steps import (
    LinkSteps,
    Prepared,
    Step,
    link_steps,
    prepare,
    rendered,
    steps,
    texts_of,
)
from biosyn.mention_files.added_columns import Link
from biosyn.mention_files.formats import MentionFile
from biosyn.mention_files.units import Unit
from biosyn.model.answers import NO_NAME
from biosyn.model.linker import Linker
from biosyn.places import Inputs
from biosyn.records import MentionPrediction
from biosyn.retrieval.confidence import is_unsure
from biosyn.settings.verbs import LinkConfig
from biosyn.text.mentions import MentionCleaner
from biosyn.text.preprocess import read_typos

logger = logging.getLogger(__name__)
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")  # in a column, or in XML


def link_file(config: LinkConfig) -> dict[str, Any]:
    """Run inference.py --input: write the file again with a link for each mention; return the counts.

    The whole input is read once before the model is, so that a bad record is found in seconds and not after hours.
    With several ranks the first reads and writes, and each links one step at a time.
    """
    started = time.monotonic()
    inputs = Inputs.of(config)
    inputs.require_apart(written_files(Path(config.output)), option="--output")
    source = open_source(
        config.input,
        file_format=config.format,
        column=config.column,
        field=config.field,
        table=Table(config.delimiter, config.quotes, config.header),
        types=config.mention_types,
        add=config.add,
        all_ids=config.ids == "all",
    )
    mention_file = Inputs([config.input, *source.others()])
    mention_file.require_apart(written_files(Path(config.output)), option="--output")
    method = abbreviation_method(config.abbreviations, source.file_format)
    find_abbreviations = finder_of(method)
    typos = read_typos(config.typo_path) if config.typo_path else {}
    cleaner = file_cleaner(find_abbreviations, typos=typos)
    fail = config.on_error == "fail"
    mentions = survey(source, cleaner if fail else None) if is_first() else 0
    linker = open_linker(config, calibrated=config.threshold is not None)
    gc.freeze()  # what is loaded stays: to go through it again and again would take longer than to read records
    if linker.is_calibrated:
        source = with_probabilities(source)
    names = linker.cleaned_names if config.split_composites else None
    cleaner = file_cleaner(find_abbreviations, typos=typos, names=names, is_name=linker.is_name)
    best = partial(best_links, linker, all_ids=config.ids == "all", threshold=config.threshold)
    with led(partial(link_steps, link=best)) as link:
        counts = {}
        if link is not None:
            run = identity(config, source, linker, method=method, typos=typos)
            mention_file.require_unchanged()  # so the hash in the identity is that of what is linked
            with Journal(config.output, run, resume=config.resume) as journal:
                with tqdm(total=mentions, unit="mention", disable=not config.show_progress) as bar:
                    link_units(
                        source,
                        journal,
                        cleaner,
                        link=link,
                        fail=fail,
                        progress=bar.update,
                        check_input=mention_file.require_unchanged,
                    )
                counts = _counts(journal)
                if journal.done.unsure:
                    logger.warning(
                        "%d of %d mentions are of a script that the model's tokenizer does not know: their links say "
                        "nothing, and biosyn_reason begins with 'unsure' (--threshold gives them no concept)",
                        journal.done.unsure,
                        journal.done.mentions,
                    )
                journal.publish(keep_errors=not fail)
            if counts["mentions"] and not counts["linked"]:
                logger.warning("%s: none of its %d mentions could be linked", config.input, counts["mentions"])
    inputs.warn_of_changes()
    where = {"input": config.input, "output": config.output, "format": source.file_format}
    return {**where, **counts, "seconds": round(time.monotonic() - started, 1)}


def link_units(
    source: MentionFile,
    journal: Journal,
    cleaner: MentionCleaner,
    *,
    link: LinkSteps,
    fail: bool,
    progress: Callable[[int], object] = lambda mentions: None,
    check_input: Callable[[], object] = lambda: None,
) -> None:
    """Link the rest of a file, step by step; with several ranks each links one of the steps of a round.

    Parameters
    ----------
    link
        Clean texts of each step -> the best link of each text.
    fail
        End at the first bad record; otherwise it stays as it is and is written to the errors file.
    progress
        Called with the number of mentions of each step.
    check_input
        Called before what was read is written, and at the end; it raises where the file has changed, so that the
        journal has the links of one state of it alone.
    """
    if journal.done.finished:
        return
    if journal.done.units:
        logger.info("going on after %d mentions", journal.done.mentions)
    progress(journal.done.mentions)
    with source.units() as units:
        remaining = steps(islice(units, journal.done.units, None))
        while round_of_steps := list(islice(remaining, size())):
            check_input()
            _link_round(round_of_steps, journal, cleaner, link=link, fail=fail, progress=progress)
        check_input()


def _link_round(
    round_of_steps: Sequence[Sequence[Unit]],
    journal: Journal,
    cleaner: MentionCleaner,
    *,
    link: LinkSteps,
    fail: bool,
    progress: Callable[[int], object],
) -> None:
    """Link several steps in one call, and write each as if it had been linked alone."""
    prepared = [prepare(units, cleaner) for units in round_of_steps]
    links: dict[str, Link] = {}
    new: list[list[str]] = []  # the texts of each step that neither the journal nor an earlier step of the round has
    seen: set[str] = set()
    for mentions in prepared:
        texts = texts_of(mentions)
        links |= journal.known(texts)
        new.append([text for text in texts if text not in links and text not in seen])
        seen.update(texts)
    for units, mentions, asked, found in zip(round_of_steps, prepared, new, link(new), strict=True):
        journal.remember(asked, found)
        links |= zip(asked, found, strict=True)
        step = rendered(units, mentions, links)
        if step.bad and fail:
            raise _bad_record(step.bad[0].mention.place, step.bad[0].problem)
        journal.write(step.output, map(_error_json, step.bad), _counted(journal.done, len(units), step))
        progress(len(step.mentions))


def _counted(done: Done, units: int, step: Step) -> Done:
    return done._replace(
        units=done.units + units,
        mentions=done.mentions + len(step.mentions),
        linked=done.linked + len(step.mentions) - len(step.bad),
        skipped=done.skipped + len(step.bad),
        unsure=done.unsure + sum(link is not None and bool(link.unsure) for link in step.links),
    )


def _counts(journal: Journal) -> dict[str, int]:
    done = journal.done
    return {
        "mentions": done.mentions,
        "linked": done.linked,
        "distinct": journal.distinct(),
        "skipped": done.skipped,
        **({"unsure": done.unsure} if done.unsure else {}),
    }


def best_links(
    linker: Linker, texts: Sequence[str], *, all_ids: bool = False, threshold: float | None = None
) -> list[Link]:
    """Return the best link of each clean text; below the threshold no concept, with the best name's score.

    Parameters
    ----------
    all_ids
        Give every id of the name, as the dictionary has them, and not the concept that it stands for.
    """
    return [_best_link(found, all_ids=all_ids, threshold=threshold) for found in linker.link(texts, topk=1)]


def _best_link(found: MentionPrediction, *, all_ids: bool, threshold: float | None) -> Link:
    (best,) = found.candidates
    if is_unsure(found.probability, threshold):
        return Link(NO_NAME.cui, NO_NAME.name, best.score, found.probability, unsure=found.unsure)
    name, (concept, *others) = _writable(best.name), found.resolved
    if all_ids:
        return Link(best.cui, name, best.score, found.probability, unsure=found.unsure)
    return Link(
        _writable(concept.curie),
        name,
        best.score,
        found.probability,
        _writable(concept.preferred_name or ""),
        tuple(map(_writable, concept.alternative_ids)),
        tuple(_writable(other.curie) for other in others),
        concept.reason if others else "",
        found.unsure,
    )


def _writable(text: str) -> str:
    return _UNWRITABLE.sub(" ", text)


def survey(source: MentionFile, cleaner: MentionCleaner | None = None) -> int:
    """Read the whole file without linking anything; return how many mentions it holds.

    A file of which nothing will be linked, and records that may be wrong although they can be read, are warnings.

    Parameters
    ----------
    cleaner
        Judges the mentions: the first bad record is an InputError. None lets bad records pass.
    """
    count = noted = 0
    first_note = ""
    other_types: Counter[str] = Counter()
    with source.units() as units:
        for unit in units:
            count += len(unit.mentions)
            other_types.update(part.strip() for kind in unit.other_types for part in kind.split(","))
            if unit.note:
                first_note, noted = first_note or unit.note, noted + 1
            for mention in unit.mentions:
                if cleaner is not None and (problem := mention.problem or cleaner.problem(mention.text)):
                    raise _bad_record(mention.place, problem)
    if first_note:
        logger.warning("%s%s", first_note, f" (and {noted - 1:,} more such records)" if noted > 1 else "")
    if not count and other_types:
        seen = ", ".join(f"{kind or 'none'} ({times:,})" for kind, times in other_types.most_common(10))
        asked = ",".join(sorted(source.wanted.types or ()))
        logger.warning("%s: no mention is linked: --types %s fits none of its types: %s", source.path, asked, seen)
    elif not count:
        logger.warning("%s: holds no mention, read as %s: see --format", source.path, source.file_format)
    return count


def _bad_record(place: str, problem: str) -> InputError:
    return InputError(f"{place}: {problem} (--on_error skip leaves such records as they are)")


def _error_json(bad: Prepared) -> dict[str, str]:
    """Return a bad record's line of the errors file."""
    return {"place": bad.mention.place, "problem": bad.problem, "record": bad.mention.text[:400]}
