"""What a user can see, compared with what it was: golden files, and the commands run in this process."""

import json
import os
import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import torch

from biosyn.cli.main import main

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIXTURES = ROOT / "tests" / "fixtures" / "old-commit"
TOLERANCE = 1e-5  # relative, of the numbers in JSON and in text
SMALL = 1e-6  # absolute, for numbers near 0
WIDTH = 150  # a value that fits into a line of a golden file is not broken
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


@pytest.fixture(scope="session")
def golden():
    """Function: name and a JSON value -> nothing, if the value is that of golden/NAME.json; regenerate.py writes it."""

    def check(name, found, *, tolerance=TOLERANCE):
        path = HERE / "golden" / f"{name}.json"
        found = json.loads(json.dumps(found))
        if os.environ.get("BIOSYN_REGENERATE"):
            path.write_text(pretty(found) + "\n", encoding="utf-8")
        differences = list(different(json.loads(path.read_text(encoding="utf-8")), found, name, tolerance))
        assert not differences, "\n".join(differences[:20])

    return check


@pytest.fixture(scope="session")
def same_dropout():
    """Skip golden trainings where torch drops other numbers for the same seed than 2.11 to 2.13 do, as 2.6 does."""
    mask = torch.empty(100).bernoulli_(0.9, generator=torch.Generator().manual_seed(0))
    if (mask == 0).nonzero().flatten().tolist() != [0, 3, 35, 48, 53, 63, 92]:
        pytest.skip("the golden trainings were written with a torch whose dropout differs")


def different(expected, found, place, tolerance):
    """Yield a line for each place where two JSON values differ: in type, keys, order, text, or a number by more."""
    if type(expected) is not type(found):
        yield f"{place}: expected {expected!r}, found {found!r}"
    elif isinstance(expected, dict):
        if list(expected) != list(found):
            yield f"{place}: expected the keys {list(expected)}, found {list(found)}"
        for key in filter(found.__contains__, expected):
            yield from different(expected[key], found[key], f"{place}.{key}", tolerance)
    elif isinstance(expected, list):
        if len(expected) != len(found):
            yield f"{place}: expected {len(expected)} parts, found {len(found)}: {found!r}"
        for row, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from different(one, other, f"{place}[{row}]", tolerance)
    elif not is_same(expected, found, tolerance):
        yield f"{place}: expected {expected!r}, found {found!r}"


def is_same(expected, found, tolerance):
    """Say whether two simple values are equal, but for the last digits of floats and of decimal numbers in a text."""
    if isinstance(expected, float):
        return found == pytest.approx(expected, rel=tolerance, abs=SMALL)
    if isinstance(expected, str) and NUMBER.sub("0.0", expected) == NUMBER.sub("0.0", found):
        numbers = [[float(number) for number in NUMBER.findall(text)] for text in (expected, found)]
        return numbers[1] == pytest.approx(numbers[0], rel=tolerance, abs=SMALL)
    return expected == found


def pretty(value, indent=0):
    """Return JSON that is broken only where a value does not fit into a line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list):
        return line
    inside = indent + 1
    if isinstance(value, dict):
        rows = [f"{json.dumps(key, ensure_ascii=False)}: {pretty(part, inside)}" for key, part in value.items()]
    elif all(isinstance(part, int | float) for part in value):
        return line
    else:
        rows = [pretty(part, inside) for part in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return first + "\n" + ",\n".join(" " * inside + row for row in rows) + "\n" + " " * indent + last


@pytest.fixture(scope="session")
def run():
    """Function: words of a command after ``biosyn`` -> exit code, text on stdout, text on stderr."""

    def call(*words):
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            try:
                code = main([str(word) for word in words])
            except SystemExit as end:  # argparse
                code = end.code
        return code, out.getvalue(), err.getvalue()

    return call


@pytest.fixture(scope="session")
def result(run):
    """Function: words of a command that succeeds -> the JSON document on its stdout."""

    def call(*words):
        code, out, err = run(*words)
        assert code == 0, err
        return json.loads(out)

    return call


@pytest.fixture(scope="session")
def fixtures():
    """The folder that the old commit filled: encoder, checkpoint, interrupted, upstream and their corpus."""
    return FIXTURES


@pytest.fixture(scope="session")
def inputs():
    """The folder of raw corpora, ontologies and files of mentions."""
    return HERE / "inputs"


@pytest.fixture(scope="session")
def model(fixtures):
    """Function: folder of a model -> the flags that name it and the dictionary."""

    def flags(folder=fixtures / "checkpoint"):
        names = {"--model_name_or_path": folder, "--dictionary_path": fixtures / "corpus" / "dictionary.txt"}
        return [*(part for pair in names.items() for part in pair), "--device", "cpu", "--quiet"]

    return flags


@pytest.fixture(scope="session")
def contents():
    """Function: folder -> relative path -> lines, of every file below it."""

    def read(folder):
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_text("utf-8").splitlines() for path in paths}

    return read


@pytest.fixture(scope="session")
def masked():
    """Function: JSON value and names of keys -> the same with ``...`` in place of what these keys hold."""

    def mask(value, *keys):
        if isinstance(value, dict):
            return {key: "..." if key in keys else mask(part, *keys) for key, part in value.items()}
        return [mask(part, *keys) for part in value] if isinstance(value, list) else value

    return mask
