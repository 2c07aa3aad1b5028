import json
from pathlib import Path

import pytest

from biosyn.cli.preprocess import main
from biosyn.concept_ids import covers_all, name_ids, shares_any
from biosyn.corpora.folder import FILES, FOLDERS
from biosyn.corpora.preprocess import Cleaning, preprocess_corpus, with_dev
from biosyn.corpora.pubtator import PubTatorForm, clean_ids
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.documents import Document
from biosyn.data.queries import read_queries
from biosyn.errors import InputError
from biosyn.evaluation.accuracy import gold_ids, is_strict_hit
from biosyn.ontologies.source import Source
from biosyn.ontologies.table import table_concepts
from biosyn.records import Query

TRAIN = """20|t|Ataxia telangiectasia (AT) and skin tumours
20|a|AT patients. A second line of text.
20\t0\t21\tAtaxia telangiectasia\tSpecificDisease\tMESH:D1
20\t23\t25\tAT\tSpecificDisease\t D1
20\t31\t43\tskin tumours\tDiseaseClass\tD2
20\t0\t9\tbreast and ovarian cancer\tCompositeMention\tD3|D4

100|t|Muscle
100|a|C4 deficiency, mystery.
100\t8\t21\tC4 deficiency\tSpecificDisease\tD1+D2
100\t23\t30\tmystery\tSpecificDisease\tD999
"""
DEV = "30|t|Tumour of the skin\n30|a|None.\n30\t0\t18\tTumour of the skin\tDiseaseClass\tD2\n"
TEST = "40|t|Cancers\n40|a|None.\n40\t0\t7\tCancers\tDiseaseClass\tD3|D4\n"
MEDIC = """MESH:D1|OMIM:208900||Ataxia, Telangiectasia|AT
D2||Skin Neoplasms|Shared name
D3||Breast Cancer|shared-NAME
D4||Ovarian Cancer
"""


