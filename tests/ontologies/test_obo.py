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
    with pytest.raises(InputError, match=r"hp\.obo: is JSON or XML, no OBO"):
        read("obo", sample(format_name))


def test_without_pronto_it_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pronto", None)
    monkeypatch.setitem(sys.modules, "pronto.ontology", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[obo\]'"):
        read("obo")
