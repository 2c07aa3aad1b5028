import pytest

from biosyn.data.annotations import Annotations
from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.resolver import Resolver
from biosyn.data.vocabularies import vocabularies_of
from biosyn.records import Name, Query

ADENOMA = Concept(("D003123",), ("Colorectal Neoplasms, Hereditary", "Colorectal Adenomas"), "medic")
POLYPOSIS = Concept(("D000236",), ("Adenoma", "Colorectal Adenomas"), "medic")
BREAST = Concept(("114480", "D001943"), ("Breast Neoplasms", "Breast Cancer"), "medic")
SUPPLEMENT = Concept(("C565584", "600001"), ("AT Deficiency", "AT"), "medic")
OMIM_ONLY = Concept(("208900",), ("Ataxia Telangiectasia", "AT"), "medic")
TABLE = ConceptTable([ADENOMA, POLYPOSIS, BREAST, SUPPLEMENT, OMIM_ONLY])
ADENOMAS = Name("colorectal adenomas", "D003123|D000236")


def resolved(name, *, annotations=None, **settings):
    return Resolver(TABLE, annotations=annotations, **settings).resolve(name)


def test_the_concept_that_was_annotated_most_often_comes_first():
    counts = Annotations({"D003123": 2, "D000236": 57})
    found = resolved(ADENOMAS, annotations=counts)
    assert [(one.curie, one.reason) for one in found] == [
        ("MESH:D000236", "annotated 57 times"),
        ("MESH:D003123", "annotated twice"),
    ]


def test_the_counts_of_all_ids_of_a_concept_add_up():
    counts = Annotations({"C565584": 1, "600001": 1, "208900": 1})  # 2 of the supplement, 1 of the other
    first, other = resolved(Name("at", "208900|C565584|600001"), annotations=counts)
    assert (first.id, first.reason) == ("C565584", "annotated twice")
    assert (other.id, other.reason) == ("208900", "annotated once")


def test_the_name_itself_decides_once_it_was_annotated_often():
    """The first rule: n(name, c) + 10 n(c) / (30 + 10), that is 7.5 of D000236 and 2.5 + n of D003123."""
    for own, first in ((4, "D000236"), (6, "D003123")):
        counts = Annotations({"D003123": 10, "D000236": 30}, {"colorectal adenomas": {"D003123": own}})
        assert resolved(ADENOMAS, annotations=counts)[0].id == first
    assert [one.reason for one in resolved(ADENOMAS, annotations=counts)] == [
        "annotated 6 times by this name",
        "never annotated by this name",
    ]


def test_counts_that_tie_leave_the_decision_to_the_next_rule():
    """6 + 10 * 10 / 40 of D003123 and 1 + 10 * 30 / 40 of D000236 are both 8.5."""
    counts = Annotations({"D003123": 10, "D000236": 30}, {"colorectal adenomas": {"D003123": 6, "D000236": 1}})
    assert [one.reason for one in resolved(ADENOMAS, annotations=counts)] == ["lower id", "higher id"]


def test_the_preferred_name_decides_where_no_count_does():
    found = resolved(Name("breast neoplasms", "208900|114480|D001943"))
    assert [(one.curie, one.reason) for one in found] == [
        ("MESH:D001943", "preferred name"),
        ("OMIM:208900", "synonym"),
    ]


def test_the_vocabulary_decides_then():
    name = Name("at", "208900|C565584|600001")
    assert [(one.curie, one.reason) for one in resolved(name)] == [
        ("MESH:C565584", "MeSH before OMIM"),
        ("OMIM:208900", "OMIM after MeSH"),
    ]
    first, _ = resolved(name, vocabularies=vocabularies_of(["OMIM", "MESH"]))
    assert (first.curie, first.reason) == ("OMIM:208900", "lower id")  # before OMIM:600001


def test_equal_concepts_are_ordered_by_id():
    found = resolved(ADENOMAS)
    assert [(one.id, one.reason) for one in found] == [("D000236", "lower id"), ("D003123", "higher id")]


def test_one_concept_with_two_ids_is_no_homonym():
    (found,) = resolved(Name("breast cancer", "114480|D001943"))
    ids = ("D001943", "114480")
    assert found == ("D001943", "MESH:D001943", "Breast Neoplasms", ("OMIM:114480",), "only concept", ids)


def test_descriptors_come_before_supplements():
    first, second = resolved(Name("unlisted", "C999999|D999999"))
    assert (first.id, first.reason) == ("D999999", "MeSH descriptor before MeSH supplement")
    assert second.reason == "MeSH supplement after MeSH descriptor"


@pytest.mark.parametrize("cui", ["-1", "odd", "ORPHA:1", "D001943+D003123"])
def test_an_id_that_no_ontology_has_is_a_concept_of_its_own(cui):
    (found,) = resolved(Name("unlisted", cui))
    assert (found.id, found.preferred_name, found.alternative_ids) == (cui, None, ())


def test_an_id_without_vocabulary_comes_last():
    first, last = resolved(Name("unlisted", "D001943+D003123|208900"))
    assert (first.id, first.reason) == ("208900", "OMIM before unknown id")
    assert last.curie == "MESH:D001943+MESH:D003123"


def test_annotations_count_mentions_by_concept_and_by_name():
    queries = [Query("AT", "D1"), Query("at", "D1"), Query("at", "D2|-1"), Query("a|b", "D1|D3"), Query("c", "D1+D3")]
    found = Annotations.of([*queries, Query("d", "-1")])
    assert found.concepts == {"D1": 4, "D2": 1, "D3": 2}
    assert found.names == {"at": {"D1": 2, "D2": 1}}
    assert Annotations.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"concepts": {}},
        {"concepts": [], "names": {"at": 3}},
        {"concepts": {"D1": 0}, "names": {}},
        {"concepts": {"D1": 1.5}, "names": {}},
        {"concepts": {"D1": True}, "names": {}},
        {"concepts": {}, "names": {"at": {"D1": "2"}}},
        {"concepts": None, "names": {}},
    ],
)
def test_a_damaged_table_of_counts_is_refused(values):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Annotations.from_json(values)
