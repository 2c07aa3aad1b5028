"""The command ``biosyn``: one word more than the scripts, ``biosyn train ...`` for ``python train.py ...``."""

import sys
from collections.abc import Sequence
from importlib import import_module

VERBS = (
    "quickstart",
    "preprocess",
    "pretrain",
    "train",
    "eval",
    "inference",
    "demo",
    "compare",
    "ablate",
    "calibrate",
    "convert",
    "index",
    "cache",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Hand the arguments after the verb to its own module; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    usage = f"usage: biosyn {{{','.join(VERBS)}}} ...   (biosyn VERB --help tells the flags)"
    if arguments and arguments[0] in ("-h", "--help"):
        print(usage)
        return 0
    if not arguments or arguments[0] not in VERBS:
        print(usage, file=sys.stderr)
        return 2
    verb: int = import_module(f"biosyn.cli.{arguments[0]}").main(arguments[1:])
    return verb
