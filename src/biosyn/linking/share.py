"""A step for each rank: the texts of a round are dealt out, and their links come back in order."""

from collections.abc import Sequence

from biosyn.distributed.ranks import gathered_json, rank
from biosyn.linking.steps import LinkTexts
from biosyn.mention_files.units import Link


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
    found = gathered_json(list(link(mine)) if mine else [])
    return [[Link(*one) for one in links] for links in found[: len(texts)]]
