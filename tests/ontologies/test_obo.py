import json
import sys
import warnings

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

SOURCE = "hp/releases/2030-01-01"
LINKS = {"parents": ("HP:0000001",), "xrefs": ("UMLS:C0575081",)}
ROOT = Concept(("HP:0000001",), ("All",), SOURCE, {"parents": (), "xrefs": ()})


def test_reads_live_terms_by_id_with_sorted_synonyms(read):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        concepts, counts = read("obo")
    names = ("Abnormal gait", "Gait disturbance", "Limping", 'Gait "problem"', "Unusual walk")  # by scope
    assert concepts == [ROOT, Concept(("HP:0000002", "HP:0000055", "HP:0000077"), names, SOURCE, LINKS)]
    assert counts.noted == {"obsolete": 1, "name repeated in its concept": 2}


def test_scopes_are_chosen(read):
    concepts, counts = read("obo", scopes=("exact", "narrow"))
    assert concepts[1].names == ("Abnormal gait", "Gait disturbance", "Limping")
    assert (counts.noted["related synonym"], counts.noted["broad synonym"]) == (2, 1)


def test_a_file_without_version_is_its_own_source(read):
    concepts, _ = read("obo", "format-version: 1.2\n\n[Term]\nid: HP:1\nname: All\n\n[Term]\nid: HP:2\n")
    assert [concept.source for concept in concepts] == ["hp.obo"]  # and HP:2 has no name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "cannot be read as OBO"),
        (lambda text: "not an ontology\n", r"cannot be read as OBO \(it does not begin with"),
        (lambda text: text.replace("name: All", "name All"), r"hp\.obo:23: cannot be read as OBO"),
        (lambda text: text.replace("EXACT layperson", "EXACT unknown"), "undeclared synonym type: unknown"),
        (lambda text: text.replace("EXACT []", "SAME []"), r"hp\.obo:16: cannot be read as OBO"),
    ],
)
def test_a_bad_file_is_named_and_nothing_can_be_skipped(read, sample, change, message):
    with pytest.raises(InputError, match=message):
        read("obo", change(sample("obo")), skip_errors=True)


@pytest.mark.parametrize("format_name", ["obograph", "mesh"])
def test_another_layout_is_refused(read, sample, format_name):
    with pytest.raises(InputError, match=r"hp\.obo: is JSON or XML, not OBO"):
        read("obo", sample(format_name))


def test_without_pronto_it_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pronto", None)
    monkeypatch.setitem(sys.modules, "pronto.ontology", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[obo\]'"):
        read("obo")


# -- OBO Graph JSON


def graph(*nodes, **fields):
    return json.dumps({"graphs": [{"nodes": [{"type": "CLASS", **node} for node in nodes], **fields}]})


def test_a_graph_gives_what_the_obo_file_gives(read):
    concepts, counts = read("obograph")
    names = ("Abnormal gait", "Gait disturbance", 'Gait "problem"', "Unusual walk")  # by scope
    assert concepts == [
        Concept(("HP:0000002", "HP:0000077"), names, SOURCE, LINKS),
        ROOT,
    ]
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
