"""Settings to flags and back: a flag for each field of a config, a section of ``--help`` for each group of them."""

import argparse
import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from biosyn.distributed.environment import launched_rank
from biosyn.errors import InputError
from biosyn.settings.groups import FILE, FOLDER, MODEL, OUTPUT, Compute, Settings, a_seed

Config = TypeVar("Config", bound=Settings)
Field = dataclasses.Field[Any]
ORDER = ("model", "data", "", "output", "index", "compute")  # of the sections of a help; "" is all others


def add_flags(
    parser: argparse.ArgumentParser, config: type[Settings], *, title: str = "", only: Collection[str] = ()
) -> None:
    """Add a flag for every setting of a config; one that the parser has already, from another config, is left as it is.

    Parameters
    ----------
    title
        The section of the settings that only this config has, if they name none; empty for argparse's own.
    only
        The settings to add; empty for all.
    """
    hints = typing.get_type_hints(config)
    known = {"show_progress" if action.dest == "quiet" else action.dest for action in parser._actions}
    for section_title, fields in _sections(config, title):
        new = [field for field in fields if field.name not in known and (not only or field.name in only)]
        section = section_of(parser, section_title) if new else parser
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


def section_of(parser: argparse.ArgumentParser, title: str) -> Any:
    """Return the section of the help with this title, a new one where there is none; the parser for an empty title."""
    there = [group for group in parser._action_groups if group.title == title]
    return parser if not title else there[0] if there else parser.add_argument_group(title)


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


def _sections(config: type[Settings], title: str) -> list[tuple[str, list[Field]]]:
    """Return the sections of a config's help with their settings, those that must be given first.

    The settings that only this config has are in the section `title`, where they name none.
    """
    groups = [base for base in config.__mro__[1:] if issubclass(base, Settings) and base is not Settings]
    usual = {name: _title(group) for group in groups for name in group.__dataclass_fields__}
    sections: dict[str, list[Field]] = {}
    for field in sorted(dataclasses.fields(config), key=lambda field: field.name not in usual):
        sections.setdefault(field.metadata["section"] or usual.get(field.name, title), []).append(field)
    place = {name: rank for rank, name in enumerate(ORDER)}
    for fields in sections.values():
        fields.sort(key=lambda field: field.default is not dataclasses.MISSING)
    return sorted(sections.items(), key=lambda one: (place.get(one[0], place[""]), one[0] != title))


def _title(group: type[Settings]) -> str:
    """Return the section of a group: its docstring up to the first colon."""
    return str(group.__doc__).partition(":")[0].rstrip(".").lower()


def _options(field: Field, hint: Any) -> dict[str, Any]:
    """Return what ``add_argument`` is told about a setting."""
    required, choices = field.default is dataclasses.MISSING, field.metadata["choices"]
    text = str(field.metadata["help"])
    options: dict[str, Any] = {"help": text}
    if hint is bool and field.default:
        return {"action": "store_true", "default": True, "help": f"{text} (the default)"}
    if hint is bool:
        return options | {"action": "store_true"}
    if choices:
        options["choices"] = choices
    else:
        names = (METAVARS.get(field.metadata["check"]), METAVARS.get(_kind(hint)))
        options["metavar"] = next(filter(None, (field.metadata["metavar"], *names)), None)
    if typing.get_origin(hint) is tuple:
        options |= {"nargs": "+", "action": "extend"}
        if not required:
            return options | {"default": []}
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


METAVARS = {
    FILE: "FILE",
    FOLDER: "FOLDER",
    OUTPUT: "FOLDER",
    MODEL: "MODEL",
    whole_number: "N",
    float: "X",
}  # by check, or kind
