"""The command ``biosyn``: finds the verb and runs it. ``python train.py ...`` is ``biosyn train ...``."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from biosyn import __version__
from biosyn.cli.common import call_function, complete, run_command
from biosyn.cli.exits import DEBUG, debug_wanted, guarded, print_result
from biosyn.cli.parser import Parser, broken, nearest
from biosyn.cli.parsing import add_flags, make_config
from biosyn.cli.verbs import GROUPS, VERBS, called
from biosyn.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb that the first argument names; return the exit code."""
    arguments, debug = debug_wanted(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what may come next: the words are in its line
        arguments = _completed()
    name = arguments[0] if arguments else ""
    command = called(name) if name in VERBS else "biosyn"
    return guarded(lambda: _run(name, [DEBUG] * debug + arguments[1:]), command, debug=debug)


def _run(name: str, flags: list[str]) -> int:
    if name in ("-h", "--help"):
        print_result(_overview())
        return 0
    if name == "--version" or flags == ["--version"]:
        print_result(f"biosyn {__version__}")
        return 0
    if not name:
        print(_overview(), file=sys.stderr)
        return 2
    if name not in VERBS:
        close = nearest(name, [*VERBS, "--help", "--version"])
        raise InputError(f"unknown verb '{name}'{close} (biosyn --help lists the verbs)")
    verb = VERBS[name]
    settings = verb.settings
    if settings is None:
        code: int = import_module(f"biosyn.cli.{name}").main(flags)
        return code
    parser = Parser(name)
    add_flags(parser, settings, title=verb.section)

    def call(args: Any) -> Any:
        return call_function(verb.function, make_config(settings, args), ranks=verb.ranks)

    return run_command(call, parser, flags, ranks=verb.ranks)


def _overview() -> str:
    lines = ["usage: biosyn VERB [flags]", "", "biosyn VERB --help lists the flags of a verb, with two examples."]
    for title, verbs in GROUPS.items():
        example = broken(f"biosyn {next(iter(verbs.values())).examples[0]}", indent=4)
        lines += ["", f"{title}:", *(f"  {name:12}{verb.help}" for name, verb in verbs.items()), "", example]
    lines += ["", "The examples run after biosyn quickstart. biosyn --version tells the version."]
    lines += [f"{DEBUG}, with any verb, shows the traceback of an error."]
    lines += ["", "Tab completes words in bash: pip install 'biosyn[completion]', and in ~/.bashrc"]
    lines += ["", '    eval "$(register-python-argcomplete biosyn)"']
    return "\n".join(lines)


def _completed() -> list[str]:
    """Return the verb of the line that a shell completes, whose parser then says what may come next, or end here."""
    words = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])].split(" ")
    if len(words) > 2 and words[1] in VERBS:
        os.environ["_ARGCOMPLETE"] = "2"  # the place of the word in which the parser's line begins
        return [words[1]]
    parser = Parser(prog="biosyn")
    parser.add_argument("verb", choices=VERBS)
    complete(parser)
    return []


if __name__ == "__main__":
    sys.exit(main())
