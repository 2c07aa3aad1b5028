"""The index of a dictionary under one model; its key holds everything that the vectors depend on."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biosyn.checkpoint.files import encoder_sha256, tokenizer_sha256
from biosyn.data.dictionary import DictionaryDataset
from biosyn.distributed.ranks import led, size
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.index.build import open_or_build
from biosyn.index.cache import default_cache_dir
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.key import IndexKey, dictionary_sha256, tfidf_sha256

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
    """Return the dictionary embedded by both encoders; see `BioSyn.index`.

    With several ranks the first makes the index, all embed its names, and each opens it.

    Parameters
    ----------
    encoder_folder
        The folder that the dense encoder was loaded from; the encoder must not have been trained since.

    Raises
    ------
    InputError
        If a rank cannot read the index that the first rank has written.
    """
    cache = default_cache_dir() if cache_dir is None else Path(cache_dir)
    key = IndexKey(
        encoder=encoder_sha256(encoder_folder, cache),
        tokenizer=tokenizer_sha256(encoder_folder, cache),
        tfidf=tfidf_sha256(sparse.vocabulary, sparse.idf),
        max_length=dense.max_length,
        precision=precision,
        compute=dense.precision,
        pooling=f"{dense.pooling.mode} {dense.pooling.similarity}",
        dictionary=dictionary.content_sha256 or dictionary_sha256(dictionary.names, dictionary.cuis),
    )

    def embed(names: list[str]) -> NDArray[np.float32]:
        logger.info("embedding %d names on %s", len(names), dense.device)
        return dense.encode(names, what="names", progress=progress, together=True).cpu().numpy()

    index = None
    with led(embed) as lead:
        if lead is not None:
            index = open_or_build(
                cache, key, names=dictionary.names, cuis=dictionary.cuis, embed=lead, tfidf=sparse.transform
            )
    if index is not None and (index.folder is not None or size() == 1):
        return index
    try:
        return DictionaryIndex.open(cache / key.digest())
    except InputError as error:
        raise InputError(
            f"{error}; several ranks need a --cache_dir that all can read and the first can write"
        ) from error
