"""Commands, run in this process."""

import json

import pytest

from biosyn.cli.main import main


@pytest.fixture
def command(capsys):
    """Function: words, and dicts of flags -> exit code, the one JSON document on stdout or None, stderr."""

    def call(*words):
        argv = []
        for word in words:
            argv += [part for pair in word.items() for part in pair] if isinstance(word, dict) else [word]
        code = main([str(part) for part in argv])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out else None, printed.err

    return call


@pytest.fixture
def result(command):
    """Function: words of a command that succeeds -> the JSON document on its stdout."""

    def call(*words):
        code, found, err = command(*words)
        assert code == 0, err
        return found

    return call


@pytest.fixture
def refused(command):
    """Function: words of a command -> the one line on stderr of its refusal: exit code 2, nothing on stdout."""

    def call(*words):
        code, found, err = command(*words)
        assert (code, found) == (2, None), err
        (line,) = err.splitlines()
        return line

    return call


@pytest.fixture
def flags_of(tiny_dictionary):
    """Function: model -> the flags of a verb that takes a model and a dictionary."""
    return lambda model: {"--model_name_or_path": model, "--dictionary_path": tiny_dictionary, "--device": "cpu"}
