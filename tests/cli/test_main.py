import argparse
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

from biosyn import __version__
from biosyn.cli.main import main
from biosyn.cli.verbs import GROUPS, VERBS


def test_help_lists_the_verbs_in_groups_with_an_example_each(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for title, verbs in GROUPS.items():
        start = lines.index(f"{title}:")
        end = start + 1 + len(verbs)
        assert [line.split()[0] for line in lines[start + 1 : end]] == list(verbs)
        assert lines[end : end + 2] == ["", lines[end + 1]]
        assert lines[end + 1].startswith(f"    biosyn {next(iter(verbs))}")
    assert max(map(len, lines)) <= 80


def test_each_script_is_a_verb_too():
    scripts = {path.stem for path in Path(__file__).parents[2].glob("*.py")} - {"setup"}
    assert {"pretrain", "train", "eval"} <= scripts <= set(VERBS)


def test_no_verb_shows_them_all_with_exit_2(capsys):
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: biosyn")


@pytest.mark.parametrize("words", ["--version", "train --version"])
def test_version(words, capsys):
    assert main(words.split()) == 0
    assert capsys.readouterr().out == f"biosyn {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trian", "unknown verb 'trian': did you mean train?"),
        ("fly", "unknown verb 'fly' ("),
        ("train --epohc=3", "unknown flag --epohc: did you mean --epoch?"),
        ("pretrain --train-dictionary-path x", "did you mean --train_dictionary_path?"),
        ("eval --score_mode sparce", "--score_mode: unknown 'sparce': did you mean sparse? (choose from hybrid, dense"),
        ("cache lss", "unknown 'lss': did you mean ls?"),
        ("preprocess ncbi", "unknown 'ncbi': did you mean ncbi-disease?"),
        ("preprocess hpo --ouput_dir x", "unknown flag --ouput_dir: did you mean --output_dir?"),
        ("cache ls here", "unexpected 'here'"),
        ("cache rm --al", "unknown flag --al: did you mean --all?"),  # what removes takes no shortened flag
    ],
)
def test_an_unknown_word_names_the_nearest_one(words, said, capsys):
    try:
        code = main(words.split())
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


class Parsed(BaseException):
    """Ends a command when its flags are parsed."""


@pytest.fixture
def only_parsed(monkeypatch):
    """Let commands end by `Parsed` when their flags are parsed."""

    def parse(parser, *args):
        raise Parsed(parser.parse_known_args(*args))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)


@pytest.mark.parametrize("example", [example for verb in VERBS.values() for example in verb.examples])
def test_the_examples_have_flags_that_there_are(only_parsed, example):
    with pytest.raises(Parsed):
        main(shlex.split(example))


@pytest.mark.parametrize("width", [80, 120])
def test_the_help_has_its_examples_as_they_are_typed(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for program, typed in (("/bin/biosyn", "biosyn eval"), ("eval.py", "python eval.py")):
        monkeypatch.setattr(sys, "argv", [program])
        with pytest.raises(SystemExit, match="0"):
            main(["eval", "--help"])
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= width
        examples = text.split("examples:\n")[1].replace("\\\n", "").split("\n\n")[:2]
        assert [" ".join(each.split()) for each in examples] == [
            f"{typed}{each.removeprefix('eval')}" for each in VERBS["eval"].examples
        ]


@pytest.mark.parametrize(("line", "asked"), [("biosyn tr", "biosyn"), ("biosyn cache ls --", "biosyn cache")])
def test_a_shell_that_completes_a_line_asks_the_parser_of_its_verb(monkeypatch, line, asked):
    asked_of = []
    library = types.SimpleNamespace(autocomplete=lambda parser: asked_of.append(parser.prog))
    monkeypatch.setitem(sys.modules, "argcomplete", library)
    monkeypatch.setattr(sys, "argv", ["biosyn"])
    for name, value in {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="1"):  # the library itself ends the process
        main([])
    assert asked_of == [asked]


HELP = """
import sys
from biosyn.cli.main import main
from biosyn.cli.verbs import VERBS
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
