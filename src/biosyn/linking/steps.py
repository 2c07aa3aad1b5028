"""A step of a run: some hundred mentions of the next units, linked in one call; and several steps, linked at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from biosyn.distributed.ranks import gathered_objects, rank
from biosyn.errors import InputError
from biosyn.linking.journal import LinkState
from biosyn.mention_files.units import Link, Mention, Unit
from biosyn.text.cleaning import Preparation, mention_problem
from biosyn.text.preprocess import has_content

MENTIONS = 512
UNITS = 4096
LinkTexts = Callable[[Sequence[str]], Sequence[Link]]
LinkSteps = Callable[[Sequence[Sequence[str]]], Sequence[Sequence[Link]]]


"""Clean texts in, the best link of each out."""


"""The same for several steps."""


class Prepared(NamedTuple):
    """A mention and the texts to look up; none, and a problem, where it cannot be linked."""

    mention: Mention
    parts: tuple[str, ...]
    problem: str


class Step(NamedTuple):
    """What a step gives: the units' bytes, how many mentions there were, and those that cannot be linked."""

    output: bytes
    mentions: int
    bad: list[Prepared]


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


def run_step(units: Sequence[Unit], preparation: Preparation, state: LinkState, link: LinkTexts) -> Step:
    """Link the mentions of some units; those with a problem get no link."""
    (step,) = run_steps([units], preparation, state, lambda texts: [link(texts[0]) if texts[0] else []])
    return step


def run_steps(
    steps: Sequence[Sequence[Unit]], preparation: Preparation, state: LinkState, link: LinkSteps
) -> Iterator[Step]:
    """Link the mentions of several steps in one call, and yield each step as if it had been linked alone.

    What the state remembers of a step is to be committed before the next is asked for.
    """
    prepared = [[_prepare(unit, preparation) for unit in units] for units in steps]
    texts = [list(dict.fromkeys(part for ones in step for one in ones for part in one.parts)) for step in prepared]
    new = _new_texts(texts, state)
    for units, mentions, wanted, linked, found in zip(steps, prepared, texts, new, link(new), strict=True):
        state.remember(linked, found)
        links = state.known(wanted)
        output = [
            unit.render([_mention_link(one, links) for one in ones]) for unit, ones in zip(units, mentions, strict=True)
        ]
        every = [one for ones in mentions for one in ones]
        yield Step(b"".join(output), len(every), [one for one in every if one.problem])


def _prepare(unit: Unit, preparation: Preparation) -> list[Prepared]:
    """Return the unit's mentions with the texts to look up."""
    if not unit.mentions:
        return []
    document_problem, abbreviations = "", {}
    try:
        abbreviations = dict(preparation.abbreviations(unit.text))
    except InputError as error:
        document_problem = str(error)
    prepared = []
    for mention in unit.mentions:
        problem = mention.problem or mention_problem(mention.text) or document_problem
        parts = () if problem else preparation.parts(mention.text, abbreviations)
        if not all(map(has_content, parts)):
            parts, problem = (), "nothing is left of the mention after its spelling is mended"
        prepared.append(Prepared(mention, parts, problem))
    return prepared


def _new_texts(texts: Sequence[Sequence[str]], state: LinkState) -> list[list[str]]:
    """Return the texts of each step that neither the state knows nor an earlier one of these steps holds."""
    seen: set[str] = set()
    new = []
    for wanted in texts:
        known = seen.union(state.known(wanted))
        new.append([text for text in wanted if text not in known])
        seen.update(wanted)
    return new


def _mention_link(one: Prepared, links: dict[str, Link]) -> Link | None:
    """Return the mention's link: of a composite one the different ids and the names, each joined by ``|``."""
    if one.problem:
        return None
    parts = [links[part] for part in one.parts]
    cuis = dict.fromkeys(part.cui for part in parts)
    known = [part.probability for part in parts if part.probability is not None]
    return Link(
        "|".join(cuis),
        "|".join(part.name for part in parts if part.name),
        min(part.score for part in parts),
        min(known, default=None),
    )


def link_steps(texts: Sequence[Sequence[str]], link: LinkTexts) -> list[list[Link]]:
    """Return the links of the texts of several steps, one for each rank at most, on every rank.

    The texts of a step are linked by one rank in one call, as a process that is alone would: so the scores are the
    same to the last bit.

    Examples
    --------
    >>> [[found]] = link_steps([["ataxia"]], lambda texts: [Link("D001259", text, 1.5) for text in texts])
    >>> found
    Link(cui='D001259', name='ataxia', score=1.5, probability=None)
    """
    mine = texts[rank()] if rank() < len(texts) else []
    return gathered_objects(list(link(mine)) if mine else [])[: len(texts)]