@pytest.fixture
def raw(tmp_path):
    """Folder of a small corpus, its ontology and its spelling corrections."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, text in {
        "NCBItrainset_corpus.txt": TRAIN,
        "NCBIdevelopset_corpus.txt": DEV,
        "NCBItestset_corpus.txt": TEST,
        "medic.txt": MEDIC,
        "typos.txt": "tumours||tumors\n",
    }.items():
        (folder / name).write_text(text)
    return folder


def run(raw, output, *flags, abbreviations="schwartz-hearst"):
    arguments = ["--raw_dir", raw, "--dictionary", raw / "medic.txt", "--typo_path", raw / "typos.txt"]
    arguments += ["--output_dir", output, "--abbreviations", abbreviations, *flags]
    return main(["ncbi-disease", *map(str, arguments)])


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_writes_the_files_of_a_corpus(raw, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(raw, output) == 0
    assert {path.name for path in output.iterdir()} == {*FOLDERS, *FILES}
    assert lines(output / "processed_train" / "20.concept") == [
        "20||0|21||SpecificDisease||ataxia telangiectasia||D1",
        "20||23|25||SpecificDisease||ataxia telangiectasia||D1",
        "20||31|43||DiseaseClass||skin tumors||D2",
        "20||0|9||CompositeMention||breast cancer|ovarian cancer||D3|D4",
    ]
    assert lines(output / "train" / "20.concept")[1] == "20||23|25||SpecificDisease||AT||D1"
    for folder in ("train", "processed_train", "processed_traindev"):
        text = "Ataxia telangiectasia (AT) and skin tumours\n\nAT patients. A second line of text.\n"
        assert (output / folder / "20.txt").read_text() == text
    both = [*read_queries(output / "processed_train"), *read_queries(output / "processed_dev")]
    assert sorted(both) == sorted(read_queries(output / "processed_traindev"))
    assert json.loads(capsys.readouterr().out) == {
        "documents": {"train": 2, "dev": 1, "test": 1},
        "queries": {"train": 5, "dev": 1, "test": 1},
        "queries_left_out": {"train": 1, "dev": 0, "test": 0},  # the mystery
        "dictionary_names": {"train": 6, "dev": 9, "test": 10},
        "ontology": {"concepts": 4},
        "mentions": {"train": 6, "dev": 1, "test": 1},
        "skipped": {},
        "noted": {"mentions that their offsets do not give": 3},  # two of 100, and the composite
        "published": {
            "agrees": False,
            "differences": [
                "2 train documents (published: 592)",
                "1 dev documents (published: 100)",
                "1 test documents (published: 100)",
                "6 train mentions (published: 5,134)",
                "1 dev mentions (published: 787)",
                "1 test mentions (published: 960)",
                "5 train queries (published: 5,134)",
                "1 dev queries (published: 787)",
                "1 test queries (published: 960)",
                "6 train dictionary names (published: 71,924)",
                "9 dev dictionary names (published: 72,887)",
                "10 test dictionary names (published: 73,024)",
            ],
        },
    }


def test_dictionaries_grow_by_the_processed_queries(raw, tmp_path):
    run(raw, tmp_path)
    train = [
        "D1|208900||ataxia telangiectasia",
        "D1|208900||at",
        "D2||skin neoplasms",
        "D2|D3||shared name",
        "D3||breast cancer",
        "D4||ovarian cancer",
    ]
    # documents go by file name: 100 before 20; a composite is one name, x+y stays one id
    dev = [*train, "D1+D2||c4 deficiency", "D2||skin tumors", "D3|D4||breast cancer ovarian cancer"]
    assert lines(tmp_path / "train_dictionary.txt") == train
    assert lines(tmp_path / "dev_dictionary.txt") == dev
    assert lines(tmp_path / "test_dictionary.txt") == [*dev, "D2||tumour of the skin"]


def test_concepts_keep_their_names_as_they_stand(raw, tmp_path):
    run(raw, tmp_path)
    first = json.loads(lines(tmp_path / "concepts.jsonl")[0])
    assert first == {
        "ids": ["D1", "208900"],
        "preferred_name": "Ataxia, Telangiectasia",
        "names": ["Ataxia, Telangiectasia", "AT"],
        "source": "medic.txt",
    }


def test_keep_cuiless_writes_minus_one_but_no_dictionary_name(raw, tmp_path):
    assert run(raw, tmp_path, "--keep_cuiless") == 0
    assert lines(tmp_path / "processed_train" / "100.concept")[-1] == "100||23|30||SpecificDisease||mystery||-1"
    assert not [line for line in lines(tmp_path / "test_dictionary.txt") if "mystery" in line or "-1" in line]


def test_without_abbreviations_short_forms_stay(raw, tmp_path):
    run(raw, tmp_path, abbreviations="none")
    assert "||at||" in lines(tmp_path / "processed_train" / "20.concept")[1]


def test_a_mention_of_punctuation_is_left_out_with_a_warning(raw, tmp_path, capsys):
    (raw / "NCBItestset_corpus.txt").write_text(TEST + "40\t0\t3\t(+)\tDiseaseClass\tD3\n")
    assert run(raw, tmp_path) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["queries_left_out"]["test"] == 1
    assert "document 40: a mention at 0 is punctuation only" in captured.err


def test_the_same_input_gives_the_same_bytes_and_replaces_an_earlier_run(raw, tmp_path):
    run(raw, tmp_path / "one")
    run(raw, tmp_path / "two", abbreviations="none")
    (tmp_path / "two" / "notes.md").write_text("mine")
    run(raw, tmp_path / "two")
    first, second = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert second.pop("notes.md") == b"mine"  # a file under no name of ours stays
    assert first == second


def test_quiet_leaves_stderr_empty(raw, tmp_path, capsys):
    run(raw, tmp_path, "--quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("NCBItestset_corpus.txt", "40|t|Title\n", "NCBItestset_corpus.txt:1: document '40' has no"),
        (
            "NCBItrainset_corpus.txt",
            TRAIN + "100\t8\n",
            "NCBItrainset_corpus.txt:12: expected six tab-separated fields",
        ),
        ("NCBIdevelopset_corpus.txt", TRAIN, "document '100' is in both train and dev"),
        ("medic.txt", MEDIC + "D5|x\n", "medic.txt:5: expected 'ids||name|name...', found 'D5|x'"),
        ("typos.txt", "tumour\n", "typos.txt:1: expected 'wrong||right'"),
        ("typos.txt", None, "typos.txt: cannot be read: No such file"),
        ("NCBItestset_corpus.txt", None, "NCBItestset_corpus.txt: cannot be read: No such file"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_leaves_nothing(raw, tmp_path, capsys, name, text, expected):
    if text is None:
        (raw / name).unlink()
    else:
        (raw / name).write_text(text)
    output = tmp_path / "out"
    run_before = tree(output)
    assert run(raw, output) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert tree(output) == run_before


def test_bad_input_leaves_an_earlier_run_as_it_was(raw, tmp_path):
    run(raw, tmp_path / "out")
    before = tree(tmp_path / "out")
    (raw / "medic.txt").write_bytes(MEDIC.encode() + b"D5||caf\xe9\n")
    assert run(raw, tmp_path / "out") == 2
    assert tree(tmp_path / "out") == before


NAMES = len([*FOLDERS, *FILES])


@pytest.mark.parametrize("moved", [1, NAMES, NAMES + 1, 2 * NAMES])  # old ones out of the way, then new ones in place
def test_a_move_that_fails_is_undone(raw, tmp_path, fail_the_move, capsys, moved):
    output = tmp_path / "out"
    run(raw, output, abbreviations="none")
    before = tree(output)
    fail_the_move(moved)
    assert run(raw, output) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert tree(output) == before


@pytest.mark.parametrize(
    ("path", "is_folder"),
    [
        ("train/notes.txt", False),  # a .txt without its .concept
        ("processed_test/model.bin", False),
        ("processed_dev/sub.concept/x", False),
        ("train_dictionary.txt", True),
        ("processed_traindev", False),
    ],
)
def test_a_users_own_file_is_never_replaced(raw, tmp_path, capsys, path, is_folder):
    output = tmp_path / "out"
    mine = output / path
    if is_folder:
        mine.mkdir(parents=True)
    else:
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
    before = tree(output)
    assert run(raw, output) == 2
    assert "choose another --output_dir" in capsys.readouterr().err
    assert tree(output) == before


def test_a_linked_folder_is_not_replaced(raw, tmp_path):
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    output.mkdir()
    elsewhere.mkdir()
    (output / "train").symlink_to(elsewhere)
    assert run(raw, output) == 2
    assert (output / "train").is_symlink()


def test_an_input_is_not_overwritten(raw, capsys):
    dictionary = raw / "train_dictionary.txt"
    dictionary.write_text(MEDIC)
    arguments = ["--raw_dir", raw, "--dictionary", dictionary, "--output_dir", raw, "--abbreviations", "none"]
    assert main(["ncbi-disease", *map(str, arguments)]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert dictionary.read_text() == MEDIC


def test_an_output_that_is_a_file_is_named(raw, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert run(raw, tmp_path / "out") == 2
    assert "out: cannot be written to" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize(
    "flags", [[], ["ncbi-disease"], ["mesh"], ["hpo"], ["hpo", "--output_dir", "x", "--seed", "a"]]
)
def test_bad_flags_are_exit_2(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        main(flags)
    assert caught.value.code == 2
    assert "usage: preprocess.py" in capsys.readouterr().err


def write_obo(path, terms):
    head = "format-version: 1.2\ndata-version: 2030-01-01\n"
    stanzas = [
        f"\n[Term]\nid: HP:{term:07}\nname: Sign {term}\n"
        + "".join(f'synonym: "Name {letter} of {term}" EXACT []\n' for letter in "abc")
        for term in range(terms)
    ]
    path.write_text(head + "".join(stanzas))
    return path


def test_hpo_writes_the_same_files(tmp_path, capsys):
    obo, output = write_obo(tmp_path / "hp.obo", 20), tmp_path / "out"
    assert main(["hpo", "--obo", str(obo), "--output_dir", str(output), "--seed", "3"]) == 0
    assert {path.name for path in output.iterdir()} == {*FOLDERS, *FILES}
    assert json.loads(capsys.readouterr().out) == {
        "documents": {"train": 1, "dev": 1, "test": 1},
        "queries": {"train": 8, "dev": 2, "test": 10},
        "queries_left_out": {"train": 0, "dev": 0, "test": 0},
        "dictionary_names": {"train": 60, "dev": 68, "test": 70},  # 20 of 80 held out; 8, then 2 come back
        "ontology": {"concepts": 20},
    }
    names = {line.split("||")[1] for line in lines(output / "test_dictionary.txt")}
    mentions = {query.mention for query in read_queries(output / "processed_test")}
    assert not names & mentions
    assert {f"sign {term}" for term in range(20)} <= names
    assert lines(output / "train_dictionary.txt")[0] == "HP:0000000||sign 0"


def test_hpo_with_too_few_terms_is_exit_2(tmp_path, capsys):
    obo = write_obo(tmp_path / "hp.obo", 2)
    assert main(["hpo", "--obo", str(obo), "--output_dir", str(tmp_path / "out")]) == 2
    assert "only 2 terms have 3 or more synonyms" in capsys.readouterr().err
    assert not Path(tmp_path / "out").exists()


# -- ids as they are


def test_ids_with_a_dagger_blanks_and_prefixes_of_any_capitals_are_those_of_the_dictionary(tmp_path):
    table = tmp_path / "icd.csv"
    table.write_text("id,name\nA17.0+,Tuberculous meningitis\nICD 10 X,Rare thing\nMeSH:D1,Ataxia\nhp:7,Nystagmus\n")
    concepts = list(table_concepts(Source(table, counts=ReadCounts())))
    ids = ["A17.0+", "A17.0++ICD  10 X", "mesh:D1|A17.0+", "HP:7", "OMIM:9|MESH:D1", "A17.0", "ICD10X"]
    queries = tuple(Query("x", clean_ids(cui, PubTatorForm()), pmid="1", start="0", end="1") for cui in ids)
    cleaning = Cleaning(remove_cuiless=False, split_composites=True)
    preprocess_corpus({"test": [Document("1", "x", queries)]}, concepts, tmp_path / "out", cleaning=cleaning)
    read = [query.cui for query in read_queries(tmp_path / "out" / "processed_test")]
    assert read == ["A17.0+", "A17.0++ICD 10 X", "D1|A17.0+", "hp:7", "D1", "-1", "-1"]
    names = list(DictionaryDataset(tmp_path / "out" / "test_dictionary.txt"))
    assert [name.cui for name in names] == ["A17.0+", "ICD 10 X", "D1", "hp:7"]
    assert [[shares_any(cui, name.cui) for name in names] for cui in read[:4]] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, False, True, False],
        [False, False, False, True],
    ]
    assert [covers_all(cui, names[0].cui) for cui in read[:4]] == [True, False, False, False]
    assert [is_strict_hit(gold_ids(cui), [name_ids(names[0].cui)], [1]) for cui in read[:4]] == [
        *(True, False),
        *(False, False),
    ]


# -- a dev set made from train documents


TRAIN_DOCUMENTS = [Document(str(number), "", ()) for number in range(20)]
TEST_DOCUMENTS = [Document("t", "", ())]


def test_a_fraction_of_train_becomes_dev_and_order_stays():
    corpus = with_dev({"train": TRAIN_DOCUMENTS, "test": TEST_DOCUMENTS}, fraction=0.25, seed=1)
    assert [len(corpus[split]) for split in ("train", "dev", "test")] == [15, 5, 1]
    assert sorted([*corpus["train"], *corpus["dev"]]) == sorted(TRAIN_DOCUMENTS)
    for split in ("train", "dev"):
        assert corpus[split] == [document for document in TRAIN_DOCUMENTS if document in corpus[split]]


def test_the_seed_decides():
    draws = [with_dev({"train": TRAIN_DOCUMENTS}, fraction=0.25, seed=seed)["dev"] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("corpus", "fraction", "message"),
    [
        ({"train": TRAIN_DOCUMENTS, "dev": TEST_DOCUMENTS}, 0.5, "leave --dev_share out"),
        ({"test": TEST_DOCUMENTS}, 0.5, "leave --dev_share out"),
        ({"train": TRAIN_DOCUMENTS}, 0, "leaves train or dev empty"),
        ({"train": TRAIN_DOCUMENTS}, 1, "leaves train or dev empty"),
        ({"train": TRAIN_DOCUMENTS}, -1, "leaves train or dev empty"),
        ({"train": TRAIN_DOCUMENTS[:1]}, 0.4, "leaves train or dev empty"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(corpus, fraction, message):
    with pytest.raises(InputError, match=message):
        with_dev(corpus, fraction=fraction)
