import subprocess
import sys
from pathlib import Path

import pytest

from biosyn.cli.main import GROUPS, VERBS, main


def test_help_lists_the_verbs_in_groups(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for title, verbs in GROUPS.items():
        start = lines.index(f"{title}:")
        assert [line.split()[0] for line in lines[start + 1 : start + 1 + len(verbs)]] == list(verbs)


def test_each_script_is_a_verb_too():
    scripts = {path.stem for path in Path(__file__).parents[2].glob("*.py")} - {"setup"}
    assert {"pretrain", "train", "eval"} <= scripts <= set(VERBS)


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_no_verb_or_an_unknown_one_ends_with_exit_2(arguments, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: biosyn")


HELP = """
import sys
from biosyn.cli.main import VERBS, main
for verb in VERBS:
    try:
        main([verb, "--help"])
    except SystemExit as end:
        assert end.code == 0, verb
    loaded = {"torch", "transformers", "sklearn"} & set(sys.modules)
    assert not loaded, f"{verb} --help waits for {loaded}"
"""


def test_each_verb_has_its_help_without_waiting_for_torch():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(VERBS)
