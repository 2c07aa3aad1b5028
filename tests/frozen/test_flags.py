"""The flags of every verb with their defaults and choices; their help may change."""

import argparse
import runpy
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from biosyn.cli.main import main

ROOT = Path(__file__).parents[2]
SCRIPTS = ("train", "eval", "inference", "demo", "preprocess", "pretrain")
VERBS = (
    *SCRIPTS,
    "quickstart",
    "compare",
    "ablate",
    "calibrate",
    "rerank",
    "convert",
    "index",
    "cache",
    "map",
    "check",
    "mcp",
)
KINDS = {
    argparse._StoreAction: "store",
    argparse._StoreTrueAction: "store_true",
    argparse._StoreFalseAction: "store_false",
    argparse._ExtendAction: "extend",
    argparse._AppendAction: "append",
}


class Caught(BaseException):
    """Ends a command when it parses; no command catches it."""


@pytest.fixture
def parser_of(monkeypatch):
    """Function: what starts a command, and its verb -> the parser that the command would use."""

    def catch(parser, *args, **kwargs):
        raise Caught(parser)

    def call(start, verb):
        with monkeypatch.context() as patched:
            patched.setattr(argparse.ArgumentParser, "parse_known_args", catch)
            patched.setattr(argparse.ArgumentParser, "parse_args", catch)
            with pytest.raises(Caught) as caught:
                start()
        (parser,) = caught.value.args
        return subcommands(parser).get(verb, parser)  # one parser for all verbs would do as well

    return call


def subcommands(parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def table(parser, name):
    """Return command -> flag -> what it takes, for a parser and its subcommands."""
    below = subcommands(parser)
    if below:
        return {key: part for verb, child in below.items() for key, part in table(child, f"{name} {verb}").items()}
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    flags = {" ".join(action.option_strings) or action.metavar or action.dest: described(action) for action in actions}
    groups = [
        {"one of": sorted(action.option_strings[0] for action in group._group_actions), "required": group.required}
        for group in parser._mutually_exclusive_groups
    ]
    return {name: dict(sorted(flags.items())) | ({"exclusive": groups} if groups else {})}


def described(action):
    """Return what a flag takes; what is as for most flags is left out."""
    default = None if action.default is argparse.SUPPRESS else action.default
    values = {
        "type": "bool" if action.nargs == 0 else type_of(action.type),
        "kind": KINDS[type(action)],
        "required": action.required and bool(action.option_strings),  # a positional's follows from nargs
        "nargs": action.nargs,
        "choices": action.choices and list(action.choices),
        "default": list(default) if isinstance(default, tuple) else default,
    }
    usual = {"type": "str", "kind": "store", "required": False, "nargs": None, "choices": None, "default": None}
    return {key: value for key, value in values.items() if value != usual[key] and (key, value) != ("nargs", 0)}


def type_of(convert):
    """Return the name of the type that a flag's text becomes, whatever function makes it."""
    for text in ("7", "exact") if convert else ():
        with suppress(ValueError, argparse.ArgumentTypeError):
            return type(convert(text)).__name__
    return "str"


def test_flags_defaults_and_choices(parser_of, golden):
    found = {}
    for verb in VERBS:
        found |= table(parser_of(lambda verb=verb: main([verb]), verb), verb)
    golden("flags", dict(sorted(found.items())))


def test_a_script_takes_the_flags_of_its_verb(parser_of, monkeypatch):
    for verb in SCRIPTS:
        monkeypatch.setattr(sys, "argv", [f"{verb}.py"])
        script = parser_of(lambda verb=verb: runpy.run_path(str(ROOT / f"{verb}.py"), run_name="__main__"), verb)
        assert table(script, verb) == table(parser_of(lambda verb=verb: main([verb]), verb), verb)


def test_python_m_biosyn_takes_a_verb(parser_of, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["biosyn", "compare"])
    module = parser_of(lambda: runpy.run_module("biosyn", run_name="__main__"), "compare")
    assert table(module, "compare") == table(parser_of(lambda: main(["compare"]), "compare"), "compare")


def test_exit_codes_of_help_and_of_bad_words(run):
    assert [run(*words)[0] for words in (["--help"], ["train", "--help"], [], ["fly"], ["train", "--fly"])] == [
        *(0, 0),
        *(2, 2, 2),
    ]
    assert all(verb in run("--help")[1] for verb in VERBS)
