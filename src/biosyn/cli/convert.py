"""biosyn convert: a published checkpoint to ours, or any to the format of upstream BioSyn."""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import MODEL_HELP, add_quiet, add_revision, make_config, run_command
from biosyn.errors import InputError
from biosyn.files import require_writable
from biosyn.settings.verbs import CHECKPOINT_FORMATS, ConvertConfig

logger = logging.getLogger(__name__)


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

    return convert(config)


def convert(config: ConvertConfig) -> dict[str, Any]:
    """Run biosyn convert: read any checkpoint, write it in the format asked for; return its JSON result.

    Raises
    ------
    InputError
        If there is no such checkpoint, one of its files is damaged, upstream has no such pooling, or the output folder
        cannot be written.
    """
    # here, so that --help does not wait for torch
    from biosyn.checkpoint.manifest import describe_model
    from biosyn.checkpoint.upstream_export import save_upstream
    from biosyn.encoders.pooling import CLS
    from biosyn.model.biosyn import BioSyn

    biosyn = BioSyn.from_pretrained(
        config.model_name_or_path, revision=config.revision, max_length=config.max_length, device="cpu"
    )
    pooling = biosyn.get_dense_encoder().pooling
    if config.to == "upstream" and pooling != CLS:
        raise InputError(
            f"was trained with {pooling.mode} pooling and {pooling.similarity} scores, and upstream's programs know "
            "[CLS] and inner products alone: train with --pooling cls --similarity inner",
            path=config.model_name_or_path,
        )
    output_dir = require_writable(config.output_dir)
    if config.to == "upstream":
        dense = biosyn.get_dense_encoder()
        save_upstream(
            output_dir,
            model=dense.model,
            tokenizer=dense.tokenizer,
            sparse_encoder=biosyn.get_sparse_encoder(),
            sparse_weight=biosyn.sparse_weight,
        )
    else:
        assert biosyn.manifest is not None  # a loaded checkpoint has one
        source = describe_model(config.model_name_or_path, config.revision)
        trained = biosyn.manifest.trained or {"converted_from": source}
        biosyn.save_model(output_dir, trained=trained, figures=biosyn.manifest.figures)
    logger.info("the model is in %s", output_dir)
    return {"output_dir": str(output_dir), "format": config.to, "sparse_weight": biosyn.sparse_weight}


if __name__ == "__main__":
    sys.exit(main())
