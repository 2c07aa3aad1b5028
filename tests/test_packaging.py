"""The package: setup.py and requirements.txt agree, and a wheel holds and runs what the repository does."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from what .dockerignore lets through."""
    context, output = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("wheel")
    for name in re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copy(ROOT / name, context)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", output]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, context], check=True, cwd=context)
    return next(output.glob("biosyn-*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel):
    expected = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / "biosyn").rglob("*") if path.is_file()}
    found = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert found == {name for name in expected if "__pycache__" not in name}


@pytest.mark.slow
def test_the_wheel_runs_the_quickstart_far_from_the_repository(wheel, tmp_path):
    """In a virtual environment with this wheel; the packages that it needs are those of the tests."""
    venv.create(tmp_path / "venv", with_pip=False)
    python, biosyn = tmp_path / "venv" / "bin" / "python", tmp_path / "venv" / "bin" / "biosyn"
    paths = [path for path in sys.path if path.endswith("site-packages")]
    packages = next((tmp_path / "venv").rglob("site-packages"))
    (packages / "zz_of_the_tests.pth").write_text("".join(f"{path}\n" for path in paths))  # after its own
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = {"check": True, "cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "text": True}
    subprocess.run(pip, **run)
    where = subprocess.run([python, "-c", "import biosyn; print(biosyn.__file__)"], **run).stdout
    assert Path(where).is_relative_to(packages)
    printed = subprocess.run([biosyn, "quickstart", "--output_dir", "out", "--device", "cpu", "--quiet"], **run).stdout
    assert "is mapped to" in printed
    assert (tmp_path / "out" / "model" / "biosyn.json").is_file()
