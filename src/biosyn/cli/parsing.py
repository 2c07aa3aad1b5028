"""Settings to flags and back: a flag for each field of a config, a section of ``--help`` for each group of them."""

import argparse
import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from biosyn.distributed.environment import launched_rank
from biosyn.errors import InputError
from biosyn.settings.groups import Compute, Settings, a_seed

Config = TypeVar("Config", bound=Settings)
Field = dataclasses.Field[Any]


def add_flags(
    parser: argparse.ArgumentParser, config: type[Settings], *, title: str = "", only: Collection[str] = ()
) -> None:
    """Add a flag for every setting of a config; one that the parser has already, from another config, is left as it is.

    Parameters
    ----------
    title
        The section of the settings that only this config has; empty for the first section of all.
    only
        The settings to add; empty for all.
    """
    hints = typing.get_type_hints(config)
    known = {"show_progress" if action.dest == "quiet" else action.dest for action in parser._actions}
    for group, fields in _groups(config):
        new = [field for field in fields if field.name not in known and (not only or field.name in only)]
        section: Any = parser.add_argument_group(group or title) if new and (group or title) else parser
        for field in new:
            if field.name == "show_progress":  # the flag takes away what is there by default
                add_quiet(section)
            else:
                section.add_argument(f"--{field.name}", **_options(field, hints[field.name]))
            if hints[field.name] is bool and field.default:
                section.add_argument(
                    f"--no_{field.name}", dest=field.name, action="store_false", help=f"leave out --{field.name}"
                )
            if field.name == "device":
                section.add_argument("--use_cuda", action="store_true", help="the same as --device cuda")


def add_quiet(parser: Any) -> None:
    """Add ``--quiet`` to a parser, or to a section of one."""
    parser.add_argument(
        "--quiet", action="store_true", help=Compute.__dataclass_fields__["show_progress"].metadata["help"]
    )


def make_config(config: type[Config], args: argparse.Namespace, **given: Any) -> Config:
    """Return the verb's config from the parsed flags; `given` settings come first."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        if field.name == "show_progress":
            values[field.name] = show_progress(args)
        elif field.name == "device":
            values[field.name] = chosen_device(args)
        elif field.name in vars(args):
            value = getattr(args, field.name)
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return config(**values | given)


def chosen_device(args: argparse.Namespace) -> str:
    """Return the device's name from the two flags; refuse ``--use_cuda`` where it contradicts ``--device``."""
    if args.use_cuda and args.device == "auto":
        return "cuda"
    if args.use_cuda and not args.device.startswith("cuda"):
        raise InputError(f"--use_cuda contradicts --device {args.device}: give one of them")
    return str(args.device)


def show_progress(args: argparse.Namespace) -> bool:
    """Say whether to show progress bars: on a terminal only, not with ``--quiet``, and on the first rank."""
    return not args.quiet and sys.stderr.isatty() and launched_rank() == 0


def _groups(config: type[Settings]) -> Iterator[tuple[str, list[Field]]]:
    """Give the settings that only this config has, under no title, then those of each group under the group's."""
    effective = config.__dataclass_fields__
    groups = [base for base in config.__mro__[1:] if issubclass(base, Settings) and base is not Settings]
    shared = {name for group in groups for name in group.__dataclass_fields__}
    yield "", [field for field in dataclasses.fields(config) if field.name not in shared]
    for group in groups:
        yield str(group.__doc__).rstrip(".").lower(), [effective[field.name] for field in dataclasses.fields(group)]


def _options(field: Field, hint: Any) -> dict[str, Any]:
    """Return what ``add_argument`` is told about a setting."""
    required, choices = field.default is dataclasses.MISSING, field.metadata["choices"]
    text = str(field.metadata["help"])
    options: dict[str, Any] = {"help": text}
    if hint is bool and field.default:
        return {"action": "store_true", "default": True, "help": f"{text} (the default)"}
    if hint is bool:
        return options | {"action": "store_true"}
    if field.metadata["metavar"]:
        options["metavar"] = field.metadata["metavar"]
    if choices:
        options["choices"] = choices
    if typing.get_origin(hint) is tuple:
        return options | {"nargs": "+", "action": "extend", "default": []}
    if required:
        return options | ({"required": True} if field.metadata["required"] else {})
    if field.default is not None:
        options |= {"default": field.default, "help": f"{text} (default: %(default)s)"}
    return options | {"type": _kind(hint)}


def whole_number(text: str) -> int:
    """Return the number that a flag's text is; one of 5,000 digits is none for Python either."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a whole number, found '{text[:40]}'") from error


def seed_number(text: str) -> int:
    """Return the seed that a flag's text is."""
    number = whole_number(text)
    if problem := a_seed(number):
        raise argparse.ArgumentTypeError(problem)
    return number


def _kind(hint: Any) -> Callable[[str], Any]:
    """Return what makes a value of a text: of ``int | None`` it is `whole_number`."""
    if isinstance(hint, types.UnionType):
        hint = next(kind for kind in typing.get_args(hint) if kind is not types.NoneType)
    kind: Callable[[str], Any] = whole_number if hint is int else hint
    return kind
