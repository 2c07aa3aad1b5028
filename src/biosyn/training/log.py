"""What a training run tells: a row an epoch in ``train_log.jsonl``, Acc@k on dev."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from biosyn.checkpoint.files import FILES
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.distributed.ranks import is_first
from biosyn.evaluation.protocols import accuracy_at_k
from biosyn.files import write_lines
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import predict
from biosyn.records import Query
from biosyn.retrieval.vectors import Vectors

logger = logging.getLogger(__name__)

DEV_TOPK = 5

Accuracy = dict[str, dict[str, float]]  # score mode -> {"acc1": ..., "acc5": ...}


class DevSet(NamedTuple):
    """The queries and the dictionary on which each epoch is measured."""

    queries: list[Query]
    dictionary: DictionaryDataset

    def accuracy(self, biosyn: BioSyn, names: Vectors, *, held: Tensor | None = None) -> Accuracy:
        """Return Acc@1 and Acc@5 of the hybrid, the dense and the sparse score.

        Parameters
        ----------
        held
            The dictionary rows of ``names``, (n,) int64, ascending, if each rank holds a part of the names and all
            ranks search together. None: the names are all there.
        """
        modes = {"hybrid": names, "dense": Vectors(names.dense, None), "sparse": Vectors(None, names.sparse)}
        topk = min(DEV_TOPK, len(self.dictionary))
        figures: Accuracy = {}
        for mode, vectors in modes.items():
            predictions = predict(
                biosyn, self.queries, self.dictionary, vectors, topk=topk, together=held is not None, held=held
            )
            accuracy = accuracy_at_k(predictions, topk)
            figures[mode] = {"acc1": accuracy["acc1"], f"acc{topk}": accuracy[f"acc{topk}"]}
        return figures


def load_dev_set(dev_dir: str | None, dev_dictionary_path: str | None) -> DevSet | None:
    """Read the dev set, or return None where none is given."""
    if dev_dir is None or dev_dictionary_path is None:
        return None
    return DevSet(QueryDataset(dev_dir).queries, DictionaryDataset(dev_dictionary_path))


class TrainLog:
    """The rows of a run, written whole after each one, so that the file is valid at any moment; by the first rank.

    Parameters
    ----------
    rows
        Those that a resumed run had when its state was saved.
    """

    def __init__(self, output_dir: Path, rows: Sequence[dict[str, Any]] = ()):
        self.path = output_dir / FILES.training_log
        self.rows = list(rows)
        if self.rows:
            self._write()
        elif is_first():  # the rows of an earlier run would not be those of the model saved here
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
            write_lines(self.path, (json.dumps(row) for row in self.rows))


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{_short(part)}" for key, part in value.items())
    return f"{value:.4f}" if isinstance(value, float) else str(value)
