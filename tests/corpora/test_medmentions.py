import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.corpora.medmentions import read_medmentions
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError

# The layout of corpus_pubtator.txt; the text is made up.
ST21PV = "".join(
    f"{pmid}|t|Gene X in mice\n{pmid}|a|No more.\n{pmid}\t0\t6\tGene X\tT116,T123\tUMLS:C4308010\n"
    f"{pmid}\t10\t14\tmice\tT204\tUMLS:C0025929\n\n"
    for pmid in ("25763772", "25847295", "3", "4")
)
LISTS = {"trng": "3\n25763772\n", "dev": "25847295\r\n", "test": "4"}


@pytest.fixture
def raw(write, tmp_path):
    """The layout of the corpus's repository: lists beside the full corpus, and both corpora packed."""
    for name, text in (("full", ST21PV.replace("UMLS:", "")), ("st21pv", ST21PV)):
        path = write(f"{name}/data/corpus_pubtator.txt.gz", "")
        path.write_bytes(gzip.compress(text.encode()))
    for name, text in LISTS.items():
        write(f"full/data/corpus_pubtator_pmids_{name}.txt", text)
    return tmp_path


@pytest.mark.parametrize("version", ["st21pv", "full"])
def test_both_versions_have_the_splits_of_the_lists_and_ids_without_prefix(raw, version):
    counts = ReadCounts()
    corpus = read_medmentions(raw, version, counts=counts)
    assert {split: [document.pmid for document in documents] for split, documents in corpus.items()} == {
        "train": ["25763772", "3"],  # by file name
        "dev": ["25847295"],
        "test": ["4"],
    }
    queries = [query for documents in corpus.values() for document in documents for query in document.queries]
    assert [(query.mention, query.type, query.cui) for query in queries[:2]] == [
        ("Gene X", "T116,T123", "C4308010"),
        ("mice", "T204", "C0025929"),
    ]
    assert not counts.noted


def test_semantic_types(raw):
    corpus = read_medmentions(raw, "st21pv", types=frozenset({"t123"}), counts=ReadCounts())
    assert [query.mention for query in corpus["test"][0].queries] == ["Gene X"]


def test_files_in_one_folder_and_documents_of_no_split(write, tmp_path):
    write("corpus_pubtator.txt", ST21PV)
    for name, pmid in (("trng", "3"), ("dev", "4"), ("test", "25847295")):
        write(f"corpus_pubtator_pmids_{name}.txt", f"{pmid}\n\n")
    counts = ReadCounts()
    assert [len(documents) for documents in read_medmentions(tmp_path, "full", counts=counts).values()] == [1, 1, 1]
    assert counts.noted == {"documents of no split": 1}


def test_a_listed_document_that_is_not_there_is_named_or_left_out(raw, write):
    path = write("full/data/corpus_pubtator_pmids_dev.txt", "25847295\n77\n")
    with pytest.raises(InputError, match=f"{path}:2: document '77' is not in the corpus"):
        read_medmentions(raw, "full", counts=ReadCounts())
    counts = ReadCounts(skip=True)
    assert len(read_medmentions(raw, "full", counts=counts)["dev"]) == 1
    assert counts.skipped == {"listed documents that are not in the corpus": 1}


def test_an_empty_list_is_named(raw, write):
    path = write("full/data/corpus_pubtator_pmids_dev.txt", "\n")
    with pytest.raises(InputError, match=f"{path}: lists no document"):
        read_medmentions(raw, "full", counts=ReadCounts())


def test_a_missing_list_or_corpus_is_named(raw):
    (raw / "full/data/corpus_pubtator_pmids_dev.txt").unlink()
    with pytest.raises(InputError, match=r"holds no full/data/corpus_pubtator_pmids_dev\.txt or corpus_pubtator_"):
        read_medmentions(raw, "full", counts=ReadCounts())
    with pytest.raises(InputError, match="no such folder"):
        read_medmentions(raw / "missing", "full", counts=ReadCounts())


@settings(max_examples=30)
@given(st.data())
def test_every_document_comes_in_the_split_that_lists_it(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("medmentions")
    pmids = data.draw(st.lists(st.integers(1, 10**8).map(str), min_size=3, max_size=8, unique=True))
    cut = data.draw(st.integers(1, len(pmids) - 2))
    parts = {"train": pmids[:cut], "dev": pmids[cut : cut + 1], "test": pmids[cut + 1 :]}
    (folder / "corpus_pubtator.txt").write_text("".join(f"{pmid}|t|T\n{pmid}|a|A\n\n" for pmid in pmids))
    for name, split in (("trng", "train"), ("dev", "dev"), ("test", "test")):
        (folder / f"corpus_pubtator_pmids_{name}.txt").write_text("\n".join(parts[split]))
    corpus = read_medmentions(folder, "full", counts=ReadCounts())
    found = {split: {document.pmid for document in documents} for split, documents in corpus.items()}
    assert found == {split: set(part) for split, part in parts.items()}
