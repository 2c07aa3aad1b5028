"""The cleaning that every mention and every dictionary name goes through."""

import re
import string
from collections.abc import Mapping
from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import read_lines


class TextPreprocess:
    """Lower-case, mend known misspellings, turn white space and punctuation into single blanks.

    Parameters
    ----------
    typos
        Misspelled token -> right spelling, both in lower case. A token is what stands between white space,
        punctuation and all: ``tumour`` in the table does not mend ``tumour,``.
    keep_pipe
        Spare ``|``, which separates the parts of a composite query. Names of an ontology, and mentions that
        a user types, have no parts: there it is punctuation.

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
        """Return the cleaned text; it can be empty, when there was nothing but punctuation."""
        return self.stages(text)[-1]

    def stages(self, text: str) -> tuple[str, str, str]:
        """Return the text in lower case, then with its spelling mended, then without punctuation: the cleaned one."""
        tokens = text.lower().split()
        mended = " ".join(self._typos.get(token, token) for token in tokens)
        return " ".join(tokens), mended, self._blank.sub(" ", mended).strip()


def has_content(text: str) -> bool:
    """Say whether there is something to link: a letter or a digit.

    Examples
    --------
    >>> has_content("p53"), has_content("--- | ...")
    (True, False)
    """
    return any(map(str.isalnum, text))


def read_typos(path: str | Path) -> dict[str, str]:
    """Read ``wrong||right`` lines, both lower-cased; empty lines are skipped, the last line of a word wins.

    Raises
    ------
    InputError
        If a line has not two filled fields.
    """
    typos: dict[str, str] = {}
    for number, line in read_lines(path):
        if not line.strip():
            continue
        wrong, separator, right = line.lower().partition("||")
        if not separator or not wrong.strip() or not right.strip() or "||" in right:
            raise InputError(f"expected 'wrong||right', found {line[:60]!r}", path=path, line=number)
        typos[wrong.strip()] = right.strip()
    return typos
