"""A dictionary under one model: its names read once, embedded once, and both taken from the index afterwards."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from biosyn.data.dictionary import DictionaryDataset
from biosyn.distributed.ranks import led, size
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.index.build import open_or_build
from biosyn.index.cache import default_cache_dir, index_folders
from biosyn.index.dictionary_index import TEXTS, DictionaryIndex
from biosyn.index.header import read_header
from biosyn.index.key import IndexKey, dictionary_sha256, tfidf_sha256
from biosyn.text.preprocess import lookup_text

logger = logging.getLogger(__name__)


def open_dictionary(path: str | Path, *, cache_dir: str | Path | None = None) -> DictionaryDataset:
    """Return the names of a dictionary file: those that an index in the cache holds, or else read from the file.

    The file is hashed each time, so a changed file is another file. Millions of names are then there in a second, and
    on disk instead of in memory.

    Parameters
    ----------
    cache_dir
        Where indexes are kept; None takes the usual place.
    """
    path = Path(path)
    digest = sha256_of(path)
    index = _index_of(digest, default_cache_dir() if cache_dir is None else Path(cache_dir))
    if index is not None:
        return DictionaryDataset.of_texts(path, index.names, index.cuis, sha256=digest)
    return DictionaryDataset(path)


def _index_of(dictionary: str, cache: Path) -> DictionaryIndex | None:
    """Return an index of the dictionary file with this sha256, of whichever model, whose names are undamaged."""
    for folder in index_folders(cache):
        try:
            if read_header(folder, IndexKey).key.dictionary == dictionary:
                index = DictionaryIndex.open(folder)
                index.verify(TEXTS)
                return index
        except InputError as error:  # foreign, or damaged: built again when its own model asks for it
            logger.info("%s", error)
    return None


def dictionary_index(
    dictionary: DictionaryDataset,
    dense: DenseEncoder,
    sparse: SparseEncoder,
    *,
    encoder: str,
    cache_dir: str | Path | None = None,
    precision: str = "float32",
    progress: str | None = None,
    embedded: NDArray[np.float32] | None = None,
) -> DictionaryIndex:
    """Return the dictionary embedded by both encoders; see `BioSyn.index`.

    With several ranks the first builds the index, all embed its names, and each opens it.

    Parameters
    ----------
    encoder
        The `encoder_sha256` of the files that the dense encoder was loaded from; it must not have been trained since.
    embedded
        The dense vectors of the dictionary's N names if they are there already, (N, H): nothing is embedded then.

    Raises
    ------
    InputError
        If a rank cannot read the index that the first rank has written.
    """
    cache = default_cache_dir() if cache_dir is None else Path(cache_dir)
    key = IndexKey(
        encoder=encoder,
        tfidf=tfidf_sha256(sparse.vocabulary, sparse.idf),
        max_length=dense.max_length,
        precision=precision,
        compute=dense.precision,
        pooling=f"{dense.pooling.mode} {dense.pooling.similarity}",
        dictionary=dictionary.sha256 or dictionary_sha256(dictionary.names, dictionary.cuis),
    )

    row_of = {} if embedded is None else {name: row for row, name in enumerate(dictionary.names)}

    def embed(names: list[str]) -> NDArray[np.float32]:
        if embedded is not None:
            return embedded[[row_of[name] for name in names]]
        logger.info("embedding %d names on %s in %s", len(names), dense.device, dense.precision)
        texts = [lookup_text(name) for name in names]
        return dense.encode(texts, what="names", progress=progress, together=True).cpu().numpy()

    def tfidf(names: Sequence[str]) -> csr_matrix:
        return sparse.transform([lookup_text(name) for name in names])

    index = None
    with led(embed) as lead:
        if lead is not None:
            index = open_or_build(cache, key, names=dictionary.names, cuis=dictionary.cuis, embed=lead, tfidf=tfidf)
    if index is not None and (index.folder is not None or size() == 1):
        return index
    try:
        return DictionaryIndex.open(cache / key.folder_name())
    except InputError as error:
        raise InputError(
            f"{error}; several ranks need a --cache_dir that all can read and the first can write"
        ) from error
