import pytest

from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.answers import NGRAMS_SHOWN, explanation_json
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Linker

ATAXIA = Concept(("D001259",), ("Ataxia", "Ataxia Syndrome"), "")


@pytest.fixture(scope="module")
def linker(tiny_checkpoint, tiny_dictionary):
    biosyn, dictionary = BioSyn.from_pretrained(tiny_checkpoint), DictionaryDataset(tiny_dictionary)
    return Linker(biosyn, dictionary, concepts=ConceptTable([ATAXIA]))


@pytest.mark.parametrize("mention", ["Ataxia-Telangiectasia", "cancer of the breasts", "zzz"])
def test_the_ngrams_add_up_to_the_sparse_score_and_the_shares_to_the_score(linker, mention):
    explanation = explanation_json(linker.explain(mention, topk=40))
    assert explanation["sparse_weight"] == linker.biosyn.sparse_weight
    for found in explanation["predictions"]:
        shown = sum(ngram["sparse_score"] for ngram in found["ngrams"])
        total = shown + found["other_ngrams"]["sparse_score"]
        assert len(found["ngrams"]) <= NGRAMS_SHOWN
        assert total == pytest.approx(found["sparse_score"], rel=1e-5, abs=1e-9)
        assert found["dense_score"] + found["sparse_score"] == pytest.approx(found["score"], rel=1e-5)


def test_the_candidates_are_those_of_normalize(linker):
    explained = linker.explain("Ataxia Telangiectasia", topk=7)
    assert explained.mention == "Ataxia Telangiectasia"
    assert [found.candidate for found in explained.candidates] == list(
        linker.normalize([explained.mention], topk=7)[0].candidates
    )


def test_the_mention_is_linked_as_its_last_step_has_it(linker):
    explained = linker.explain("AT dsease", topk=3, abbreviations={"AT": "asthma"}, typos={"dsease": "disease"})
    assert [step.text for step in explained.cleaning] == [
        "AT dsease",
        "asthma dsease",
        "asthma dsease",
        "asthma disease",
        "asthma disease",
    ]
    (expected,) = linker.normalize(["asthma disease"], topk=3)
    assert tuple(found.candidate for found in explained.candidates) == expected.candidates


def test_a_composite_mention_is_explained_part_by_part(linker):
    explained = linker.explain(
        "Breast and ovarian CA",
        topk=2,
        abbreviations={"CA": "canzer"},
        typos={"canzer": "cancer"},
        split_composites=True,
    )
    assert [(step.step, step.text) for step in explained.cleaning] == [
        ("as typed", "Breast and ovarian CA"),
        ("abbreviations", "Breast and ovarian canzer"),
        ("composite", "Breast canzer | ovarian canzer"),
    ]
    assert explained.candidates == ()
    parts = [linker.explain(part, topk=2, typos={"canzer": "cancer"}) for part in ("Breast canzer", "ovarian canzer")]
    assert list(explained.parts) == parts
    assert [part.candidates[0].candidate.name for part in parts] == ["breast cancer", "ovarian cancer"]
    answer = explanation_json(explained)
    assert list(answer) == ["cleaning", "parts"]
    assert answer["parts"][1] == {"mention": "ovarian canzer", **explanation_json(parts[1])}


@pytest.mark.parametrize("mention", ["Breast Cancer", "breast and foot cancer", "ataxia"])
def test_a_mention_that_is_a_name_or_has_a_part_that_is_none_is_not_split(linker, mention):
    assert linker.explain(mention, topk=2, split_composites=True) == linker.explain(mention, topk=2)


def test_a_concepts_other_names_are_the_dictionarys(linker):
    (found,) = linker.explain("ataxia syndrome", topk=1).candidates  # of D001260|D001259, and only D001259 is described
    assert found.candidate.name == "ataxia syndrome"
    described, by_id = found.concepts
    assert (described.ids, described.preferred_name) == (("D001259",), "Ataxia")
    assert described.other_names == ("ataxia", "incoordination", "ataxic disorder")
    assert (by_id.ids, by_id.preferred_name) == (("D001260",), None)
    assert by_id.other_names == (
        "ataxia telangiectasia",
        "ataxia telangiectasia syndrome",
        "louis bar syndrome",
        "ataxic disorder",
    )


def test_an_empty_mention_is_refused(linker):
    with pytest.raises(InputError, match="no letter or digit"):
        linker.explain(" - ")
