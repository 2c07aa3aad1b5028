"""Making a dev set for a corpus that has none."""

import random
from collections.abc import Mapping, Sequence

from biosyn.data.documents import Document
from biosyn.errors import InputError


def with_dev(corpus: Mapping[str, Sequence[Document]], *, share: float, seed: int = 0) -> dict[str, Sequence[Document]]:
    """Move a share of the train documents, whole and drawn at random, to dev; both keep their order.

    Raises
    ------
    InputError
        If there is no train set, there is a dev set already, or the share leaves one of the two empty.

    Examples
    --------
    >>> corpus = with_dev({"train": [Document(str(number), "", ()) for number in range(10)]}, share=0.2)
    >>> [len(corpus[split]) for split in ("train", "dev")]
    [8, 2]
    """
    if "dev" in corpus or "train" not in corpus:
        raise InputError("a dev set is made of train documents, where there is none: leave --dev_share out")
    train = corpus["train"]
    count = round(len(train) * share)
    if not 0 < count < len(train):
        raise InputError(f"--dev_share {share} of {len(train)} train documents leaves train or dev empty")
    drawn = set(random.Random(seed).sample(range(len(train)), count))
    parts = {
        "train": [document for row, document in enumerate(train) if row not in drawn],
        "dev": [document for row, document in enumerate(train) if row in drawn],
    }
    return {**corpus, **parts}
