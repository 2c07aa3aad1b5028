"""The keys of the two kinds of index: all that their content depends on, and the names of their folders.

A key holds hashes of content alone. Times, sizes and places of files are in none, so that a file that was replaced
cannot bring back what was made of the old one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from biosyn.files import canonical_json
from biosyn.index.arrays import text_blocks
from biosyn.index.faiss_index import GRAPH, LISTS, FaissSettings
from biosyn.settings.groups import INDEX_PRECISIONS

# Another one where a file of an index has another form, or a dictionary file is read in another way. Version 1 could
# take another model's vectors for this one's (it knew files by their times), so no vectors are taken from it.
FORMAT_VERSION = 2
DIGEST_LENGTH = 32  # hexadecimal digits
ANN_PREFIX = "ann-"
DIMENSIONS = 128  # D: axes of the TF-IDF in a joint vector
CANDIDATES = {GRAPH: 200, LISTS: 500}  # names of a mention that are scored exactly: short codes need more


@dataclass(frozen=True)
class IndexKey:
    """All that the vectors of a dictionary depend on; another value of any part is another index.

    Parameters
    ----------
    encoder
        `encoder_sha256` of the files of the encoder and its tokenizer.
    tfidf
        `tfidf_sha256` of the sparse encoder.
    max_length
        Tokens kept of a name, [CLS] and [SEP] included.
    precision
        How the dense vectors are stored: ``float32`` or ``float16``.
    dictionary
        The sha256 of the dictionary file, or `dictionary_sha256` of names that are not those of a whole file.
    compute
        What the encoder computed in, such as ``bfloat16`` under autocast.
    pooling
        How vectors are made of the hidden states, and their similarity, with a space between the two.
    """

    format: ClassVar[str] = "biosyn dictionary index"
    counts: ClassVar[tuple[str, ...]] = ("names", "hidden", "ngrams", "nonzero")  # N, H, V, stored TF-IDF weights

    encoder: str
    tfidf: str
    max_length: int
    precision: str
    dictionary: str
    compute: str = "float32"
    pooling: str = "cls inner"

    def __post_init__(self) -> None:
        if self.precision not in INDEX_PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is none of {', '.join(INDEX_PRECISIONS)}")

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> "IndexKey":
        """Return the key that `asdict` was made of."""
        return cls(**parts)

    def folder_name(self) -> str:
        """Return the name of the index's folder: 32 hexadecimal digits.

        Examples
        --------
        >>> key = IndexKey("a", "b", 25, "float32", "c")
        >>> len(key.folder_name()), key.folder_name() == IndexKey("a", "b", 24, "float32", "c").folder_name()
        (32, False)
        """
        return _digest(asdict(self))

    def same_encoders(self, other: "IndexKey") -> bool:
        """Whether a name that both dictionaries hold has the same vector."""
        return {**asdict(self), "dictionary": ""} == {**asdict(other), "dictionary": ""}


@dataclass(frozen=True)
class AnnKey:
    """All that an approximate index depends on.

    Parameters
    ----------
    index
        The folder name of the dictionary index.
    sparse_weight
        w, which is inside the joint vectors.
    faiss
        How they are held and searched.
    dimensions, candidates, seed
        D; the number of names of a mention that are scored exactly; the seed of everything that is drawn.
    """

    format: ClassVar[str] = "biosyn approximate index"
    counts: ClassVar[tuple[str, ...]] = ("names", "width")  # N, numbers of a joint vector

    index: str
    sparse_weight: float
    faiss: FaissSettings
    dimensions: int = DIMENSIONS
    candidates: int = CANDIDATES[GRAPH]
    seed: int = 0

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> "AnnKey":
        """Return the key that `asdict` was made of."""
        return cls(**{**parts, "faiss": FaissSettings(**parts["faiss"])})

    def folder_name(self) -> str:
        """Return the name of its folder, inside that of the dictionary index."""
        return ANN_PREFIX + _digest(asdict(self))


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json({"format_version": FORMAT_VERSION, **parts})).hexdigest()[:DIGEST_LENGTH]


def dictionary_sha256(names: Sequence[str], cuis: Sequence[str]) -> str:
    """Return the sha256 of N names and ids in their order, for names that are not those of a whole file.

    The first line that is hashed has the counts and no ``||``, so no dictionary file has the same bytes.

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
