import json

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

SOURCE = "hp/releases/2030-01-01"
LINKS = {"parents": ("HP:0000001",), "xrefs": ("UMLS:C0575081",)}


def graph(*nodes, **fields):
    return json.dumps({"graphs": [{"nodes": [{"type": "CLASS", **node} for node in nodes], **fields}]})


def test_a_graph_gives_what_the_obo_file_gives(read):
    concepts, counts = read("obograph")
    names = ("Abnormal gait", "Gait disturbance", 'Gait "problem"', "Unusual walk")  # by scope
    assert concepts == [
        Concept(("HP:0000002", "HP:0000077"), names, SOURCE, LINKS),
        Concept(("HP:0000001",), ("All",), SOURCE),
        Concept(("HP:0000003",), (), SOURCE, obsolete=True),
    ]
    assert concepts[0].links == LINKS
    assert concepts[2].links == {"replaced_by": ("HP:0000002",), "consider": ("HP:0000001",)}
    assert counts.noted == {"obsolete": 1}


def test_scopes_of_a_graph_are_chosen(read):
    concepts, counts = read("obograph", scopes=("exact",))
    assert concepts[0].names == ("Abnormal gait", "Gait disturbance")
    assert (counts.noted["related synonym"], counts.noted["broad synonym"]) == (1, 1)


def test_fields_of_a_graph_may_be_absent_or_null(read):
    empty = {"synonyms": None, "xrefs": None, "basicPropertyValues": None}
    text = graph(
        {"id": "X:1", "lbl": "a", "meta": None},
        {"id": "X:2", "lbl": "b", "meta": empty},
        {"id": "X:3"},
        {"id": "X:4", "lbl": " "},
    )
    concepts, counts = read("obograph", text)
    assert [(concept.ids, concept.names, concept.source) for concept in concepts] == [
        (("X:1",), ("a",), "hp.json"),
        (("X:2",), ("b",), "hp.json"),
    ]
    assert counts.noted == {"no name": 2}


@pytest.mark.parametrize(
    "node",
    [
        {"lbl": "no id"},
        {"id": "X:9", "lbl": 5},
        {"id": "X:9", "lbl": "a", "meta": {"synonyms": [{"val": "b"}]}},
        {"id": "X:9", "lbl": "a", "meta": {"synonyms": [{"pred": "hasOtherSynonym", "val": "b"}]}},
        {"id": "X:9", "lbl": "half \ud83d"},
    ],
)
def test_a_bad_node_is_named_or_skipped(read, node):
    text = graph(node, {"id": "X:1", "lbl": "a"})
    with pytest.raises(InputError, match=rf"hp\.json: the node {node.get('id')} does not follow OBO Graph JSON"):
        read("obograph", text)
    concepts, counts = read("obograph", text, skip_errors=True)
    assert [concept.ids for concept in concepts] == [("X:1",)]
    assert counts.skipped == {"node": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"hp\.json:1: is not JSON"),
        ('{\n"graphs": [}', r"hp\.json:2: is not JSON"),
        ("[" * 100_000, r"hp\.json: is nested too deep"),
        ("[]", r"hp\.json: holds no 'graphs'"),
        ("{}", r"hp\.json: holds no 'graphs'"),
        ('{"graphs": [1]}', r"hp\.json: holds a graph that does not follow"),
        ('{"graphs": [{"nodes": 1}]}', r"hp\.json: holds a graph that does not follow"),
        ('{"graphs": [{"nodes": [1]}]}', r"hp\.json: holds a graph that does not follow"),
        ('{"graphs": [{"edges": [{}]}]}', r"hp\.json: holds a graph that does not follow"),
    ],
)
def test_a_bad_graph_is_named(read, text, message):
    with pytest.raises(InputError, match=message):
        read("obograph", text, skip_errors=True)
