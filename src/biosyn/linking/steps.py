"""A step of a run: some hundred mentions of the next units, linked in one call."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from biosyn.data.mention_files.units import Link, Mention, Unit
from biosyn.errors import InputError
from biosyn.linking.preparation import Preparation, mention_problem
from biosyn.linking.state import LinkState
from biosyn.text.preprocess import has_content

MENTIONS = 512
UNITS = 4096

LinkTexts = Callable[[Sequence[str]], Sequence[Link]]
"""Clean texts in, the best link of each out."""


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
    prepared = [_prepare(unit, preparation) for unit in units]
    every = [one for ones in prepared for one in ones]
    links = _links(every, state, link)
    output = [
        unit.render([_mention_link(one, links) for one in ones]) for unit, ones in zip(units, prepared, strict=True)
    ]
    return Step(b"".join(output), len(every), [one for one in every if one.problem])


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


def _links(prepared: Iterable[Prepared], state: LinkState, link: LinkTexts) -> dict[str, Link]:
    """Return the link of every text; those not linked before are linked, each once, and remembered."""
    texts = list(dict.fromkeys(part for one in prepared for part in one.parts))
    known = state.known(texts)
    new = [text for text in texts if text not in known]
    found = link(new) if new else []
    state.remember(new, found)
    return {**known, **dict(zip(new, found, strict=True))}


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
