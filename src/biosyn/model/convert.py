"""The verb convert: from a published checkpoint to our format, and from any to upstream's."""

import logging
from pathlib import Path
from typing import Any

from biosyn.checkpoint.files import model_files
from biosyn.checkpoint.manifest import describe_model
from biosyn.checkpoint.upstream_export import save_upstream
from biosyn.encoders.pooling import CLS
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.places import Inputs
from biosyn.settings.verbs import ConvertConfig
from biosyn.writing import require_writable

logger = logging.getLogger(__name__)


def convert(config: ConvertConfig) -> dict[str, Any]:
    """Run biosyn convert: read any checkpoint, write it in the format asked for; return its JSON result."""
    Inputs.of(config).require_apart(model_files(Path(config.output_dir)), option="folder")
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
