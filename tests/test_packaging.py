"""setup.py and requirements.txt must not drift apart."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def requirement_lines(name):
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_requirements_pin_every_version_and_end_with_the_package_itself():
    *pins, last = requirement_lines("requirements.txt")
    assert last == "-e ."
    assert all(re.match(r"[\w-]+==[\w.]+( ;|$)", line) for line in pins)


def test_every_package_that_setup_asks_for_is_pinned():
    names = re.findall(r'"([\w-]+)>=', (ROOT / "setup.py").read_text())
    pinned = {
        re.split("==", line)[0]
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in requirement_lines(name)
    }
    assert set(names) <= pinned


def test_pyproject_holds_tool_settings_only():
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text())) == {"build-system", "tool"}
