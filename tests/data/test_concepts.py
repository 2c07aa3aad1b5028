import json

import pytest

from biosyn.data.concepts import Concept, ConceptTable, concept_json, read_concepts
from biosyn.errors import InputError
from biosyn.records import Name

ATAXIA = Concept(("D001260", "208900"), ("Ataxia Telangiectasia", "AT", "Louis-Bar Syndrome"), "medic.txt")
TRITAN = Concept(("D100", "260350"), ("Tritanopia", "AT"), "medic.txt")  # "AT" is a homonym
PANCREAS = Concept(("D200", "260350"), ("Cancer of Pancreas",), "medic.txt")  # and 260350 an id of two concepts
ALONE = Concept(("208900",), ("Something else",), "medic.txt")  # whose only id is another concept's second
TABLE = ConceptTable([ATAXIA, TRITAN, PANCREAS, ALONE])


@pytest.fixture
def concepts_file(tmp_path):
    """Function: content -> concepts.jsonl."""

    def write(content):
        path = tmp_path / "concepts.jsonl"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_what_preprocessing_writes_is_read_back(concepts_file):
    path = concepts_file(f"{concept_json(ATAXIA)}\n\n{concept_json(TRITAN)}\n")
    assert read_concepts(path) == [ATAXIA, TRITAN]


def test_original_names_are_written():
    concept = Concept(("D1", "2"), ("Sjögren's Syndrome", "SS"), "medic.txt")
    text = concept_json(concept)
    assert "Sjögren's" in text
    assert json.loads(text) == {
        "ids": ["D1", "2"],
        "preferred_name": "Sjögren's Syndrome",
        "names": ["Sjögren's Syndrome", "SS"],
        "source": "medic.txt",
    }


def test_the_preferred_name_comes_first_wherever_the_row_lists_it(concepts_file):
    path = concepts_file('{"ids": ["D1"], "preferred_name": "B", "names": ["A", "B"]}\n')
    assert read_concepts(path) == [Concept(("D1",), ("B", "A"), "")]


GOOD = concept_json(ATAXIA)


@pytest.mark.parametrize(
    "bad",
    [
        "not json",
        GOOD[:-1],
        "[]",
        '"text"',
        "null",
        '{"preferred_name": "A", "names": ["A"]}',
        '{"ids": [], "preferred_name": "A", "names": ["A"]}',
        '{"ids": "D1", "preferred_name": "A", "names": ["A"]}',
        '{"ids": [1], "preferred_name": "A", "names": ["A"]}',
        '{"ids": [""], "preferred_name": "A", "names": ["A"]}',
        '{"ids": ["D1"], "names": ["A"]}',
        '{"ids": ["D1"], "preferred_name": null, "names": ["A"]}',
        '{"ids": ["D1"], "preferred_name": "A"}',
        '{"ids": ["D1"], "preferred_name": "A", "names": [null]}',
        '{"ids": ["D1"], "preferred_name": "A", "names": 3}',
        '{"ids": ["D1"], "preferred_name": "\\ud800", "names": ["A"]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_named(concepts_file, bad):
    path = concepts_file(f"{GOOD}\n{bad}\n")
    with pytest.raises(InputError) as caught:
        read_concepts(path)
    assert str(caught.value).startswith(f"{path}:2: expected ")
    assert len(str(caught.value)) < 400


def test_a_line_that_is_not_utf_8_is_named(concepts_file):
    path = concepts_file(GOOD.encode() + b"\n\xff\n")
    with pytest.raises(InputError, match=r"concepts.jsonl:2: not UTF-8"):
        read_concepts(path)


@pytest.mark.parametrize(
    ("name", "cui", "expected"),
    [
        ("louis bar syndrome", "D001260|208900", [ATAXIA]),  # two ids of one concept, not two concepts
        ("at", "D001260|208900|D100|260350", [ATAXIA, TRITAN]),  # a homonym: both list the name
        ("at", "D100|260350|D001260|208900", [TRITAN, ATAXIA]),  # in the order of the ids
        ("atm", "D001260", [ATAXIA]),  # a train query's name, with one of the concept's ids
        ("cancer of pancreas", "D200|260350", [PANCREAS]),  # its name tells it from the other concept with 260350
        ("a mention", "260350", [TRITAN, PANCREAS]),  # nothing tells
        ("at", "D100|260350|D200", [TRITAN, PANCREAS]),  # the ontology's name, and a query's id besides
        ("a b", "D100|D001260", [TRITAN, ATAXIA]),  # a composite query is a homonym in a dictionary
        ("x", "D999", [Concept(("D999",), (), "")]),
        ("at", "D100|260350|D999", [TRITAN, Concept(("D999",), (), "")]),
        ("a b", "D100+D001260", [Concept(("D100+D001260",), (), "")]),  # right for neither
        ("AT!", "D001260|D100", [ATAXIA, TRITAN]),  # a dictionary of uncleaned names
    ],
)
def test_the_concepts_of_a_name(name, cui, expected):
    assert list(TABLE.concepts_of(Name(name, cui))) == expected


def test_without_an_ontology_each_id_is_a_concept():
    found = ConceptTable().concepts_of(Name("ataxia", "D001260|208900"))
    assert [(concept.ids, concept.preferred_name) for concept in found] == [(("D001260",), None), (("208900",), None)]


def test_the_file_beside_the_dictionary_is_used_where_there_is_one(concepts_file, write_dictionary):
    dictionary, name = write_dictionary("D001260|208900||at"), Name("at", "D001260|208900")
    assert len(ConceptTable.beside(dictionary).concepts_of(name)) == 2
    path = concepts_file(f"{json.dumps(json.loads(GOOD))}\n")
    assert ConceptTable.beside(dictionary).concepts_of(name) == (ATAXIA,)
    path.unlink()
    path.symlink_to("nowhere")  # as git-annex leaves a file that was not fetched
    with pytest.raises(InputError, match=r"concepts\.jsonl: cannot be read: No such file"):
        ConceptTable.beside(dictionary)


@pytest.mark.parametrize("more", ["", ', "replaced_by": ["D1"], "consider": ["D2"]', ', "names": ["never a name"]'])
def test_obsolete_concepts_are_in_the_file_and_in_no_answer(concepts_file, write_dictionary, more):
    dictionary, name = write_dictionary("D001260|208900||at"), Name("at", "D001260|208900")
    row = '{"ids": ["D7"], "preferred_name": null, "source": "x", "obsolete": true' + more + "}"
    path = concepts_file(f"{json.dumps(json.loads(GOOD))}\n{row}\n")
    assert read_concepts(path) == [ATAXIA]
    table = ConceptTable.beside(dictionary)
    assert table.concepts_of(name) == (ATAXIA,)
    assert table.with_id("D7") == [Concept(("D7",), (), "")]


def test_an_obsolete_concept_is_written_without_empty_keys():
    concept = Concept(("D7",), (), "x", {"replaced_by": ("D1",), "consider": ()}, obsolete=True)
    row = json.loads(concept_json(concept))
    assert row == {
        "ids": ["D7"],
        "preferred_name": None,
        "names": [],
        "source": "x",
        "obsolete": True,
        "replaced_by": ["D1"],
    }


@pytest.mark.parametrize("obsolete", ["false", "null", '"true"', "1"])
def test_only_an_obsolete_concept_may_lack_names(concepts_file, obsolete):
    path = concepts_file('{"ids": ["D7"], "preferred_name": null, "names": [], "obsolete": ' + obsolete + "}")
    with pytest.raises(InputError, match="concepts.jsonl:1: expected"):
        read_concepts(path)
