"""The cleaning of every mention and every dictionary name, and the table of spelling corrections for it."""

import re
import string
from collections.abc import Mapping
from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import read_lines


class TextPreprocess:
    """Lower-case, correct known misspellings, replace white space and punctuation by single blanks.

    Parameters
    ----------
    typos
        Misspelled token -> correct spelling, both in lower case. Tokens are separated by white space and include
        punctuation: ``tumour`` in the table does not correct ``tumour,``.
    keep_pipe
        Keep ``|``, which separates the parts of a composite query. In names of an ontology and in mentions that a
        user types it is punctuation.

    Examples
    --------
    >>> TextPreprocess().run("Ataxia-Telangiectasia (AT),  type|1 ")
    'ataxia telangiectasia at type 1'
    >>> TextPreprocess({"tumour": "tumor"}, keep_pipe=True).run("Skin tumour|Wilms' tumour.")
    'skin tumour|wilms tumour'
    """

    def __init__(self, typos: Mapping[str, str] | None = None, *, keep_pipe: bool = False):
        self._typos = dict(typos or {})
        punctuation = string.punctuation.replace("|", "") if keep_pipe else string.punctuation
        self._blank = re.compile(rf"[\s{re.escape(punctuation)}]+")

    def run(self, text: str) -> str:
        """Return the cleaned text, which is empty if the text was only punctuation."""
        return self.stages(text)[-1]

    def stages(self, text: str) -> tuple[str, str, str]:
        """Return the text in lower case, then with corrected spelling, then without punctuation, the cleaned text."""
        tokens = text.lower().split()
        corrected = " ".join(self._typos.get(token, token) for token in tokens)
        return " ".join(tokens), corrected, self._blank.sub(" ", corrected).strip()


def has_content(text: str) -> bool:
    """Return whether there is something to link: a letter or a digit.

    Examples
    --------
    >>> has_content("p53"), has_content("--- | ...")
    (True, False)
    """
    return any(map(str.isalnum, text))


def read_typos(path: str | Path) -> dict[str, str]:
    """Read lines ``wrong||right``, lower-cased; empty lines are skipped, and the last line of a word counts."""
    typos: dict[str, str] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        wrong, separator, right = line.lower().partition("||")
        if not separator or not wrong.strip() or not right.strip() or "||" in right:
            raise InputError(f"expected 'wrong||right', found {line[:60]!r}", path=path, line=number)
        typos[wrong.strip()] = right.strip()
    return typos
