import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.data.concepts import Concept, ConceptTable, concept_json
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.evaluation.hidden import hide_concepts, open_hidden

LINES = (
    "D1|100||ataxia",
    "D1|100||at syndrome",
    "D2||breast cancer",
    "D1|100|D3||at",  # a homonym
    "D3||anterior tibia",
    "D1|D2||breast cancer ataxia",  # a query that entered the dictionary
    "D2+D3||breast cancer tibia",  # another, joined by +
    "100|D4||shared",  # 100 is of D1 and of D4
    "D4|100||fourth",
)
CONCEPTS = [
    Concept(("D1", "100"), ("Ataxia", "AT", "AT syndrome"), ""),
    Concept(("D2",), ("Breast Cancer",), ""),
    Concept(("D3",), ("Anterior Tibia", "AT"), ""),
    Concept(("D4", "100"), ("Fourth", "Shared"), ""),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A dictionary with its concepts beside it."""
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "concepts.jsonl").write_text("".join(f"{concept_json(row)}\n" for row in CONCEPTS))
    path = folder / "dictionary.txt"
    path.write_text("".join(f"{line}\n" for line in LINES))
    return path


def lines(dictionary):
    return [f"{name.cui}||{name.name}" for name in dictionary]


def hidden_one(path, concept):
    """Hide one concept of the four: the seed that draws it is looked for."""
    for seed in range(200):
        found = open_hidden(DictionaryDataset(path), fraction=0.25, seed=seed)
        names = {name.name for name in found.dictionary}
        if concept.names[0].lower() not in names:
            return found
    raise AssertionError


def test_nothing_is_hidden_with_a_fraction_of_0(path):
    found = open_hidden(DictionaryDataset(path), fraction=0, seed=0)
    assert lines(found.dictionary) == list(LINES)
    assert (found.rows, found.concepts) == (range(9), 0)


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        # "at" keeps D3 and the composite name D2; 100 is D4's too, but "ataxia" is no name of D4
        (0, ["D2||breast cancer", "D3||at", "D3||anterior tibia", "D2||breast cancer ataxia", *LINES[6:]]),
        # D2+D3 goes although D3 is there
        (1, [LINES[0], LINES[1], *LINES[3:5], "D1||breast cancer ataxia", *LINES[7:]]),
        (2, [*LINES[:3], "D1|100||at", LINES[5], *LINES[7:]]),
        (3, list(LINES[:7])),
    ],
)
def test_a_name_loses_its_hidden_concepts_and_goes_with_the_last(path, hidden, expected):
    found = hidden_one(path, CONCEPTS[hidden])
    assert lines(found.dictionary) == expected
    assert found.concepts == 1


def test_rows_are_those_of_the_whole_dictionary(path):
    found = open_hidden(DictionaryDataset(path), fraction=0.5, seed=3)
    assert [name.name for name in found.dictionary] == [found.whole.names[row] for row in found.rows]


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), fraction=st.sampled_from([0.25, 0.5, 0.75]))
def test_the_draw_is_that_of_the_seed_and_as_large_as_asked(path, seed, fraction):
    one, two = (open_hidden(DictionaryDataset(path), fraction=fraction, seed=seed) for _ in range(2))
    assert lines(one.dictionary) == lines(two.dictionary)
    assert one.concepts == 4 * fraction


def test_without_an_ontology_ids_are_hidden(write_dictionary):
    path = write_dictionary("D1|D2||a", "D2||b", "D3||c", "D4||d")
    found = open_hidden(DictionaryDataset(path), fraction=0.25, seed=1)
    gone = {"D1", "D2", "D3", "D4"} - {cui for name in found.dictionary for cui in name.cui.split("|")}
    assert len(gone) == found.concepts == 1


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_fraction_that_hides_nothing_or_all_is_refused(path, fraction):
    whole = open_hidden(DictionaryDataset(path), fraction=0, seed=0).dictionary
    with pytest.raises(InputError, match="choose another fraction"):
        hide_concepts(whole, ConceptTable(CONCEPTS), fraction=fraction, seed=0)
