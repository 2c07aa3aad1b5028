"""The corpora of preprocess.py, each from a sample in its own layout to the files that training reads."""

import gzip

import pytest

from biosyn.cli.main import main
from biosyn.corpora import bc5cdr, expected_counts
from biosyn.corpora.folder import FILES, FOLDERS, TRAINDEV
from biosyn.data.queries import read_queries

ONTOLOGY = ("concepts.jsonl", "vocabularies.json")
DICTIONARY = """MESH:D1|OMIM:208900||Ataxia Telangiectasia
D2||Skin Neoplasms
D3||Aspirin
10037844||Rash
10040785||Skin disorder
C0025929||Mice
4090||SMAD family member 5
4086||SMAD family member 1
"""


@pytest.fixture
def write(tmp_path):
    """Function: relative path, text -> the file below raw/, whose folders are made."""

    def call(name, text):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return call


@pytest.fixture
def run(write, tmp_path, command):
    """Function: the corpus and its flags -> exit code, the JSON result or None, and stderr."""
    dictionary = write("dictionary.txt", DICTIONARY)

    def call(corpus, *flags, abbreviations="schwartz-hearst"):
        common = {"--dictionary": dictionary, "--output_dir": tmp_path / "out", "--abbreviations": abbreviations}
        return command("preprocess", corpus, *flags, common)

    return call


def pubtator(pmid, *mentions, title="Skin tumours"):
    lines = [f"{pmid}|t|{title}", f"{pmid}|a|Text.", *(f"{pmid}\t{mention}" for mention in mentions)]
    return "".join(f"{line}\n" for line in lines) + "\n"


def names(folder):
    return {path.name for path in folder.iterdir()}


def rows(folder):
    return [(query.mention, query.cui) for query in read_queries(folder)]


def dictionary_of(folder, split):
    return (folder / f"{split}_dictionary.txt").read_text(encoding="utf-8").splitlines()


MENTIONS = (
    "0\t12\tSkin tumours\tDisease\tD2",
    "0\t4\tSkin\tDisease\tD1|D2\tataxia|Skin tumour",
    "5\t12\ttumours\tDisease\t-1",
    "0\t4\tSkin\tChemical\tD003000",
    "CID\tD003000\tD2",
)


@pytest.fixture
def cdr(write, tmp_path):
    for pmid, name in enumerate(bc5cdr.FILES.values()):
        write(name, pubtator(pmid, *MENTIONS))
    return tmp_path / "raw"


def test_bc5cdr(cdr, run, tmp_path):
    code, counts, err = run("bc5cdr", "--type", "disease", "--raw_dir", cdr)
    assert code == 0
    assert names(tmp_path / "out") == {*FOLDERS, *FILES}
    assert rows(tmp_path / "out" / "processed_train") == [("skin tumours", "D2"), ("ataxia|skin tumour", "D1|D2")]
    assert dictionary_of(tmp_path / "out", "dev")[-2:] == ["D2||skin tumours", "D1|D2||ataxia skin tumour"]
    assert counts["mentions"] == {"train": 3, "dev": 3, "test": 3}
    assert counts["queries_left_out"] == {"train": 1, "dev": 1, "test": 1}  # the one without a concept
    assert counts["noted"] == {"relation lines, passed over": 3, "mentions of other types, passed over": 3}
    assert not counts["published"]["agrees"]
    assert "bc5cdr-disease: differs from the published: 1 train documents (published: 500); " in err


def test_counts_as_published_are_told_so(cdr, run, monkeypatch):
    monkeypatch.setitem(
        expected_counts.EXPECTED_COUNTS, "bc5cdr-chemical", {"mentions": {"train": 1, "dev": 1, "test": 1}}
    )
    _, counts, err = run("bc5cdr", "--type", "chemical", "--raw_dir", cdr, "--keep_cuiless")
    assert counts["published"] == {"agrees": True, "differences": []}
    assert "bc5cdr-chemical: as published" in err


def test_a_split_of_which_no_query_is_left_is_warned_of(cdr, run):
    code, counts, err = run("bc5cdr", "--type", "chemical", "--raw_dir", cdr, "--quiet")
    assert code == 0
    assert counts["queries"] == {"train": 0, "dev": 0, "test": 0}
    assert "train: no query is left: are the dictionary's ids those of the corpus?" in err


LABEL = """<Label><Text><Section>Skin rash and erythema (SRE).\n</Section></Text><Reactions>
<Reaction str="Skin rash"><Normalization meddra_pt_id="10037844"/><Normalization meddra_pt_id="10040785"/></Reaction>
<Reaction str="SRE"><Normalization meddra_pt_id="10037844"/></Reaction><Reaction str="bad day"/></Reactions></Label>"""


