import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.corpora.bc2gn import read_bc2gn
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.records import Query

# The layout of trainingData/ and bc2GNtest/; the text is made up.
ABSTRACT = "Of Smads 1 and 5\n\nThe smad 5 gene, MADH5.\n"
TRAIN = "900\t4090\tSmads 1 and 5\tsmad 5\tMADH5\n900\t4086\tSmads 1 and 5\n\n800\t4090\tMadH5\tMAD\n"


@pytest.fixture
def raw(write, tmp_path):
    write("biocreative2normalization/trainingData/training.genelist", TRAIN)
    for pmid in ("900", "800", "700"):
        write(f"biocreative2normalization/trainingData/{pmid}.txt", ABSTRACT)
    write("bc2GNtest/bc2GNtest.genelist", "600\t4090\tsmad 5\r\n")
    write("bc2GNtest/bc2GNtestdocs/600.txt", "\ufeff" + ABSTRACT.replace("\n", "\r\n"))
    return tmp_path


def test_genes(raw):
    counts = ReadCounts()
    corpus = read_bc2gn(raw, counts=counts)
    assert list(corpus) == ["train", "test"]
    assert [(document.pmid, document.text) for document in corpus["train"]] == [
        (pmid, ABSTRACT) for pmid in ("700", "800", "900")
    ]
    none, second, first = (document.queries for document in corpus["train"])
    assert none == ()
    rows = [("Smads 1 and 5", "4090|4086", "3", "16"), ("smad 5", "4090", "22", "28"), ("MADH5", "4090", "35", "40")]
    assert first == tuple(
        Query(mention, cui, pmid="900", start=start, end=end, type="Gene") for mention, cui, start, end in rows
    )
    assert [(query.mention, query.start) for query in second] == [("MadH5", "35"), ("MAD", "35")]  # in another case
    assert corpus["test"][0].text == ABSTRACT
    assert corpus["test"][0].queries[0].start == "22"
    assert not counts.noted


def test_a_mention_that_the_text_does_not_hold_has_no_place(raw, write):
    write("bc2GNtest/bc2GNtest.genelist", "600\t4090\tSmad Nine\n")
    counts = ReadCounts()
    (query,) = read_bc2gn(raw, counts=counts)["test"][0].queries
    assert (query.start, query.end) == ("-1", "-1")
    assert counts.noted == {"mentions that the text does not hold as they stand": 1}


@pytest.mark.parametrize(
    ("line", "message", "reason"),
    [
        ("900 4090 smad", "expected pmid, id, mention", "lines without a mention"),
        ("900\t4090", "expected pmid, id, mention", "lines without a mention"),
        ("55\t4090\tsmad", r"there is no 55\.txt", "genes of a missing document"),
        ("900\t4090\tnew\tsm||ad", r"holds '\|'", "mentions with a separator in them"),
        ("900\t \tsmad", "the mention or its id is empty", "mentions with a separator in them"),
    ],
)
def test_a_bad_line_is_named_or_left_out(raw, write, line, message, reason):
    path = write("biocreative2normalization/trainingData/training.genelist", f"{TRAIN}{line}\n")
    with pytest.raises(InputError, match=f"{path}:5: .*{message}"):
        read_bc2gn(raw, counts=ReadCounts())
    counts = ReadCounts(skip=True)
    assert sum(len(document.queries) for document in read_bc2gn(raw, counts=counts)["train"]) == 5
    assert counts.skipped == {reason: 1}


def test_a_list_that_is_missing_or_there_twice_is_named(raw, write):
    write("copy/training.genelist", TRAIN)
    with pytest.raises(InputError, match=r"holds 2 files training\.genelist, one is needed"):
        read_bc2gn(raw, counts=ReadCounts())
    (raw / "copy/training.genelist").unlink()
    (raw / "bc2GNtest/bc2GNtest.genelist").unlink()
    with pytest.raises(InputError, match=r"holds no file bc2GNtest\.genelist, one is needed"):
        read_bc2gn(raw, counts=ReadCounts())


def test_missing_abstracts_are_named(raw):
    (raw / "bc2GNtest/bc2GNtestdocs/600.txt").unlink()
    with pytest.raises(InputError, match=r"bc2GNtestdocs: holds no abstracts \(\.txt\)"):
        read_bc2gn(raw, counts=ReadCounts())


FIELD = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="|\ufeff"), min_size=1, max_size=8
)


@settings(max_examples=60)
@given(st.dictionaries(FIELD, st.lists(st.integers(1, 10**6).map(str), min_size=1, max_size=3, unique=True)))
def test_what_is_written_in_this_layout_is_read_back_the_same(tmp_path_factory, genes):
    folder = tmp_path_factory.mktemp("bc2gn")
    lines = [f"1\t{gene}\t{mention}\n" for mention, ids in genes.items() for gene in ids]
    for name in ("training", "bc2GNtest"):
        (folder / f"{name}.genelist").write_text("".join(lines), "utf-8")
    (folder / "1.txt").write_text(" ".join(genes), "utf-8")
    corpus = read_bc2gn(folder, counts=ReadCounts())
    for (document,) in corpus.values():
        assert {query.mention: query.cui for query in document.queries} == {
            mention: "|".join(ids) for mention, ids in genes.items()
        }
        assert all(document.text[int(q.start) : int(q.end)] == q.mention for q in document.queries)
