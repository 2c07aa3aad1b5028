"""The folds of a cross-validation, by document."""

import random
from collections.abc import Iterator, Sequence

FOLDS = 10


def folds_of(documents: Sequence[str], *, seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the rows of each fold, and those of all others; a document is in one fold.

    Where all rows are of one document, such as a list of names, each counts as its own.

    Parameters
    ----------
    documents
        The document of each row.
    seed
        Divides the documents.
    """
    of_row = list(documents)
    if len(set(of_row)) < 2:
        of_row = [f"{number:09}" for number in range(len(of_row))]
    order = sorted(set(of_row))
    random.Random(seed).shuffle(order)
    fold_of = {document: number % FOLDS for number, document in enumerate(order)}
    for fold in sorted(set(fold_of.values())):
        rows = [row for row, one in enumerate(of_row) if fold_of[one] == fold]
        yield rows, [row for row, one in enumerate(of_row) if fold_of[one] != fold]
