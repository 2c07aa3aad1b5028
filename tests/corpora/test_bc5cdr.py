import pytest

from biosyn.corpora.bc5cdr import FILES, read_bc5cdr
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.records import Query

# The layout of CDR_*Set.PubTator.txt; the text is made up.
TITLE = "Oral and lung toxicity of aspirin"
TRAIN = f"""100|t|{TITLE}
100|a|Two rats had seizures.
100\t0\t22\tOral and lung toxicity\tDisease\tD1|D2\toral toxicity|lung toxicity
100\t26\t33\taspirin\tChemical\tD003000
100\t47\t55\tseizures\tDisease\t-1
100\tCID\tD003000\tD1

"""


@pytest.fixture
def raw(write, tmp_path):
    write(FILES["train"], TRAIN)
    write(FILES["dev"], TRAIN.replace("100", "200").replace("\n", "\r\n"))
    write(FILES["test"], "\ufeff" + TRAIN.replace("100", "300"))
    return tmp_path


def read(raw, kind):
    counts = ReadCounts()
    corpus = read_bc5cdr(raw, kind, counts=counts)
    assert counts.noted["relation lines, passed over"] == 3
    assert "mentions that their offsets do not give" not in counts.noted
    return {
        split: [query for document in documents for query in document.queries] for split, documents in corpus.items()
    }


def test_diseases(raw):
    assert read(raw, "disease")["train"] == [
        Query("oral toxicity|lung toxicity", "D1|D2", pmid="100", start="0", end="22", type="Disease"),
        Query("seizures", "-1", pmid="100", start="47", end="55", type="Disease"),
    ]


def test_chemicals_of_every_split(raw):
    expected = {"train": "100", "dev": "200", "test": "300"}
    assert read(raw, "chemical") == {
        split: [Query("aspirin", "D003000", pmid=pmid, start="26", end="33", type="Chemical")]
        for split, pmid in expected.items()
    }


def test_a_bad_line_of_the_other_type_is_bad_all_the_same(raw, write):
    path = write(FILES["dev"], TRAIN.replace("D003000\n", "\n"))
    with pytest.raises(InputError, match=f"{path}:4: the mention or its id is empty"):
        read_bc5cdr(raw, "disease", counts=ReadCounts())


def test_a_missing_split_is_named(raw):
    (raw / FILES["test"]).unlink()
    with pytest.raises(InputError, match=r"CDR_TestSet\.PubTator\.txt: cannot be read"):
        read_bc5cdr(raw, "disease", counts=ReadCounts())
