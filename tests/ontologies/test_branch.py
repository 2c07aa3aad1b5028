import pytest

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.branch import branch_of


def branch(concepts, root):
    counts = ReadCounts()
    found = [concept.ids[0] for concept in branch_of(concepts, root, counts)]
    assert counts.noted["outside --branch"] == len(concepts) - len(found)
    return found


def concept(cui, *parents, other=(), **links):
    return Concept((cui, *other), (f"name {cui}",), "x", {"parents": parents, **links})


# 0 is above 1 and 2; 1 above 11 and 12; 12 also below 2; 2 is also 20; 13 is below 20; 9 is alone
TREE = [
    concept("0"),
    concept("12", "1", "2"),
    concept("1", "0"),
    concept("11", "1"),
    concept("2", "0", other=("20",)),
    concept("13", "20"),
    concept("9", "404"),
]


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ("0", ["0", "12", "1", "11", "2", "13"]),
        ("1", ["12", "1", "11"]),
        ("2", ["12", "2", "13"]),
        ("20", ["12", "2", "13"]),  # an alternative id
        ("11", ["11"]),
        ("9", ["9"]),
        (" MESH:1 ", ["12", "1", "11"]),
    ],
)
def test_a_branch_is_a_concept_and_all_below_it(root, found):
    assert branch(TREE, root) == found


def test_a_circle_ends():
    assert branch([concept("1", "3"), concept("2", "1"), concept("3", "2"), concept("4")], "2") == ["1", "2", "3"]


def test_a_concept_whose_id_another_one_has_as_an_alternative_is_not_below():
    assert branch([concept("1", other=("5",)), concept("5", "9"), concept("6", "5")], "1") == ["1", "6"]


def test_tree_numbers_count_by_their_parts():
    numbers = {"1": ["C1"], "2": ["C1.5", "F3.7"], "3": ["F3.7.1"], "4": ["C10"], "5": ["C1.5.2"], "6": ["C1/D6"]}
    concepts = [concept(cui, tree_numbers=tuple(each)) for cui, each in numbers.items()]
    concepts.append(concept("C7", mapped_to=("5",)))  # a supplementary record of MeSH
    concepts.append(concept("C8", mapped_to=("4",)))
    assert branch(concepts, "1") == ["1", "2", "5", "6", "C7"]  # not 3, which is elsewhere below 2
    assert branch(concepts, "2") == ["2", "3", "5", "C7"]


def test_obsolete_ids_belong_to_the_branch_of_their_replacement():
    gone = [
        Concept((cui,), (), "x", {key: (target,)}, obsolete=True)
        for cui, key, target in [("91", "replaced_by", "11"), ("92", "consider", "12"), ("93", "replaced_by", "2")]
    ]
    assert branch([*TREE, *gone, Concept(("94",), (), "x", obsolete=True)], "1") == ["12", "1", "11", "91", "92"]
    with pytest.raises(InputError, match="^--branch 91: this id is obsolete: try 11$"):
        branch([*TREE, *gone], "91")


@pytest.mark.parametrize(
    ("concepts", "root", "message"),
    [
        (TREE, "77", "^--branch 77: no concept has this id$"),
        (TREE, "404", "^--branch 404: no concept has this id$"),
        ([concept("1"), concept("2")], "1", "^--branch 1: no concept of these files has parents$"),
        ([*TREE, Concept(("5",), (), "x", obsolete=True)], "5", "^--branch 5: this id is obsolete$"),
    ],
)
def test_why_there_is_no_branch_is_one_line(concepts, root, message):
    with pytest.raises(InputError, match=message):
        branch(concepts, root)


@pytest.mark.parametrize(
    ("format_name", "root", "ids"),
    [
        ("obo", "HP:0000002", ["HP:0000002", "HP:0000003"]),
        ("obograph", "HP:0000002", ["HP:0000002", "HP:0000003"]),
        ("owl", "HP:0000002", ["HP:0000002", "HP:0000003"]),
        ("mesh", "D001260", ["D001260"]),
        ("ctd", "MESH:D001260", ["D001260"]),
    ],
)
def test_formats_that_have_parents(read, format_name, root, ids):
    assert branch(read(format_name)[0], root) == ids
