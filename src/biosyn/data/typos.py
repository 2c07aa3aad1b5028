"""Reading a corpus's spelling corrections."""

from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import read_lines


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
