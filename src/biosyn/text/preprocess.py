"""The cleaning of every mention and every dictionary name, and the table of spelling corrections for it."""

import re
import string
from collections.abc import Mapping
from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.text.characters import plain


class TextPreprocess:
    """Plain characters, lower case, known misspellings corrected, white space and punctuation as single blanks.

    Only the first step, `plain`, is not part of the published cleaning. It leaves ASCII unchanged, and the published
    corpora are ASCII.

    Parameters
    ----------
    typos
        Misspelled token -> correct spelling, both in lower case. Tokens are separated by white space and include
        punctuation: ``tumour`` in the table does not correct ``tumour,``.
    keep_pipe
        Keep ``|``, which separates the parts of a composite query. In names of an ontology and in mentions that a
        user types, it is punctuation.

    Examples
    --------
    >>> TextPreprocess().run("Ataxia-Telangiectasia (AT),  type|1 ")
    'ataxia telangiectasia at type 1'
    >>> TextPreprocess({"tumour": "tumor"}, keep_pipe=True).run("Skin tumour|Wilms' tumour.")
    'skin tumour|wilms tumour'
    >>> TextPreprocess().run("Sjögren’s syndrome, type Ⅱ")
    'sjögren s syndrome type ii'
    """

    def __init__(self, typos: Mapping[str, str] | None = None, *, keep_pipe: bool = False):
        self._typos = dict(typos or {})
        punctuation = string.punctuation.replace("|", "") if keep_pipe else string.punctuation
        self._blank = re.compile(rf"[\s{re.escape(punctuation)}]+")

    def run(self, text: str) -> str:
        """Return the cleaned text, which is empty if the text was only punctuation."""
        return self.stages(text)[-1]

    def stages(self, text: str) -> tuple[str, str, str]:
        """Return the plain text in lower case, then with corrected spelling, then, clean, without punctuation."""
        tokens = plain(text).lower().split()
        corrected = " ".join(self._typos.get(token, token) for token in tokens)
        return " ".join(tokens), corrected, self._blank.sub(" ", corrected).strip()


def has_content(text: str) -> bool:
    """Return whether there is something to link: a letter or a digit.

    Examples
    --------
    >>> has_content("p53"), has_content("--- | ..."), has_content("Ⓐ"), has_content("™")
    (True, False, True, False)
    """
    return any(map(str.isalnum, plain(text)))


def lookup_text(name: str) -> str:
    """Return the text by which a dictionary's name is looked up: the name itself, or cleaned if it is not ASCII.

    Dictionaries that BioSyn wrote are clean already. Others are taken as they are, but a mention, which is clean,
    could not equal ``type Ⅱ``, or ``Ménière`` in another form of Unicode.

    Examples
    --------
    >>> lookup_text("Type-I diabetes"), lookup_text("Type-Ⅰ diabetes"), lookup_text("™")
    ('Type-I diabetes', 'type i diabetes', '™')
    """
    return name if name.isascii() else _CLEANED(name) or name


_CLEANED = TextPreprocess().run


def read_typos(path: str | Path) -> dict[str, str]:
    """Read lines ``wrong||right``, lower-cased; empty lines are skipped, and the last line of a word counts."""
    typos: dict[str, str] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        wrong, separator, right = plain(line).lower().partition("||")
        if not separator or not wrong.strip() or not right.strip() or "||" in right:
            raise InputError(f"expected 'wrong||right', found {line[:60]!r}", path=path, line=number)
        typos[wrong.strip()] = right.strip()
    return typos
