"""A small dictionary, vectors that depend on the name alone, and an index built of both."""

from dataclasses import replace

import numpy as np
import pytest

from biosyn.encoders.sparse import SparseEncoder
from biosyn.index.build import open_or_build
from biosyn.index.dictionary_index import ARRAYS
from biosyn.index.header import read_header, write_header
from biosyn.index.key import IndexKey, dictionary_sha256

NAMES = ["ataxia", "maladie de Ménière", "脊髄小脳変性症", "ataxia", "anemia", "ß-thalassemia"]  # one comes twice
CUIS = ["D001259", "D008575", "D013132", "D002524", "D000740|D000741", "D017086"]
TFIDF = SparseEncoder().fit(NAMES)


class Embed:
    """Gives H = 4 numbers that depend on the name alone, and counts the names that it is asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, names):
        self.asked.extend(names)
        return np.stack([np.random.default_rng(list(name.encode())).normal(size=4) for name in names]).astype("f4")


def build_index(cache_dir, names=NAMES, cuis=CUIS, *, embed=None, embed_block=2, **parts):
    key = replace(IndexKey("encoder", "tfidf", 25, "float32", dictionary_sha256(names, cuis)), **parts)
    embed = embed or Embed()
    return open_or_build(
        cache_dir, key, names=names, cuis=cuis, embed=embed, tfidf=TFIDF.transform, embed_block=embed_block
    )


@pytest.fixture(scope="session")
def build():
    """Function: cache folder, other names and ids, a counting `embed`, other parts of the key -> DictionaryIndex."""
    return build_index


@pytest.fixture(scope="session")
def reseal():
    """Function: folder of an index -> None; its header gets the checksums that its files have now."""

    def call(folder):
        header = read_header(folder, IndexKey)
        write_header(folder, header.key, header.counts, ARRAYS)

    return call


@pytest.fixture
def built(tmp_path):
    """The index of the small dictionary, in ``tmp_path``."""
    return build_index(tmp_path)


@pytest.fixture
def embed():
    """Gives the vectors of names, and lists in ``asked`` for which it was asked."""
    return Embed()


@pytest.fixture(scope="session")
def small():
    """The names, their ids and the TF-IDF that are embedded."""
    return NAMES, CUIS, TFIDF
