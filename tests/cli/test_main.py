import subprocess
import sys
from pathlib import Path

import pytest

from biosyn.cli.main import VERBS, main


def test_help_names_the_verbs(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in VERBS)


def test_each_script_is_a_verb_too():
    scripts = {path.stem for path in Path(__file__).parents[2].glob("*.py")} - {"setup"}
    assert {"pretrain", "train", "eval"} <= scripts <= set(VERBS)


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_no_verb_or_an_unknown_one_ends_with_exit_2(arguments, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: biosyn")


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_help_without_waiting_for_torch(verb):
    code = (
        "import sys; from biosyn.cli.main import main\n"
        "try: main([sys.argv[1], '--help'])\n"
        "finally: assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules), 'help waits for torch'"
    )
    done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "biosyn", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
