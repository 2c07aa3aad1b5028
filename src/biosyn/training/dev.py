"""The dev set, on which a training is measured before the first epoch and after each one."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from biosyn.concept_ids import name_ids, split_ids
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.model.biosyn import BioSyn
from biosyn.model.predict import predict
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
    """Read the dev set; return None if none is given."""
    if dev_dir is None or dev_dictionary_path is None:
        return None
    dev = DevSet(QueryDataset(dev_dir).queries, DictionaryDataset(dev_dictionary_path))
    if not have_common_ids(*dev):
        logger.warning("no mention of %s has a concept of %s: its accuracy will be 0", dev_dir, dev_dictionary_path)
    return dev


def have_common_ids(queries: Sequence[Query], dictionary: DictionaryDataset) -> bool:
    """Say whether an id of a query is one of the dictionary; not so for other ontologies, or ids written otherwise."""
    known = {cui for field in set(dictionary.cuis) for cui in name_ids(field)}
    return not known.isdisjoint(cui for query in queries for cui in split_ids(query.cui))
