"""The one error that a user can fix: bad input, a bad flag, a missing file or package."""

from os import PathLike


class InputError(ValueError):
    """Bad input; the message is one line that says what is wrong, where, and what to do.

    Every function that reads user input, a file or a flag, may raise it: when a file is missing, unreadable or in
    another format, when a value is out of range, or when an optional package is not installed. Docstrings mention it
    only where there is more to say. The commands print the message and end with exit code 2, as they do for errors of
    the system (`biosyn.cli.exits`); any other exception is a bug of ours and keeps its traceback.

    Examples
    --------
    >>> str(InputError("expected 'cui||name', found 'ataxia'", path="dictionary.txt", line=7))
    "dictionary.txt:7: expected 'cui||name', found 'ataxia'"
    """

    def __init__(self, message: str, *, path: str | PathLike[str] | None = None, line: int | None = None):
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)


def missing_extra(package: str, extra: str) -> InputError:
    """Return the error for an optional package that is not installed.

    Examples
    --------
    >>> str(missing_extra("lxml", "xml"))
    "the package 'lxml' is not installed: run pip install 'biosyn[xml]'"
    """
    return InputError(f"the package '{package}' is not installed: run pip install 'biosyn[{extra}]'")
