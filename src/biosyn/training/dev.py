"""The dev set, on which each epoch of a training is measured."""

from typing import NamedTuple

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.evaluation.protocols import accuracy_at_k
from biosyn.model.linker import Model, predict
from biosyn.records import Query
from biosyn.retrieval.vectors import Vectors

DEV_TOPK = 5

Accuracy = dict[str, dict[str, float]]  # score mode -> {"acc1": ..., "acc5": ...}


class DevSet(NamedTuple):
    """The queries and the dictionary on which each epoch is measured."""

    queries: list[Query]
    dictionary: DictionaryDataset

    def accuracy(self, biosyn: Model, names: Vectors) -> Accuracy:
        """Return Acc@1 and Acc@5 of the hybrid, the dense and the sparse score, from both halves of the vectors."""
        modes = {"hybrid": names, "dense": Vectors(names.dense, None), "sparse": Vectors(None, names.sparse)}
        topk = min(DEV_TOPK, len(self.dictionary))
        figures: Accuracy = {}
        for mode, vectors in modes.items():
            accuracy = accuracy_at_k(predict(biosyn, self.queries, self.dictionary, vectors, topk=topk), topk)
            figures[mode] = {"acc1": accuracy["acc1"], f"acc{topk}": accuracy[f"acc{topk}"]}
        return figures


def load_dev_set(dev_dir: str | None, dev_dictionary_path: str | None) -> DevSet | None:
    """Read the dev set; return None if none is given."""
    if dev_dir is None or dev_dictionary_path is None:
        return None
    return DevSet(QueryDataset(dev_dir).queries, DictionaryDataset(dev_dictionary_path))
