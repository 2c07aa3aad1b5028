"""From a mention as it is in a document to the clean texts that are looked up for it."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.text.abbreviations import AbbreviationFinder, expand, no_abbreviations
from biosyn.text.characters import plain
from biosyn.text.composites import split_by_names
from biosyn.text.preprocess import TextPreprocess, has_content

LONGEST = 1000  # characters of a mention, wherever it comes from
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NONE: Mapping[str, str] = MappingProxyType({})


def elements_of(texts: Iterable[object], what: str) -> list[object]:
    """Return the elements of a list, an array, a column of a table or any other iterable; refuse what is one text.

    Parameters
    ----------
    what
        What the caller names them, for the message.
    """
    if isinstance(texts, (str, bytes)):  # iterables, too: of letters and of numbers
        raise InputError(f"{what} is one text: give a list, [{texts[:80]!r}]")
    if hasattr(texts, "columns"):  # of a table only the names of its columns
        raise InputError(f"{what} is a table: give one of its columns")
    try:
        return list(texts)
    except TypeError as error:
        raise InputError(f"{what} is {_short(texts)}: give a list of texts") from error


def require_text(value: object, name: str) -> str:
    """Return a text as a plain string; refuse another object, such as None or the NaN of an empty cell."""
    if not isinstance(value, str):
        raise InputError(f"{name} is {_short(value)}, not a text")
    return str(value)


def texts_of(texts: Iterable[str], what: str) -> list[str]:
    """Return texts as a list; see `elements_of`. One that is no text is named by its place, from 0.

    Examples
    --------
    >>> texts_of(iter(["ataxia", "asthma"]), "names")
    ['ataxia', 'asthma']
    >>> texts_of(["ataxia", None], "names")
    Traceback (most recent call last):
    biosyn.errors.InputError: names[1] is None (NoneType), not a text
    """
    return [
        text if type(text) is str else require_text(text, f"{what}[{place}]")
        for place, text in enumerate(elements_of(texts, what))
    ]


def _short(value: object) -> str:
    return f"{' '.join(repr(value).split())[:60]} ({type(value).__name__})"


class Step(NamedTuple):
    """The name of a step and the text after it."""

    step: str
    text: str


class MentionCleaner:
    """The rules for mentions: which are valid, and what is done to them.

    The steps are plain characters, abbreviations, composites, spelling and cleaning, in this order.

    Parameters
    ----------
    find_abbreviations
        The finder of the abbreviations of a document.
    typos
        Misspelled token -> right spelling, lower case.
    names
        The cleaned names of the dictionary, by which composite mentions are split; None splits none.
    is_name
        Whether a text is a name of the dictionary, letter for letter, which `as_written` asks; None: no text is.
    longest
        The characters that a mention may have.
    printable
        Whether a mention with a control character is refused.

    Examples
    --------
    >>> cleaner = MentionCleaner(names={"breast cancer", "ovarian cancer"})
    >>> cleaner.parts("Breast and ovarian CA", {"CA": "cancer"})
    ('breast cancer', 'ovarian cancer')
    """

    def __init__(
        self,
        find_abbreviations: AbbreviationFinder = no_abbreviations,
        *,
        typos: Mapping[str, str] | None = None,
        names: Collection[str] | None = None,
        is_name: Callable[[str], bool] | None = None,
        longest: int = LONGEST,
        printable: bool = False,
    ):
        self._find = find_abbreviations
        self._preprocess = TextPreprocess(typos)
        self._mends = typos is not None
        self._names = names
        self._is_name = is_name
        self._longest = longest
        self._printable = printable

    def problem(self, mention: str) -> str:
        r"""Return a sentence that says why a text is no mention, or an empty text.

        Examples
        --------
        >>> cleaner = MentionCleaner(longest=9, printable=True)
        >>> [cleaner.problem(mention) for mention in ("ataxia", "a\0b", "--")]
        ['', 'the mention holds a control character', 'the mention holds no letter or digit']
        """
        if len(mention) > self._longest:
            return f"the mention has {len(mention)} characters: give {self._longest} at most"
        if self._printable and _CONTROL.search(mention):
            return "the mention holds a control character"
        if _SURROGATE.search(mention):
            return "the mention is no valid Unicode (half a surrogate pair): is it cut, escaped wrongly or not UTF-8?"
        if not has_content(mention):
            return "the mention holds no letter or digit"
        return ""

    def abbreviations(self, text: str | None) -> Mapping[str, str]:
        """Return short form -> long form of a document; none where there is no text.

        Raises
        ------
        InputError
            If the text has a line that the finder cannot take.
        """
        if text is None or not text.strip():
            return {}
        return self._find(plain(_SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))))

    def clean(self, mention: str, abbreviations: Mapping[str, str] = _NONE) -> str:
        """Return the text to look up for a mention that is not split; the InputError for a bad one quotes it.

        Examples
        --------
        >>> MentionCleaner().clean("Ataxia-Telangiectasia")
        'ataxia telangiectasia'
        """
        try:
            self._require(mention)
            return self._cleaned(_expanded(mention, abbreviations))
        except InputError as error:
            raise InputError(f"{mention[:80]!r}: {error}") from error

    def parts(self, mention: str, abbreviations: Mapping[str, str] = _NONE) -> tuple[str, ...]:
        """Return the text to look up, or one for each part of a composite mention.

        Raises
        ------
        InputError
            If the mention has a `problem`, or nothing is left of it.
        """
        self._require(mention)
        return tuple(map(self._cleaned, self.split(mention, abbreviations)))

    def split(self, mention: str, abbreviations: Mapping[str, str] = _NONE) -> tuple[str, ...]:
        """Return the parts of a composite mention, or the mention alone: expanded, but not cleaned yet."""
        expanded = _expanded(mention, abbreviations)
        return (expanded,) if self._names is None else split_by_names(expanded, self._is_cleaned_name)

    def as_written(self, mention: str, abbreviations: Mapping[str, str] = _NONE) -> str:
        """Return the clean text of a mention before its expansion, if that is to be looked up as well; else nothing.

        It is if it is a name of the dictionary, and what it is expanded to is not: ``PCSK9``, defined as something
        that no name of the dictionary says.

        Examples
        --------
        >>> cleaner = MentionCleaner(is_name={"pcsk9", "apc", "adenomatous polyposis coli"}.__contains__)
        >>> cleaner.as_written("PCSK9", {"PCSK9": "proprotein convertase 9"})
        'pcsk9'
        >>> cleaner.as_written("APC", {"APC": "adenomatous polyposis coli"})
        ''
        """
        written, expanded = plain(mention), _expanded(mention, abbreviations)
        text = self._preprocess.run(written)
        if not abbreviations or text == self._preprocess.run(expanded) or not self._is_exact(written):
            return ""
        return "" if all(map(self._is_exact, self.split(mention, abbreviations))) else text

    def steps(
        self, mention: str, abbreviations: Mapping[str, str] | None = None, *, as_written: bool = False
    ) -> list[Step]:
        """Return the mention as typed and after each step that is made.

        The last text is what `clean` returns, or the parts of a composite mention, before they are cleaned.

        Parameters
        ----------
        abbreviations
            Short form -> long form in the mention's document; None leaves the step out.
        as_written
            The expansion is shown, but the mention is looked up as it is written.

        Examples
        --------
        >>> [step.text for step in MentionCleaner(typos={"tumour": "tumor"}).steps("AT-like tumour")]
        ['AT-like tumour', 'at-like tumour', 'at-like tumor', 'at like tumor']
        """
        steps = [Step("as typed", mention)]
        if (written := plain(mention)) != mention:
            steps.append(Step("characters", written))
        if abbreviations is not None:
            steps.append(Step("abbreviations", expand(written, abbreviations)))
        if as_written:
            steps.append(Step("as written", written))
        parts = self.split(mention, _NONE if as_written else abbreviations or _NONE)
        if len(parts) > 1:
            return [*steps, Step("composite", " | ".join(parts))]
        lowered, mended, cleaned = self._preprocess.stages(steps[-1].text)
        steps.append(Step("lower case", lowered))
        if self._mends:
            steps.append(Step("spelling", mended))
        return [*steps, Step("punctuation", cleaned)]

    def _require(self, mention: str) -> None:
        if problem := self.problem(mention):
            raise InputError(problem)

    def _cleaned(self, text: str) -> str:
        cleaned = self._preprocess.run(text)
        if not has_content(cleaned):
            raise InputError("nothing is left of the mention after its spelling is mended")
        return cleaned

    def _is_cleaned_name(self, text: str) -> bool:
        return self._names is not None and self._preprocess.run(text) in self._names

    def _is_exact(self, text: str) -> bool:
        """Return whether a text is a name, clean or, in a dictionary that is not clean, as it is."""
        return self._is_name is not None and (self._is_name(self._preprocess.run(text)) or self._is_name(text))


def _expanded(mention: str, abbreviations: Mapping[str, str]) -> str:
    return expand(plain(mention), abbreviations) if abbreviations else plain(mention)