@pytest.fixture
def tac(write, tmp_path):
    for number in range(4):
        write(f"train_xml/D{number}.xml", LABEL)
    write("gold_xml/T.xml", LABEL)
    return tmp_path / "raw"


def test_tac2017adr_keeps_a_reaction_of_two_ids_whole(tac, run, tmp_path):
    code, counts, _ = run("tac2017adr", "--raw_dir", tac)
    assert code == 0
    out = tmp_path / "out"
    assert names(out) == {
        *("train", "test", "processed_train", "processed_test", TRAINDEV),
        *("train_dictionary.txt", "test_dictionary.txt", *ONTOLOGY),
    }
    assert rows(out / "processed_test") == [
        ("skin rash", "10037844|10040785"),
        ("skin rash and erythema", "10037844"),  # the abbreviation was found in the text, in lower case
    ]
    assert rows(out / TRAINDEV) == rows(out / "processed_train")
    assert dictionary_of(out, "test")[-2:] == ["10037844|10040785||skin rash", "10037844||skin rash and erythema"]
    assert counts["documents"] == {"train": 4, "test": 1}


def test_tac2017adr_splits_if_asked_to(tac, run, tmp_path):
    run("tac2017adr", "--raw_dir", tac, "--composites", "split", abbreviations="none")
    assert rows(tmp_path / "out" / "processed_test")[0] == ("skin|rash", "10037844|10040785")


def test_a_dev_set_can_be_drawn_from_train(tac, run, tmp_path):
    _, counts, _ = run("tac2017adr", "--raw_dir", tac, "--dev_share", "0.25", "--seed", "1")
    assert counts["documents"] == {"train": 3, "dev": 1, "test": 1}
    assert names(tmp_path / "out") == {*FOLDERS, *FILES}
    assert len(list((tmp_path / "out" / TRAINDEV).glob("*.concept"))) == 4
    assert run("tac2017adr", "--raw_dir", tac, "--dev_share", "0.01")[0] == 2


def test_medmentions(write, run, tmp_path):
    text = pubtator(1, "0\t4\tSkin\tT204\tUMLS:C0025929") + pubtator(2) + pubtator(3)
    write("corpus_pubtator.txt", text)
    for pmid, name in enumerate(("trng", "dev", "test"), 1):
        write(f"corpus_pubtator_pmids_{name}.txt", f"{pmid}\n")
    code, counts, err = run("medmentions", "--raw_dir", tmp_path / "raw")
    assert code == 0
    assert rows(tmp_path / "out" / "processed_train") == [("skin", "C0025929")]
    assert "medmentions-st21pv: differs from the published: 3 documents (published: 4,392)" in err
    _, counts, _ = run("medmentions", "--raw_dir", tmp_path / "raw", "--types", "T047", "T048")
    assert counts["mentions"] == {"train": 0, "dev": 0, "test": 0}
    assert "published" not in counts  # a part of the corpus is not what was counted


def test_bc2gn(write, run, tmp_path):
    write("trainingData/training.genelist", "1\t4090\tSmads 1 and 5\tSMAD-5\n1\t4086\tSmads 1 and 5\n")
    write("trainingData/1.txt", "Smads 1 and 5\n\nText\n")
    write("bc2GNtest.genelist", "2\t4090\tSmad5\n")
    write("bc2GNtestdocs/2.txt", "Smad5\n")
    code, counts, _ = run("bc2gn", "--raw_dir", tmp_path / "raw")
    assert code == 0
    assert counts["queries"] == {"train": 2, "test": 1}
    assert (tmp_path / "out/processed_train/1.concept").read_text() == (
        "1||0|13||Gene||smads 1 and 5||4090|4086\n1||-1|-1||Gene||smad 5||4090\n"
    )
    assert [query.start for query in read_queries(tmp_path / "out/processed_train")] == ["0", "-1"]


def test_any_pubtator_file_packed_with_relations_prefixes_and_types(write, run, tmp_path):
    path = tmp_path / "raw" / "some.txt.gz"
    lines = [
        "0\t4\tSkin\tDisease\tX:D1;X:D2",
        "0\t4\tSkin\tGene\tX:D1",
        "Association\tD1\tD2\tNovel",
        "0\t4\tSkin\tDisease\t",
    ]
    path.write_bytes(gzip.compress(pubtator(1, *lines).encode()))
    code, counts, _ = run("pubtator", "--train", path, "--types", "disease", "--id_prefix", "X:", "--keep_cuiless")
    assert code == 0
    assert rows(tmp_path / "out" / "processed_train") == [("skin", "D1|D2"), ("skin", "-1")]
    assert "published" not in counts


