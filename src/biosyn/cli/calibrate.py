"""biosyn calibrate: fit the probability that the best concept is right, on a dev set, and keep it in the model.

The model must not have been trained on that dev set: it would know it too well, and promise too much.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from biosyn.cli.common import (
    add_cache_dir,
    add_compute,
    add_device,
    add_hide_concepts,
    add_quiet,
    make_config,
    run_command,
)
from biosyn.settings.verbs import SCORE_MODES, CalibrateConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_calibrate, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    default = CalibrateConfig.__dataclass_fields__
    parser = argparse.ArgumentParser(prog="biosyn calibrate", description=__doc__)
    add = parser.add_argument
    add(
        "--model_name_or_path",
        required=True,
        help="a folder of ours, not a Hub id; its manifest gets the calibration",
    )
    add("--dictionary_path", required=True, help="dictionary of the dev set, a line 'cui||name' each")
    add("--data_dir", required=True, help="folder of .concept files, e.g. processed_dev")
    add("--score_mode", choices=SCORE_MODES, default=default["score_mode"].default, help="(default: %(default)s)")
    add_hide_concepts(parser)
    add_cache_dir(parser)
    add_device(parser)
    add_compute(parser)
    add_quiet(parser)
    return parser


def _calibrate(args: argparse.Namespace) -> dict[str, Any]:
    config = make_config(CalibrateConfig, args)
    from biosyn.evaluation.calibrate import calibrate  # here, so that --help does not wait for torch

    return calibrate(config)


if __name__ == "__main__":
    sys.exit(main())
