"""OWL and SKOS; the sample in conftest is OWL in RDF/XML."""

import sys

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

SOURCE = "hp/releases/2030-01-01"

SKOS = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix : <http://example.org/c/> .
:1 a skos:Concept ; skos:prefLabel "Ataxia"@en, "Ataxie"@fr, "Ataxie"@de ; skos:altLabel "A-T"@en-GB, "AT"@en ;
  skos:hiddenLabel "Ataxa" ; skos:narrower :2 ; skos:exactMatch <http://purl.obolibrary.org/obo/HP_0001251> .
:2 a skos:Concept ; skos:prefLabel "Gait ataxia" ; skos:definition "not a name" .
:3 a skos:Concept ; skos:broader :1 ; skos:prefLabel "Ataxie optique"@fr .
:4 a skos:Concept ; skos:prefLabel "Old"@en ; owl:deprecated true .
<#5> a skos:Concept ; skos:prefLabel "Relative"@en .
[] a skos:Concept ; skos:prefLabel "nameless"@en .
"""
OWL_XML = """<?xml version="1.0"?>
<Ontology xmlns="http://www.w3.org/2002/07/owl#" xml:base="http://a">
 <SubClassOf>
  <Class IRI="#a"/><ObjectSomeValuesFrom><ObjectProperty IRI="#p"/><Class IRI="#b"/></ObjectSomeValuesFrom>
 </SubClassOf>
</Ontology>
"""
BASE = "http://example.org/c/"


def test_owl_gives_what_the_obo_file_gives(read):
    concepts, counts = read("owl")
    names = ("Abnormal gait", "Gait disturbance", 'Gait "problem"', "Unusual walk")  # by scope
    assert concepts == [
        Concept(("HP:0000001",), ("All",), SOURCE),
        Concept(("HP:0000002", "HP:0000077"), names, SOURCE),
        Concept(("HP:0000003",), (), SOURCE, obsolete=True),
    ]
    assert concepts[1].links == {"parents": ("HP:0000001",), "xrefs": ("UMLS:C0575081",)}
    assert concepts[2].links == {"replaced_by": ("HP:0000002",), "consider": ("HP:0000001",)}
    assert counts.noted == {"language": 1, "obsolete": 1}


def test_scopes_are_chosen(read):
    assert read("owl", scopes=("exact",))[0][1].names == ("Abnormal gait", "Gait disturbance")


@pytest.mark.parametrize(
    ("languages", "first", "ids"),
    [
        (("en",), ("Ataxia", "A-T", "AT", "Ataxa"), ["1", "2"]),
        (("fr", "en"), ("Ataxie", "Ataxia", "A-T", "AT", "Ataxa"), ["1", "2", "3"]),
        (("it",), ("Ataxa",), ["2"]),
    ],
)
def test_skos_in_turtle_by_language(read, languages, first, ids):
    concepts, _ = read("owl", SKOS, name="t.ttl", languages=languages)
    live = [concept for concept in concepts if concept.ids[0].startswith(BASE) and not concept.obsolete]
    assert [concept.ids[0].removeprefix(BASE) for concept in live] == ids
    if ids[0] == "1":
        assert live[0].names == first
        assert live[0].links["xrefs"] == ("HP:0001251",)
        assert {concept.links["parents"] for concept in live[1:]} == {(f"{BASE}1",)}  # by narrower and by broader
    assert [concept.ids[0] for concept in concepts if concept.obsolete] == [f"{BASE}4"]


def test_relative_iris_do_not_depend_on_the_folder(read):
    assert "#5" in [concept.ids[0] for concept in read("owl", SKOS, name="t.ttl")[0]]


def test_n_triples(read):
    text = (
        "<http://purl.obolibrary.org/obo/X_1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
        "<http://www.w3.org/2002/07/owl#Class> .\n"
        '<http://purl.obolibrary.org/obo/X_1> <http://www.w3.org/2000/01/rdf-schema#label> "a \\u00e9" .\n'
    )
    concepts, _ = read("owl", text, name="x.nt")
    assert [(concept.ids, concept.names) for concept in concepts] == [(("X:1",), ("a é",))]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.owl", "Prefix(:=<http://a>)\nOntology(<http://a>)", r"a\.owl:1: cannot be read as RDF/XML"),
        ("a.owl", "<a>\n<b>\n</a>\n", r"a\.owl:3: cannot be read as RDF/XML"),
        ("a.owl", OWL_XML, r"a\.owl:4: cannot be read as RDF/XML \(Repeat"),
        ("a.owl", "", r"a\.owl:1: cannot be read as RDF/XML"),
        ("a.ttl", "@prefix x: <http://a/> .\nx:1 a ;;; .\n", r"a\.ttl:2: cannot be read as Turtle"),
        ("a.ttl", b"\xff\xfe", r"a\.ttl: cannot be read as Turtle"),
        ("a.nt", "<http://a/1> no .\n", r"a\.nt: cannot be read as N-Triples"),
    ],
)
def test_a_bad_file_is_named_and_nothing_can_be_skipped(read, name, text, message):
    with pytest.raises(InputError, match=message):
        read("owl", text, name=name, skip_errors=True)


def test_other_files_are_not_read_and_entities_do_not_explode(read, sample, tmp_path):
    (tmp_path / "secret").write_text("secret")
    text = sample("owl").replace("<!ENTITY obo", f'<!ENTITY s SYSTEM "file://{tmp_path}/secret"><!ENTITY obo')
    concepts, _ = read("owl", text.replace(">All<", ">All &s;<"))
    assert concepts[0].names == ("All",)
    levels = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 20}">' for level in range(1, 8)) + '<!ENTITY a0 "a">'
    text = sample("owl").replace("<!ENTITY obo", f"{levels}<!ENTITY obo").replace(">All<", ">&a7;<")
    with pytest.raises(InputError, match=r"hp\.owl: has entities made of entities"):
        read("owl", text)


def test_without_rdflib_it_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdflib", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[owl\]'"):
        read("owl")
