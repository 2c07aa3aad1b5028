"""What cleaning makes of one mention, step by step."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from biosyn.text.abbreviations import expand
from biosyn.text.composites import split_by_names
from biosyn.text.preprocess import TextPreprocess


class Step(NamedTuple):
    """The name of a step and the text after it."""

    step: str
    text: str


def trace_splitting(
    mention: str, is_name: Callable[[str], bool], *, abbreviations: Mapping[str, str] | None = None
) -> tuple[list[Step], tuple[str, ...]]:
    """Return the steps up to the parts of a composite mention, and the parts: one where it is none.

    Examples
    --------
    >>> steps, parts = trace_splitting("breast and ovarian CA", {"breast cancer", "ovarian cancer"}.__contains__,
    ...     abbreviations={"CA": "cancer"})
    >>> steps[-1].text, parts
    ('breast cancer | ovarian cancer', ('breast cancer', 'ovarian cancer'))
    """
    steps = [Step("as typed", mention)]
    if abbreviations is not None:
        steps.append(Step("abbreviations", expand(mention, abbreviations)))
    parts = split_by_names(steps[-1].text, is_name)
    if len(parts) > 1:
        steps.append(Step("composite", " | ".join(parts)))
    return steps, parts


def trace_cleaning(
    mention: str, *, abbreviations: Mapping[str, str] | None = None, typos: Mapping[str, str] | None = None
) -> list[Step]:
    """Return the mention as typed and after each step that is made; the last text is what is embedded.

    Parameters
    ----------
    abbreviations
        Short form -> long form in the mention's document; None leaves the step out.
    typos
        Misspelled token -> right spelling; None leaves the step out.

    Examples
    --------
    >>> [step.text for step in trace_cleaning("AT-like tumour", typos={"tumour": "tumor"})]
    ['AT-like tumour', 'at-like tumour', 'at-like tumor', 'at like tumor']
    """
    steps = [Step("as typed", mention)]
    if abbreviations is not None:
        steps.append(Step("abbreviations", expand(mention, abbreviations)))
    lowered, mended, cleaned = TextPreprocess(typos).stages(steps[-1].text)
    steps.append(Step("lower case", lowered))
    if typos is not None:
        steps.append(Step("spelling", mended))
    return [*steps, Step("punctuation", cleaned)]
