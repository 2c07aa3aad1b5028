"""The NCBI disease corpus: every query and every name is equal to those of upstream's preprocessing."""

import gzip

import pytest

from biosyn.cli.preprocess import main
from biosyn.corpora.ncbi_disease import FILES
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import ConceptTable, read_concepts
from biosyn.data.dictionary import DictionaryDataset
from biosyn.ontologies.build import build_dictionary
from biosyn.ontologies.medic import medic_concepts
from biosyn.ontologies.source import Source
from biosyn.text.preprocess import TextPreprocess

pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")


@pytest.fixture(scope="session")
def golden(shared_data):
    return shared_data / "golden" / "ncbi-disease"


def dictionary(text):
    """Return (name, set of ids) pairs in the order of the lines."""
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


def test_the_dictionary_command_writes_the_same_files(ncbi_processed, shared_data, tmp_path):
    read_counts = ReadCounts()
    medic = Source(shared_data / "corpora" / "medic" / "medic_06Jul2012.txt", counts=read_counts)
    counts = build_dictionary(medic_concepts(medic), tmp_path / "medic.txt", counts=read_counts)
    assert (counts["concepts"], counts["names"], counts["homonyms"]) == (11_915, 71_924, 1_010)
    for written, expected in (("medic.txt", "train_dictionary.txt"), ("concepts.jsonl", "concepts.jsonl")):
        assert (tmp_path / written).read_bytes() == (ncbi_processed / expected).read_bytes()


@pytest.mark.parametrize(("split", "before", "count"), [("dev", "train", 72_887), ("test", "dev", 73_024)])
def test_every_name_that_a_dictionary_adds_or_changes(ncbi_processed, golden, split, before, count):
    earlier = dict(dictionary(read(ncbi_processed / f"{before}_dictionary.txt")))
    changes = dict(dictionary(read(golden / f"{split}_dictionary.changes.txt")))
    written = dictionary(read(ncbi_processed / f"{split}_dictionary.txt"))
    assert len(written) == count
    assert dict(written) == {**earlier, **changes}


def test_the_reader_of_any_pubtator_file_gives_the_same(shared_data, ncbi_processed, tmp_path):
    raw, medic = shared_data / "corpora" / "ncbi-disease", shared_data / "corpora" / "medic"
    arguments = {f"--{split}": raw / name for split, name in FILES.items()} | {
        "--dictionary": medic / "medic_06Jul2012.txt",
        "--typo_path": medic / "ncbi-spell-check.txt",
        "--output_dir": tmp_path,
    }
    assert main(["pubtator", *(str(part) for pair in arguments.items() for part in pair)]) == 0
    paths = [path.relative_to(ncbi_processed) for path in ncbi_processed.rglob("*") if path.is_file()]
    assert (
        len(paths) == 2 * (792 + 792 + 692) + 5
    )  # documents raw, processed and in traindev; dictionaries, concepts, vocabularies
    assert not [path for path in paths if (tmp_path / path).read_bytes() != (ncbi_processed / path).read_bytes()]


def test_every_name_belongs_to_the_concepts_that_list_it(ncbi_processed):
    # not shown by the dictionary's ids: 1,010 names are homonyms, and every other name has the ids of one concept
    listing = {}
    for concept in read_concepts(ncbi_processed / "concepts.jsonl"):
        for name in map(TextPreprocess().run, concept.names):
            listing.setdefault(name, set()).add(concept)
    dictionary = DictionaryDataset(ncbi_processed / "train_dictionary.txt")
    table = ConceptTable.beside(dictionary.path)
    found = {name.name: set(table.concepts_of(name)) for name in dictionary}
    assert found == {name: listing[name] for name in dictionary.names}
    assert sum(len(concepts) > 1 for concepts in found.values()) == 1_010
