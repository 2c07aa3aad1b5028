"""``train_log.jsonl``: a row for each epoch of a training."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biosyn.checkpoint.files import FILES
from biosyn.distributed.ranks import is_first
from biosyn.files import json_text
from biosyn.writing import write_lines

logger = logging.getLogger(__name__)


class TrainLog:
    """The rows of a run. The first rank writes the whole file after each row, so that it is always valid.

    Parameters
    ----------
    rows
        The rows that a resumed run had when its state was saved.
    """

    def __init__(self, output_dir: Path, rows: Sequence[dict[str, Any]] = ()):
        self.path = output_dir / FILES.training_log
        self.rows = list(rows)
        if self.rows:
            self._write()
        elif is_first():  # the rows of an earlier run do not describe the model that this run saves
            self.path.unlink(missing_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        """Append a row, write the file and log the row in one line."""
        self.rows.append(row)
        self._write()
        logger.info(" ".join(f"{key}={_short(value)}" for key, value in row.items()))

    def is_best(self) -> bool:
        """Say whether the last row's hybrid Acc@1 on dev is above that of every earlier trained epoch."""
        scores = [row["dev"]["hybrid"]["acc1"] for row in self.rows if row["epoch"] > 0]
        return bool(scores) and scores[-1] > max(scores[:-1], default=-1.0)

    def _write(self) -> None:
        if is_first():
            write_lines(self.path, map(json_text, self.rows))


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{_short(part)}" for key, part in value.items())
    return f"{value:.4f}" if isinstance(value, float) else str(value)
