"""What an index of a dictionary is called and made of: its key, the hashes in it, its header and its array files."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from biosyn.files import canonical_json
from biosyn.index.arrays import text_blocks
from biosyn.settings.groups import INDEX_PRECISIONS

FORMAT_VERSION = 1
PAPERS_POOLING = "cls inner"
DIGEST_LENGTH = 32  # hexadecimal digits of a key


# -- the key


@dataclass(frozen=True)
class IndexKey:
    """All that the vectors of a dictionary depend on; another value of any part is another index.

    Parameters
    ----------
    encoder, tokenizer
        `encoder_sha256` and `tokenizer_sha256` of the model folder.
    tfidf
        `tfidf_sha256` of the sparse encoder.
    max_length
        Tokens kept of a name, [CLS] and [SEP] included.
    precision
        How the dense vectors are stored: ``float32`` or ``float16``.
    dictionary
        `dictionary_sha256` of the names and ids.
    compute
        What the encoder computed in, such as ``bfloat16`` under autocast.
    pooling
        How vectors are made of the hidden states, and their similarity, a space between the two.
    """

    encoder: str
    tokenizer: str
    tfidf: str
    max_length: int
    precision: str
    dictionary: str
    compute: str = "float32"
    pooling: str = PAPERS_POOLING

    def __post_init__(self) -> None:
        if self.precision not in INDEX_PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is none of {', '.join(INDEX_PRECISIONS)}")

    def digest(self) -> str:
        """Return the name of the index's folder: 32 hexadecimal digits.

        Examples
        --------
        >>> key = IndexKey("a", "b", "c", 25, "float32", "d")
        >>> len(key.digest()), key.digest() == IndexKey("a", "b", "c", 24, "float32", "d").digest()
        (32, False)
        """
        parts = {"format_version": FORMAT_VERSION, **asdict(self)}
        if self.pooling == PAPERS_POOLING:  # indexes of before there was another keep their names
            del parts["pooling"]
        return hashlib.sha256(canonical_json(parts)).hexdigest()[:DIGEST_LENGTH]

    def same_encoders(self, other: "IndexKey") -> bool:
        """Whether a name that both dictionaries hold has the same vector."""
        return {**asdict(self), "dictionary": ""} == {**asdict(other), "dictionary": ""}


def dictionary_sha256(names: Sequence[str], cuis: Sequence[str]) -> str:
    """Return the sha256 of names and ids in their order; where one ends and the next begins counts too.

    Examples
    --------
    >>> dictionary_sha256(["ab", "c"], ["D1", "D2"]) == dictionary_sha256(["a", "bc"], ["D1", "D2"])
    False
    """
    digest = hashlib.sha256(f"{len(names)} {len(cuis)}\n".encode())
    for texts in (names, cuis):
        for blob, ends in text_blocks(texts):
            digest.update(blob)
            digest.update(ends.astype("<i8").tobytes())
    return digest.hexdigest()


def tfidf_sha256(vocabulary: Mapping[str, int], idf: NDArray[np.float64]) -> str:
    """Return the sha256 of a TF-IDF: its n-grams with their columns, and the V idf weights, shape (V,)."""
    digest = hashlib.sha256(canonical_json(dict(vocabulary)))
    digest.update(np.asarray(idf, dtype="<f8").tobytes())
    return digest.hexdigest()
