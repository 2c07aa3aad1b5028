"""Abbreviations: the short forms of a document, which an external program finds, and their expansion in a mention."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from biosyn.errors import InputError, missing_extra
from biosyn.settings.groups import ABBREVIATION_METHODS

AbbreviationFinder = Callable[[str], Mapping[str, str]]
"""Function from a document's text to short form -> long form."""

MAX_ROUNDS = 10
# A long form that contains its short form twice doubles in each round: stop long before memory is full.
MAX_LENGTH = 100_000
# Ab3P ends the whole process on a very long sentence (observed from 20,000 characters on), far longer than abstracts.
MAX_LINE = 10_000
_ONE_AT_A_TIME = (
    threading.Lock()
)  # the descriptors that are redirected are the process's, and the demo has several threads


def expand(mention: str, pairs: Mapping[str, str]) -> str:
    """Replace each token that is a short form, again and again until nothing changes.

    Only whole tokens, the parts of a token at ``/``, and tokens before a comma are looked up; ``(APC)`` and
    ``APC-linked`` stay. White space becomes one blank. As a long form that contains its own short form would grow
    forever, expansion stops at a text seen before, and after ``MAX_ROUNDS``.

    Examples
    --------
    >>> expand("APC/FAP  tumours, APC-linked", {"APC": "adenomatous polyposis coli", "FAP": "familial APC"})
    'adenomatous polyposis coli/familial adenomatous polyposis coli tumours, APC-linked'
    """
    seen: set[str] = set()
    for _ in range(MAX_ROUNDS):
        seen.add(mention)
        mention = " ".join(_expand_token(token, pairs) for token in mention.split())
        if mention in seen or len(mention) > MAX_LENGTH:
            break
    return mention


def _expand_token(token: str, pairs: Mapping[str, str]) -> str:
    if "/" in token:
        token = "/".join(pairs.get(part, part) for part in token.split("/"))
    if token.endswith(","):
        bare = token.rstrip(",")
        return pairs.get(bare, bare) + ","
    return pairs.get(token, token)


def abbreviation_finder(method: str) -> AbbreviationFinder:
    """Return the function that finds a document's abbreviations; the published figures use ``ab3p``."""
    finders: dict[str, Callable[[], AbbreviationFinder]] = {
        "ab3p": _ab3p,
        "schwartz-hearst": _schwartz_hearst,
        "none": lambda: no_abbreviations,
    }
    if method not in finders:
        raise InputError(f"unknown abbreviation method '{method}': choose one of {', '.join(ABBREVIATION_METHODS)}")
    return finders[method]()


def no_abbreviations(text: str) -> Mapping[str, str]:
    """Return no abbreviations."""
    return {}


def _ab3p() -> AbbreviationFinder:
    """Return the finder Ab3P (Sohn et al. 2008), with which the published corpora were made."""
    try:
        from pyab3p import Ab3p
    except ImportError as error:
        raise missing_extra("pyab3p", "ab3p") from error
    with _ONE_AT_A_TIME, _quiet():
        program = Ab3p()

    def find(text: str) -> dict[str, str]:
        line = max(text.split("\n"), key=len)
        if len(line.encode()) > MAX_LINE:
            raise InputError(
                f"a line of more than {MAX_LINE} bytes is too long for Ab3P, it begins with {line[:40]!r}: "
                "use --abbreviations schwartz-hearst"
            )
        with _ONE_AT_A_TIME, _quiet():
            found = program.get_abbrs(text)
        return {pair.short_form: pair.long_form for pair in found}  # the last pair of a short form counts

    return find


def _schwartz_hearst() -> AbbreviationFinder:
    """Return the finder of Schwartz and Hearst (2003), pure Python, for machines on which Ab3P cannot be built."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        from abbreviations.schwartz_hearst import extract_abbreviation_definition_pairs
    except ImportError as error:
        raise missing_extra("abbreviations", "schwartz-hearst") from error
    finally:  # the package configures the root logger on import
        root.handlers[:] = handlers
        root.setLevel(level)

    def find(text: str) -> dict[str, str]:
        return dict(extract_abbreviation_definition_pairs(doc_text=text))

    return find


@contextmanager
def _quiet() -> Iterator[None]:
    """Redirect file descriptors 1 and 2 to the null device: Ab3P writes to both from C++, past Python's streams.

    A stray line on stdout would break the JSON result. Python's own buffers are flushed first.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None where the descriptor was closed from the start
            stream.flush()
    saved = [(number, os.dup(number)) for number in (1, 2) if _is_open(number)]
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in saved:
            os.dup2(null, number)
        yield
    finally:
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)
        os.close(null)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