def test_any_bioc_file(write, run, tmp_path):
    mention = '<annotation id="1"><infon key="type">Disease</infon><infon key="mine">MESH:D2</infon>'
    path = write(
        "some.xml",
        "<collection><source/><date/><key/><document><id>1</id><passage><offset>0</offset><text>Skin tumours</text>"
        f'{mention}<location offset="0" length="12"/><text>Skin tumours</text></annotation></passage></document>'
        "</collection>",
    )
    code, counts, _ = run("bioc", "--test", path, "--id_keys", "identifier", "mine")
    assert code == 0
    assert rows(tmp_path / "out" / "processed_test") == [("skin tumours", "D2")]
    assert names(tmp_path / "out") == {"test", "processed_test", "test_dictionary.txt", *ONTOLOGY}


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ("train", {"train", "processed_train", TRAINDEV, "train_dictionary.txt"}),
        ("dev", {"dev", "processed_dev", "dev_dictionary.txt"}),
        (
            "dev test",
            {"dev", "test", "processed_dev", "processed_test", "dev_dictionary.txt", "test_dictionary.txt"},
        ),
    ],
)
def test_absent_splits_leave_nothing_and_take_away_those_of_an_earlier_run(write, run, tmp_path, splits, expected):
    files = {
        split: write(f"{split}.txt", pubtator(number, "0\t4\tSkin\tDisease\tD1"))
        for number, split in enumerate(("train", "dev", "test"))
    }
    every = [part for split, path in files.items() for part in (f"--{split}", path)]
    assert run("pubtator", *every)[0] == 0
    out = tmp_path / "out"
    (out / "notes.md").write_text("mine")
    code, counts, err = run("pubtator", *(part for split in splits.split() for part in (f"--{split}", files[split])))
    assert code == 0
    assert names(out) == {*expected, *ONTOLOGY, "notes.md"}
    assert set(counts["queries"]) == set(splits.split())
    assert "removed what an earlier run had left: " in err
    last = splits.split()[-1]
    # 8 names of the ontology; with dev before it, test has one more
    assert counts["dictionary_names"][last] == len(dictionary_of(out, last)) == 8 + (splits == "dev test")


def test_bad_lines_are_exit_2_or_left_out_and_counted(write, run, tmp_path):
    path = write("a.txt", pubtator(1, "0\t4\tSkin\tDisease\tD1", "0\tSkin") + "2|t|No abstract\n")
    code, counts, err = run("pubtator", "--train", path)
    assert (code, counts) == (2, None)
    assert err.startswith(f"preprocess.py: error: {path}:4: expected six tab-separated fields")
    assert not (tmp_path / "out").exists()
    code, counts, err = run("pubtator", "--train", path, "--on_error", "skip")
    assert code == 0
    assert counts["documents"] == {"train": 1}
    assert counts["skipped"] == {"lines without the fields of a mention": 1, "documents with no abstract": 1}
    assert f"left out: {path}:4: " in err


def test_no_split_is_exit_2(run):
    code, _, err = run("pubtator")
    assert (code, err) == (2, "preprocess.py: error: no split: give --train, --dev or --test\n")


def test_a_document_in_two_splits_is_exit_2(write, run):
    path = write("a.txt", pubtator(1, "0\t4\tSkin\tDisease\tD1"))
    code, _, err = run("pubtator", "--train", path, "--test", path)
    assert code == 2
    assert "document '1' is in both train and test" in err


def test_an_input_of_a_split_is_not_overwritten(write, run, tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "dev_dictionary.txt"
    path.write_text(pubtator(1, "0\t4\tSkin\tDisease\tD1"))
    code, _, err = run("pubtator", "--train", path)
    assert code == 2
    assert "would be overwritten" in err
    assert path.exists()


@pytest.mark.parametrize("flags", [["bc5cdr", "--type", "gene"], ["medmentions", "--version", "x"], ["tac2017adr"]])
def test_bad_flags_are_exit_2(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["preprocess", *flags])
    assert caught.value.code == 2
    assert "usage: preprocess.py" in capsys.readouterr().err


@pytest.mark.parametrize("moved", [1, 4, 8, 11, 14])
def test_a_run_of_fewer_splits_that_fails_leaves_the_earlier_one_whole(write, run, tmp_path, fail_the_move, moved):
    files = [write(f"{number}.txt", pubtator(number, "0\t4\tSkin\tDisease\tD1")) for number in range(3)]
    run("pubtator", "--train", files[0], "--dev", files[1], "--test", files[2])
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    fail_the_move(moved)
    assert run("pubtator", "--train", files[0])[0] == 2
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
