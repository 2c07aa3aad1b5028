"""The NCBI disease corpus, query for query and name for name as upstream's preprocessing makes it."""

import gzip

import pytest

from biosyn.data.concepts import ConceptTable, read_concepts
from biosyn.data.dictionary import DictionaryDataset
from biosyn.text.preprocess import TextPreprocess

pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")


@pytest.fixture(scope="session")
def golden(shared_data):
    return shared_data / "golden" / "ncbi-disease"


def dictionary(text):
    """Return (name, set of ids) pairs in order of the lines."""
    fields = [line.split("||") for line in text.splitlines()]
    return [(name, frozenset(ids.split("|"))) for ids, name in fields]


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("split", "count"), [("train", 5134), ("dev", 787), ("test", 960)])
def test_every_query(ncbi_processed, golden, split, count):
    paths = sorted((ncbi_processed / f"processed_{split}").glob("*.concept"))
    written = [line for path in paths for line in read(path).splitlines()]
    assert len(written) == count
    assert written == read(golden / f"processed_{split}.concept").splitlines()


@pytest.mark.parametrize(("split", "count"), [("train", 592), ("dev", 100), ("test", 100), ("traindev", 692)])
def test_every_document(ncbi_processed, split, count):
    folder = ncbi_processed / f"processed_{split}"
    concepts, texts = ({path.stem for path in folder.glob(f"*{suffix}")} for suffix in (".concept", ".txt"))
    assert concepts == texts
    assert len(texts) == count


def test_every_name_of_the_train_dictionary_in_order(ncbi_processed, golden):
    expected = dictionary(gzip.decompress((golden / "train_dictionary.txt.gz").read_bytes()).decode())
    written = dictionary(read(ncbi_processed / "train_dictionary.txt"))
    assert len(written) == 71_924
    assert written == expected


@pytest.mark.parametrize(("split", "before", "count"), [("dev", "train", 72_887), ("test", "dev", 73_024)])
def test_every_name_that_a_dictionary_adds_or_changes(ncbi_processed, golden, split, before, count):
    earlier = dict(dictionary(read(ncbi_processed / f"{before}_dictionary.txt")))
    changes = dict(dictionary(read(golden / f"{split}_dictionary.changes.txt")))
    written = dictionary(read(ncbi_processed / f"{split}_dictionary.txt"))
    assert len(written) == count
    assert dict(written) == {**earlier, **changes}


def test_every_name_belongs_to_the_concepts_that_list_it(ncbi_processed):
    # what the dictionary's ids cannot tell: 1,010 names are homonyms, the others' ids are those of one concept
    listing = {}
    for concept in read_concepts(ncbi_processed / "concepts.jsonl"):
        for name in map(TextPreprocess().run, concept.names):
            listing.setdefault(name, set()).add(concept)
    dictionary = DictionaryDataset(ncbi_processed / "train_dictionary.txt")
    table = ConceptTable.beside(dictionary.path)
    found = {name.name: set(table.concepts_of(name)) for name in dictionary}
    assert found == {name: listing[name] for name in dictionary.names}
    assert sum(len(concepts) > 1 for concepts in found.values()) == 1_010
