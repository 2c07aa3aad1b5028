"""Short forms of a document, found by an outside program, and their expansion in a mention."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from biosyn.errors import InputError, missing_extra
from biosyn.settings.groups import ABBREVIATION_METHODS

AbbreviationFinder = Callable[[str], Mapping[str, str]]
"""Document text in, short form -> long form out."""

MAX_ROUNDS = 10
# A long form that holds its short form twice doubles each round: stop well before memory does.
MAX_LENGTH = 100_000
# Ab3P ends the whole process on a very long sentence (seen from 20,000 characters on); no abstract comes near.
MAX_LINE = 10_000


def expand(mention: str, pairs: Mapping[str, str]) -> str:
    """Replace each token that is a short form, again and again until nothing changes.

    Only whole tokens, the parts of a token at ``/``, and tokens before a comma are looked up; ``(APC)`` and
    ``APC-linked`` stay. White space becomes one blank. A long form that holds its own short form would grow for
    ever, so it ends at the first text seen before, or after ``MAX_ROUNDS``.

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
    """Return the function that finds a document's abbreviations; the published set-up is ``ab3p``.

    Raises
    ------
    InputError
        If the method is unknown, or its package is not installed.
    """
    finders: dict[str, Callable[[], AbbreviationFinder]] = {
        "ab3p": _ab3p,
        "schwartz-hearst": _schwartz_hearst,
        "none": lambda: no_abbreviations,
    }
    if method not in finders:
        raise InputError(f"unknown abbreviation method '{method}': choose one of {', '.join(ABBREVIATION_METHODS)}")
    return finders[method]()


def no_abbreviations(text: str) -> Mapping[str, str]:
    """Find none."""
    return {}


def _ab3p() -> AbbreviationFinder:
    """Ab3P (Sohn et al. 2008), the program that the published corpora were made with."""
    try:
        from pyab3p import Ab3p
    except ImportError as error:
        raise missing_extra("pyab3p", "ab3p") from error
    with _quiet():
        program = Ab3p()

    def find(text: str) -> dict[str, str]:
        line = max(text.split("\n"), key=len)
        if len(line.encode()) > MAX_LINE:
            raise InputError(
                f"a line of more than {MAX_LINE} bytes is too long for Ab3P, it begins with {line[:40]!r}: "
                "use --abbreviations schwartz-hearst"
            )
        with _quiet():
            found = program.get_abbrs(text)
        return {pair.short_form: pair.long_form for pair in found}  # the last pair of a short form wins

    return find


def _schwartz_hearst() -> AbbreviationFinder:
    """Schwartz and Hearst (2003), pure Python: for machines where Ab3P does not build. Not the published set-up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        from abbreviations.schwartz_hearst import extract_abbreviation_definition_pairs
    except ImportError as error:
        raise missing_extra("abbreviations", "schwartz-hearst") from error
    finally:  # the package configures the root logger on import, which is not its business
        root.handlers[:] = handlers
        root.setLevel(level)

    def find(text: str) -> dict[str, str]:
        return dict(extract_abbreviation_definition_pairs(doc_text=text))

    return find


@contextmanager
def _quiet() -> Iterator[None]:
    """Send file descriptors 1 and 2 to nowhere: Ab3P writes to both from C++, where Python cannot reach.

    On stdout a stray line would spoil the JSON result. What Python has buffered is written out before.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None where the descriptor was closed from the start
            stream.flush()
    saved = [(number, os.dup(number)) for number in (1, 2) if _is_open(number)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in saved:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, copy in saved:
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
