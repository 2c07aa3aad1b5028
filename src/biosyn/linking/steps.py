"""A step of a run: some hundred mentions of the next units, linked in one call; of several ranks each links a step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from biosyn.distributed.ranks import gathered_objects, rank
from biosyn.errors import InputError
from biosyn.mention_files.added_columns import Link
from biosyn.mention_files.units import Mention, Unit
from biosyn.text.mentions import MentionCleaner

MENTIONS = 512
UNITS = 4096
UNITS_VERSION = 3  # changes with how a file is cut into units, which a journal counts, and with what `Link` holds

LinkTexts = Callable[[Sequence[str]], Sequence[Link]]  # clean texts -> the best link of each
LinkSteps = Callable[[Sequence[Sequence[str]]], Sequence[Sequence[Link]]]  # the same for several steps


class Prepared(NamedTuple):
    """A mention and the texts to look up; none, and a problem, if it cannot be linked.

    ``as_written`` is looked up too, where an abbreviation is itself a name: see `MentionCleaner.as_written`.
    """

    mention: Mention
    parts: tuple[str, ...]
    problem: str = ""
    as_written: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts to look up."""
        return (*self.parts, self.as_written) if self.as_written else self.parts


class Step(NamedTuple):
    """The result of a step: the bytes of its units, its mentions, and the link of each; None for one with a problem."""

    output: bytes
    mentions: list[Prepared]
    links: list[Link | None]

    @property
    def bad(self) -> list[Prepared]:
        """The mentions that cannot be linked."""
        return [mention for mention in self.mentions if mention.problem]


def steps(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Yield the units in steps, which depend on nothing but the units."""
    step: list[Unit] = []
    mentions = 0
    for unit in units:
        step.append(unit)
        mentions += len(unit.mentions)
        if mentions >= MENTIONS or len(step) == UNITS:
            yield step
            step, mentions = [], 0
    if step:
        yield step


def prepare(units: Iterable[Unit], cleaner: MentionCleaner) -> list[Sequence[Prepared]]:
    """Return the mentions of each unit with the texts to look up."""
    return [_prepare(unit, cleaner) for unit in units]


def _prepare(unit: Unit, cleaner: MentionCleaner) -> Sequence[Prepared]:
    if not unit.mentions:
        return ()
    document_problem, abbreviations = "", {}
    try:
        abbreviations = dict(cleaner.abbreviations(unit.text))
    except InputError as error:
        document_problem = str(error)
    prepared = []
    for mention in unit.mentions:
        problem = mention.problem or cleaner.problem(mention.text) or document_problem
        parts: tuple[str, ...] = ()
        as_written = ""
        try:
            if not problem:
                parts = cleaner.parts(mention.text, abbreviations)
                as_written = cleaner.as_written(mention.text, abbreviations)
        except InputError as error:
            problem = str(error)
        prepared.append(Prepared(mention, parts, problem, as_written))
    return prepared


def texts_of(prepared: Iterable[Iterable[Prepared]]) -> list[str]:
    """Return the distinct texts to look up, in order."""
    return list(dict.fromkeys(part for mentions in prepared for one in mentions for part in one.texts))


def rendered(units: Sequence[Unit], prepared: Sequence[Sequence[Prepared]], links: Mapping[str, Link]) -> Step:
    """Write the links into the units.

    Parameters
    ----------
    links
        The link of each text of the units, others may be among them.
    """
    found = [[_link(one, links) for one in mentions] for mentions in prepared]
    return Step(
        b"".join(unit.render(one) for unit, one in zip(units, found, strict=True)),
        [one for mentions in prepared for one in mentions],
        [link for one in found for link in one],
    )


def _link(one: Prepared, links: Mapping[str, Link]) -> Link | None:
    """Return the mention's link, the one with the higher score if it is looked up as written too."""
    if one.problem:
        return None
    link = _joined([links[part] for part in one.parts])
    return max(link, links[one.as_written], key=lambda found: found.score) if one.as_written else link


def _joined(parts: Sequence[Link]) -> Link:
    """Return one link for the parts of a composite mention."""
    if len(parts) == 1:
        return parts[0]
    known = [part.probability for part in parts if part.probability is not None]
    return Link(
        "|".join(dict.fromkeys(part.id for part in parts)),
        "|".join(part.name for part in parts if part.name),
        min(part.score for part in parts),
        min(known, default=None),
        "|".join(part.preferred_name for part in parts if part.preferred_name),
        tuple(dict.fromkeys(cui for part in parts for cui in part.alternative_ids)),
        tuple(dict.fromkeys(cui for part in parts for cui in part.other_concepts)),
        "|".join(part.reason for part in parts if part.reason),
        next((part.unsure for part in parts if part.unsure), ""),
    )


def link_at_once(units: Iterable[Unit], cleaner: MentionCleaner, link: LinkTexts) -> Step:
    """Link a small file in one step, without a journal; each unit is prepared as soon as it is read."""
    read: list[Unit] = []
    prepared: list[Sequence[Prepared]] = []
    for unit in units:
        read.append(unit)
        prepared.append(_prepare(unit, cleaner))
    texts = texts_of(prepared)
    return rendered(read, prepared, dict(zip(texts, link(texts) if texts else (), strict=True)))


def link_steps(texts: Sequence[Sequence[str]], link: LinkTexts) -> list[list[Link]]:
    """Return the links of the texts of several steps, at most one step for each rank, on every rank.

    One rank links the texts of a step in one call, as a single process would, so the scores are identical, bit for bit.

    Examples
    --------
    >>> [[found]] = link_steps([["ataxia"]], lambda texts: [Link("D001259", text, 1.5) for text in texts])
    >>> found.id, found.name
    ('D001259', 'ataxia')
    """
    mine = texts[rank()] if rank() < len(texts) else []
    return gathered_objects(list(link(mine)) if mine else [])[: len(texts)]
