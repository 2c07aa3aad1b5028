"""A mention as it stands in a document, to the texts that are looked up for it."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from biosyn.text.abbreviations import AbbreviationFinder, expand, no_abbreviations
from biosyn.text.composites import split_by_names
from biosyn.text.preprocess import TextPreprocess, has_content

MAX_CHARACTERS = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Preparation:
    """What is done to every mention: abbreviations of its document, composites, spelling and cleaning, in this order.

    Parameters
    ----------
    typos
        Misspelled token -> right spelling, lower case.
    names
        The dictionary's names, cleaned: composite mentions are split by them; None splits none.
    """

    def __init__(
        self,
        find_abbreviations: AbbreviationFinder = no_abbreviations,
        *,
        typos: Mapping[str, str] | None = None,
        names: Collection[str] | None = None,
    ):
        self._find = find_abbreviations
        self._clean = TextPreprocess(typos).run
        self._names = names

    def abbreviations(self, text: str | None) -> Mapping[str, str]:
        """Return short form -> long form of a document; none where there is no text.

        Raises
        ------
        InputError
            If the text has a line that the finder cannot take.
        """
        if text is None or not text.strip():
            return {}
        return self._find(_SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text)))

    def parts(self, mention: str, abbreviations: Mapping[str, str]) -> tuple[str, ...]:
        """Return the text to look up, or one for each part of a composite mention.

        Examples
        --------
        >>> Preparation(names={"breast cancer", "ovarian cancer"}).parts("Breast and ovarian CA", {"CA": "cancer"})
        ('breast cancer', 'ovarian cancer')
        """
        expanded = expand(mention, abbreviations)
        parts = (expanded,) if self._names is None else split_by_names(expanded, self._is_name)
        return tuple(map(self._clean, parts))

    def _is_name(self, text: str) -> bool:
        return self._names is not None and self._clean(text) in self._names


def mention_problem(text: str) -> str:
    r"""Say why a text is no mention, or return an empty text.

    Examples
    --------
    >>> mention_problem("ataxia"), mention_problem("a\0b"), mention_problem("--")
    ('', 'the mention holds a control character', 'the mention holds no letter or digit')
    """
    if len(text) > MAX_CHARACTERS:
        return f"the mention is {len(text)} characters long: more than {MAX_CHARACTERS} are no mention"
    if _CONTROL.search(text):
        return "the mention holds a control character"
    if _SURROGATE.search(text):
        return "the mention holds half a surrogate pair: is it cut or escaped wrongly?"
    if not has_content(text):
        return "the mention holds no letter or digit"
    return ""


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
