"""The flags that train.py and pretrain.py share."""

import argparse
from collections.abc import Sequence

from biosyn.cli.common import add_device, add_precision, add_quiet, add_revision, add_search_memory
from biosyn.settings.verbs import TRAIN_PRECISIONS, PretrainConfig, TrainConfig

Setting = tuple[str, type, str]  # flag, type, help


def add_numbers(
    parser: argparse.ArgumentParser,
    config: type[TrainConfig] | type[PretrainConfig],
    settings: Sequence[Setting],
) -> None:
    """Add a flag for each number that a training is set by, with the config's default."""
    for flag, kind, text in settings:
        value = config.__dataclass_fields__[flag].default
        parser.add_argument(f"--{flag}", type=kind, default=value, help=f"{text} (default: %(default)s)")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add where the encoder comes from, where names and the dev set lie, and where the output goes."""
    add = parser.add_argument
    add("--model_name_or_path", required=True, help="encoder to start from, or a BioSyn model: a folder or a Hub id")
    add("--train_dictionary_path", required=True, help="dictionary, a line 'cui||name' each")
    add("--output_dir", required=True, help="where the checkpoint and train_log.jsonl go")
    add("--dev_dir", help="folder of .concept files on which each epoch is measured")
    add("--dev_dictionary_path", help="dictionary for --dev_dir")
    add("--keep_best", action="store_true", help="keep the epoch with the best Acc@1 on dev, not the last one")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add what a run saves, how it goes on, and where it computes."""
    add = parser.add_argument
    add("--draft", action="store_true", help="100 names, 10 mentions, output in <output_dir>_draft: a trial run")
    add("--resume", action="store_true", help="go on from the newest training state in --output_dir, if there is one")
    add(
        "--save_every_steps",
        type=int,
        metavar="N",
        default=TrainConfig.save_every_steps,
        help="save the training state every N steps too, not only after each epoch (default: %(default)s, never)",
    )
    add(
        "--keep_last",
        type=int,
        metavar="N",
        default=TrainConfig.keep_last,
        help="training states to keep; 0: one, and none once the training is complete (default: %(default)s)",
    )
    add("--save_checkpoint_all", action="store_true", help="also save checkpoint_N/ after each epoch")
    add_precision(parser, TRAIN_PRECISIONS)
    add_search_memory(parser)
    add_revision(parser)
    add_device(parser)
    add_quiet(parser)
