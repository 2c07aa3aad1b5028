import pytest

from biosyn.concept_ids import (
    covers_all,
    distinct_ids,
    is_composite,
    name_ids,
    shares_any,
    split_ids,
    strip_prefixes,
)
from biosyn.data.vocabularies import curie


@pytest.mark.parametrize(
    ("cui", "ids"),
    [
        ("D001260", ("D001260",)),
        ("D001260|208900", ("D001260", "208900")),
        ("D010051+D001943", ("D010051", "D001943")),
        ("D1|D2+D3", ("D1", "D2", "D3")),
        (" D1 | D2 ", ("D1", "D2")),
        ("D1||D2|", ("D1", "D2")),
        ("-1", ("-1",)),
        ("", ()),
        (" | ", ()),
        ("+", ()),
        # a plus with an id on one side only is part of that id
        ("A17.0+", ("A17.0+",)),
        ("A17.0+|G01*", ("A17.0+", "G01*")),
        ("A17.0++G01*", ("A17.0+", "G01*")),
        ("D1 + A17.0+", ("D1", "A17.0+")),
        ("+1", ("+1",)),
        # other characters, and blanks inside an id, separate nothing
        ("ICD 10 A17,0;x", ("ICD 10 A17,0;x",)),
        ("MeSH:D1|mesh:D2", ("MeSH:D1", "mesh:D2")),
    ],
)
def test_a_field_is_split_at_bars_and_plus_signs(cui, ids):
    assert split_ids(cui) == ids


def test_the_ids_of_a_name_are_split_at_bars_only():
    # a composite query x+y that entered the dictionary is one id there
    assert name_ids(" D1 |D2+D3|") == {"D1", "D2+D3"}


def test_an_id_holds_no_line_end_and_comes_once():
    assert distinct_ids("D1|MESH:D1", "D\n2| ", "OMIM:") == ("D1", "D 2")


def test_an_ontology_has_ids_as_they_are():
    assert distinct_ids("A17.0+|A17+B", "mesh:D1|Mesh: D2", "XMESH:D1", "SCTID 1") == (
        *("A17.0+", "A17+B", "D1", "D2"),
        *("XMESH:D1", "SCTID 1"),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("MSH:D001260", "D001260"),
        ("mim: 208900", "OMIM:208900"),
        ("UMLS_CUI:C0004135", "C0004135"),
        ("MDR:10003591", "10003591"),
        ("HPO:0000400", "hp:0000400"),
        ("GeneID:672", "NCBIGene:672"),
        ("SCTID:64572001", "snomedct_us:64572001"),
    ],
)
def test_any_spelling_of_a_prefix_is_the_same_prefix(first, second):
    assert shares_any(first, second)
    assert curie(first) == curie(second)


def test_a_prefix_that_says_more_than_the_id_counts():
    assert not shares_any("HP:0000400", "MONDO:0000400")
    assert not shares_any("NCBIGene:672", "672")


def test_prefixes_go_from_the_start_of_each_id_of_a_query():
    assert strip_prefixes("mesh:D1+OMIM:A17.0+|XOMIM:1 | MESH:MeSH:D2") == "D1+A17.0+|XOMIM:1|D2"


@pytest.mark.parametrize(
    ("cui", "composite"),
    [("A17.0+", False), ("A17.0++G01*", True), ("D1", False), ("D1|", False), ("D1|D2", True), ("D1+D2", True)],
)
def test_composite_means_more_than_one_id(cui, composite):
    assert is_composite(cui) is composite


@pytest.mark.parametrize(
    ("query", "name", "covered"),
    [
        ("D001260", "D001260", True),
        ("D001260", "D001260|208900", True),
        ("D1|D2", "D2|D1|D3", True),
        ("D1|D2", "D1", False),
        ("D00126", "D001260", False),  # upstream compares by substring and says yes
        ("D001260", "D00126", False),
        ("D1", "D1+D2", False),  # a name of the composite concept is none of its parts
        ("A17.0+", "A17.0+", True),
        ("A17.0+", "A17.0", False),
        ("A17.0++G01*", "G01*|A17.0+", True),
        ("MeSH:D1", "MESH:D1", True),
        ("mesh:D1", "D1", True),
        ("hp:0000400", "HP:0000400", True),
        ("ICD  10 A17", "ICD 10 A17", True),
        ("hp:0000400a", "HP:0000400A", False),  # the capitals of the id itself count
        ("-1", "-1", False),
        ("D1|-1", "D1|-1", False),
        ("", "D1", False),
    ],
)
def test_training_wants_every_id_of_the_query(query, name, covered):
    assert covers_all(query, name) is covered


@pytest.mark.parametrize(
    ("gold", "name", "shared"),
    [
        ("D1|D2", "D2", True),
        ("D1+D2", "D2|D9", True),
        ("D1|D2", "D1+D2", False),
        ("D1", "D2", False),
        ("D00126", "D001260", False),
        ("A17.0+", "A17.0+|D9", True),
        ("A17.0+|D2", "A17.0", False),
        ("Mesh:D2+omim:1", "OMIM:1", True),
        ("XMESH:D1", "D1", False),
        ("-1", "-1", False),
        ("-1|D1", "D1", True),
    ],
)
def test_evaluation_wants_one_id_in_common(gold, name, shared):
    assert shares_any(gold, name) is shared
