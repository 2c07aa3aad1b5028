"""Parser: argparse with our ``--help``, and errors that name the nearest word."""

import argparse
import shutil
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from biosyn.cli.exits import DEBUG
from biosyn.cli.verbs import VERBS, called, command_line


class Parser(argparse.ArgumentParser):
    """The parser of a verb, by its row in the table of verbs, and of its subcommands.

    Parameters
    ----------
    verb
        The verb; empty for a subcommand, whose `options` are those of argparse.
    """

    def __init__(self, verb: str = "", **options: Any):
        if verb:
            row = VERBS[verb]
            text = f"{row.help[0].upper()}{row.help[1:]}. {row.more}".strip()
            options = {"prog": called(verb), "description": text} | options
        super().__init__(formatter_class=_Formatter, add_help=False, **options)
        self.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)  # who reads the help has found it

    def add_subparsers(self, **options: Any) -> Any:
        """Add subcommands, by names without the flags of this parser."""
        return super().add_subparsers(**{"prog": self.prog, "title": "commands"} | options)

    def format_help(self) -> str:
        """Return the help, with the examples of this verb or subcommand at its end."""
        words = self.prog.removeprefix("biosyn ").replace(".py", "", 1)
        examples = VERBS[words.split()[0]].examples if words.split()[0] in VERBS else ()
        own = [example for example in examples if f"{example} ".startswith(f"{words} ")]
        lines = [super().format_help(), *(["examples:"] if own else [])]
        lines += [f"{broken(command_line(example), indent=2)}\n" for example in own]
        return "\n".join([*lines, f"{DEBUG} shows the traceback of an error.", ""])

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse; an unknown flag ends the command before a missing one does, and in the subcommand that lacks it."""
        if self._subparsers is None:
            for word in args:
                if word == "--":
                    break
                if word.startswith("--") and " " not in word:  # one with a blank is taken for a value
                    self._require_known(word.split("=")[0])
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unexpected {unknown[0]!r}")
        return found, unknown

    def _require_known(self, flag: str) -> None:
        flags = self._option_string_actions
        shortened = self.allow_abbrev and any(known.startswith(flag) for known in flags)
        if flag not in flags and not shortened:
            self.error(f"unknown flag {flag}{nearest(flag, flags)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            text = f"unknown {str(value)[:40]!r}{nearest(str(value), known)} (choose from {', '.join(known)})"
            raise argparse.ArgumentError(action if action.option_strings else None, text)

    def error(self, message: str) -> NoReturn:
        """End the command with exit code 2, after the short usage and the message."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}\n")


class _Formatter(argparse.HelpFormatter):
    """A usage of what must be given, and flags of any length beside their help."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=min(shutil.get_terminal_size().columns, 120) - 2)
        self._action_max_length = 16  # at least: argparse does not count the indent of a subcommand

    def add_usage(self, usage: Any, actions: Iterable[Any], groups: Any, prefix: str | None = None) -> None:
        """Show what must be given, and [flags] for all others."""
        either = [action for group in groups if group.required for action in group._group_actions]
        needed = [action for action in actions if action.required or action in either or not action.option_strings]
        rest = argparse.Action(["[flags]"], "flags", nargs=0, required=True)
        super().add_usage(usage, [*needed, rest], groups, prefix)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``: did you mean ...?`` with the nearest of the known words, or nothing where none is near.

    Examples
    --------
    >>> nearest("--epohc", ["--epoch", "--seed"]), nearest("ncbi", ["bioc", "ncbi-disease"]), nearest("x", ["ls"])
    (': did you mean --epoch?', ': did you mean ncbi-disease?', '')
    >>> nearest("--modle", ["--mode", "--model_name_or_path"]), nearest("--x", ["--topk"])
    (': did you mean --mode?', '')
    >>> nearest("--modle", ["--seed", "--model_name_or_path"])
    ': did you mean --model_name_or_path?'
    """
    from difflib import get_close_matches  # here, so that commands do not wait for it

    words = list(known)
    spelled = {one[: len(word)]: one for one in reversed(words)} | {one: one for one in words}  # a beginning counts too
    close = get_close_matches(word, spelled, n=1, cutoff=0.7)
    return f": did you mean {spelled[close[0]]}?" if close else ""


def broken(command: str, *, indent: int) -> str:
    r"""Return a command line in lines of the terminal's width, before each ``--flag`` at most, joined by ``\``."""
    width = min(shutil.get_terminal_size().columns, 120) - 2
    lines = [" " * indent]
    for part in command.replace(" --", "\n--").split("\n"):
        if len(lines[-1]) + len(part) + 3 > width and lines[-1].strip():
            lines[-1] += "\\"
            lines.append(" " * (indent + 4))
        lines[-1] += f"{part} "
    return "\n".join(line.rstrip() for line in lines)
