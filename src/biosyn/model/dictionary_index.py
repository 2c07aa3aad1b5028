"""The index of a dictionary under one model: its key is made of everything that the vectors depend on."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.retrieval.index import DictionaryIndex
from biosyn.retrieval.index_build import open_or_build
from biosyn.retrieval.index_files import (
    IndexKey,
    default_cache_dir,
    dictionary_sha256,
    encoder_sha256,
    tfidf_sha256,
    tokenizer_sha256,
)

logger = logging.getLogger(__name__)


def dictionary_index(
    dictionary: DictionaryDataset,
    dense: DenseEncoder,
    sparse: SparseEncoder,
    *,
    encoder_folder: Path,
    cache_dir: str | Path | None = None,
    precision: str = "float32",
    progress: str | None = None,
) -> DictionaryIndex:
    """Return the dictionary embedded by both encoders, as `BioSyn.index` documents it.

    Parameters
    ----------
    encoder_folder
        Where the files lie that the dense encoder was loaded from; it must not have been trained since.
    """
    cache = default_cache_dir() if cache_dir is None else Path(cache_dir)
    key = IndexKey(
        encoder=encoder_sha256(encoder_folder, cache),
        tokenizer=tokenizer_sha256(encoder_folder, cache),
        tfidf=tfidf_sha256(sparse.vocabulary, sparse.idf),
        max_length=dense.max_length,
        precision=precision,
        compute=dense.precision,
        dictionary=dictionary.content_sha256 or dictionary_sha256(dictionary.names, dictionary.cuis),
    )

    def embed(names: list[str]) -> NDArray[np.float32]:
        logger.info("embedding %d names on %s", len(names), dense.device)
        return dense.encode(names, what="names", progress=progress).cpu().numpy()

    return open_or_build(cache, key, names=dictionary.names, cuis=dictionary.cuis, embed=embed, tfidf=sparse.transform)
