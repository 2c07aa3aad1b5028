import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import read_queries
from biosyn.errors import InputError
from biosyn.evaluation.references import outcomes_of, raw_mentions, read_references
from biosyn.records import Candidate, MentionPrediction, QueryPrediction


@pytest.fixture
def folder(tmp_path, write_dictionary, write_queries):
    """A dictionary of two names, and two queries: right by the first, wrong by the second."""
    write_dictionary("D1||ataxia", "D2||chorea", name="test_dictionary.txt")
    write_queries(("ataxia", "D1"), ("dance", "D2"), name="processed_test")
    return tmp_path


@pytest.fixture
def outcomes(folder):
    """Function: training folders -> the outcomes of a system that always answers ataxia, then chorea."""

    def make(*train_dirs):
        queries = read_queries(folder / "processed_test")
        found = (Candidate("ataxia", "D1", 2.0, 2.0, 0.0), Candidate("chorea", "D2", 1.0, 1.0, 0.0))
        dictionary = DictionaryDataset(folder / "test_dictionary.txt")
        references = read_references(queries, dictionary, data_dir=folder / "processed_test", train_dirs=train_dirs)
        predictions = [QueryPrediction(query, (MentionPrediction(query.mention, found),)) for query in queries]
        return outcomes_of(predictions, references, topk=2)

    return make


def test_what_cannot_be_known_is_left_out_and_said(outcomes):
    made = outcomes()
    assert made.ranks.tolist() == [1, 2]
    assert made.left_out == {
        "abbreviation": "no folder of the mentions before preprocessing beside the queries",
        "strict, homonym": "no concepts.jsonl beside the dictionary",
        "refined, mention, concept": "no --train_dir",
    }
    assert {part.name for part in made.slices} == {"composite", "tokens"}
    assert {key[1] for key in made.figures(resamples=10) if key[0] == "protocols"} == {"lenient"}


def test_several_training_folders_count_as_one(outcomes, write_queries):
    train, dev = write_queries(("ataxia", "D1"), name="train"), write_queries(("dances", "D2"), name="dev")
    assert outcomes(train).refined.tolist() == [False, True]
    assert {part.name: part.labels for part in outcomes(train).slices}["concept"] == ("seen", "unseen")
    assert {part.name: part.labels for part in outcomes(train, dev).slices}["concept"] == ("seen", "seen")


def test_where_refined_keeps_nothing_it_is_left_out(outcomes, folder):
    made = outcomes(folder / "processed_test")
    assert made.refined is None
    assert made.left_out["refined"] == "no query is left: each stands in --train_dir"


def test_a_training_folder_that_is_missing_is_named(outcomes, folder):
    with pytest.raises(InputError, match="none: no such folder"):
        outcomes(folder / "none")


# -- the mentions before preprocessing


def concept_file(folder, *lines):
    folder.mkdir()
    (folder / "1.concept").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def test_raw_mentions_are_found_by_their_place(tmp_path):
    processed = concept_file(tmp_path / "processed_test", "1||9|11||D||ataxia||D1", "1||0|3||D||polyposis||D2")
    concept_file(tmp_path / "test", "1||0|3||D||APC||D2", "1||4|6||D||left out||D3", "1||9|11||D||A-T||D1")
    assert raw_mentions(read_queries(processed), processed) == ["A-T", "APC"]


@pytest.mark.parametrize(
    "lines",
    [
        ["1||0|3||D||APC||D2"],  # one is missing
        ["1||0|3||D||APC||D2", "1||9|11||D||A-T||D1", "1||9|11||D||A||D1"],  # two at one place
        ["no concept file"],
    ],
)
def test_a_folder_that_is_not_the_raw_one_is_not_used(tmp_path, lines):
    processed = concept_file(tmp_path / "processed_test", "1||9|11||D||ataxia||D1", "1||0|3||D||polyposis||D2")
    concept_file(tmp_path / "test", *lines)
    assert raw_mentions(read_queries(processed), processed) is None


@pytest.mark.parametrize("name", ["test", "processed_"])
def test_a_folder_of_another_name_has_no_raw_one(tmp_path, name):
    queries = concept_file(tmp_path / name, "1||0|3||D||APC||D2")
    assert raw_mentions(read_queries(queries), queries) is None
