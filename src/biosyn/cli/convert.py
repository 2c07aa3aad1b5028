"""biosyn convert: a published checkpoint to ours, or any to the format of upstream BioSyn."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import MODEL_HELP, add_quiet, add_revision, make_config, run_command
from biosyn.config import CHECKPOINT_FORMATS, ConvertConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_convert, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    default = ConvertConfig.__dataclass_fields__
    parser = argparse.ArgumentParser(prog="biosyn convert", description=__doc__)
    add = parser.add_argument
    add("--model_name_or_path", required=True, help=MODEL_HELP)
    add("--output_dir", required=True, help="where the converted checkpoint goes")
    add(
        "--to",
        choices=CHECKPOINT_FORMATS,
        default=default["to"].default,
        help="upstream: for the tools that read upstream's files; they hold a pickle (default: %(default)s)",
    )
    add(
        "--max_length", type=int, help="tokens kept of a text (default: the checkpoint's; a published one has none: 25)"
    )
    add_revision(parser)
    add_quiet(parser)
    return parser


def _convert(args: argparse.Namespace) -> dict[str, Any]:
    config = make_config(ConvertConfig, args)
    from biosyn.convert import convert  # here, so that --help does not wait for torch

    return convert(config)


if __name__ == "__main__":
    sys.exit(main())
