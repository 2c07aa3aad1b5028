import pytest

from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Linker, predict
from biosyn.records import Query

MENTIONS = ["Ataxia-Telangiectasia", "breast tumour", "allergic", "low blood count"]
AT = Concept(("D001260", "208900"), ("Ataxia Telangiectasia", "Louis-Bar Syndrome", "Ataxia Syndrome"), "")
ATAXIA = Concept(("D001259",), ("Ataxia", "Incoordination", "Ataxia Syndrome"), "")  # one name in common


@pytest.fixture(scope="module")
def linker(tiny_checkpoint, tiny_dictionary):
    return BioSyn.from_pretrained(tiny_checkpoint).load_dictionary(tiny_dictionary)


@pytest.fixture(scope="module")
def linker_with(linker):
    """Function: concepts -> the linker of the same names that has them."""
    return lambda *concepts: Linker(linker.biosyn, linker.dictionary, concepts=ConceptTable(concepts))


@pytest.mark.parametrize("concepts", [(), (AT, ATAXIA)], ids=["ids only", "concepts"])
@pytest.mark.parametrize("topk", [1, 3, 15, 99])
def test_the_concepts_are_those_of_all_names_in_order(linker_with, concepts, topk):
    linker, table = linker_with(*concepts), ConceptTable(concepts)
    predictions = linker.normalize_to_concepts(MENTIONS, topk=topk)
    for prediction, everything in zip(predictions, linker.normalize(MENTIONS, topk=40), strict=True):
        expected = {}
        for candidate in everything.candidates:
            concepts = table.concepts_of(candidate)
            for concept in concepts:
                expected.setdefault(concept, (concept.ids, candidate.name, len(concepts) > 1))
        found = [(concept.ids, concept.best.name, concept.homonym) for concept in prediction.concepts]
        assert prediction.mention == everything.mention
        assert found == list(expected.values())[:topk]
        by_name = {candidate.name: candidate for candidate in everything.candidates}
        for concept in prediction.concepts:
            assert concept.best.cui == by_name[concept.best.name].cui
            for share in ("score", "dense_score", "sparse_score"):
                assert getattr(concept.best, share) == pytest.approx(getattr(by_name[concept.best.name], share), 1e-5)


def test_a_name_of_two_concepts_gives_both_and_is_flagged(linker_with):
    (prediction,) = linker_with(AT, ATAXIA).normalize_to_concepts(["ataxia syndrome"], topk=2)
    assert [concept.preferred_name for concept in prediction.concepts] == ["Ataxia Telangiectasia", "Ataxia"]
    assert [concept.homonym for concept in prediction.concepts] == [True, True]
    assert {concept.best.name for concept in prediction.concepts} == {"ataxia syndrome"}


def test_two_ids_of_one_concept_are_one(linker, linker_with):
    (prediction,) = linker_with(AT, ATAXIA).normalize_to_concepts(["louis bar syndrome"], topk=1)
    assert prediction.concepts[0].ids == ("D001260", "208900")
    assert prediction.concepts[0].homonym is False
    (prediction,) = linker.normalize_to_concepts(["louis bar syndrome"], topk=2)
    assert [(concept.ids, concept.preferred_name) for concept in prediction.concepts] == [
        (("D001260",), None),
        (("208900",), None),
    ]


class TestExactFirst:
    """A name that equals the mention, letter for letter, comes first: inner products alone do not see to that."""

    @pytest.fixture
    def both(self, tiny_checkpoint, tiny_dictionary):
        """A linker that puts equal names first, and one that does not; two names have long vectors."""
        biosyn = BioSyn.from_pretrained(tiny_checkpoint)
        dictionary = DictionaryDataset(tiny_dictionary)
        linkers = [Linker(biosyn, dictionary, exact_first=first) for first in (True, False)]
        for linker in linkers:
            linker.names.dense[[3, 8]] *= 3  # of this process alone: the file stays
        return linkers

    @pytest.mark.parametrize("topk", [1, 3, 40])
    def test_the_others_keep_their_order_and_every_name_its_score(self, both, topk):
        texts = list(both[0].dictionary.names)
        first, plain = (linker.link(texts, topk=topk) for linker in both)
        full = both[1].link(texts, topk=len(texts))
        assert any(one.candidates[0].name != one.mention for one in plain)  # or there would be nothing to do
        for found, scored in zip(first, full, strict=True):
            assert found.candidates[0].name == found.mention
            others = [one for one in scored.candidates if one.name != found.mention]
            assert [one.name for one in found.candidates[1:]] == [one.name for one in others][: topk - 1]
            score = {one.name: one.score for one in scored.candidates}
            for one in found.candidates:
                assert one.score == pytest.approx(score[one.name], rel=1e-4, abs=1e-5)
                assert one.score == pytest.approx(one.dense_score + one.sparse_score, rel=1e-4, abs=1e-5)

    def test_its_concepts_come_first_too(self, both):
        texts = list(both[0].dictionary.names)
        for text, found in zip(texts, both[0].link_to_concepts(texts, topk=2), strict=True):
            assert found.concepts[0].best.name == text

    def test_a_mention_that_is_no_name_is_not_touched(self, both):
        texts = ["breast tumour", "blood counts"]
        first, plain = (linker.link(texts, topk=5) for linker in both)
        assert first == plain

    def test_a_name_given_twice_comes_first_with_both_rows(self, both, write_dictionary):
        path = write_dictionary("D1||ataxia", "D2||chorea", "D3||ataxia", "D4||a long name of something else entirely")
        linker = Linker(both[0].biosyn, DictionaryDataset(path))
        (found,) = linker.link(["ataxia"], topk=3)
        assert [one.cui for one in found.candidates[:2]] == ["D1", "D3"]
        (found,) = linker.link(["ataxia"], topk=1)
        assert [one.cui for one in found.candidates] == ["D1"]


def test_no_mentions_give_no_concepts(linker):
    assert linker.normalize_to_concepts([]) == []


def test_an_empty_mention_is_refused(linker):
    with pytest.raises(InputError, match="no letter or digit"):
        linker.normalize_to_concepts(["ataxia", "--"])


@pytest.mark.parametrize("method", ["normalize", "normalize_to_concepts"])
@pytest.mark.parametrize(
    ("mentions", "topk", "message"),
    [
        ("ataxia", 1, r"mentions is one text: give a list, \['ataxia'\]"),
        (["ataxia"], 0, "topk must be at least 1, found 0"),
        (["ataxia \udcff"], 1, "is no valid Unicode"),
    ],
)
def test_what_is_no_list_of_mentions_is_refused(linker, method, mentions, topk, message):
    with pytest.raises(InputError, match=message):
        getattr(linker, method)(mentions, topk=topk)


# -- no work is done twice


@pytest.fixture(scope="module")
def calibrated_linker(calibrated_checkpoint, tiny_dictionary):
    return BioSyn.from_pretrained(calibrated_checkpoint).load_dictionary(tiny_dictionary)


@pytest.mark.parametrize("method", ["normalize", "normalize_to_concepts"])
@pytest.mark.parametrize("which", ["linker", "calibrated_linker"])
def test_a_call_embeds_once_searches_once_and_asks_for_score_parts_once(request, monkeypatch, which, method):
    linker, calls = request.getfixturevalue(which), []

    def counted(name):
        original = getattr(BioSyn, name)
        monkeypatch.setattr(BioSyn, name, lambda *args, **more: calls.append(name) or original(*args, **more))

    for name in ("embed", "search", "score_parts"):
        counted(name)
    predictions = getattr(linker, method)(MENTIONS, topk=1)
    assert calls == ["embed", "search", "score_parts"]
    assert all((one.probability is not None) == (which == "calibrated_linker") for one in predictions)


@pytest.mark.parametrize("topk", [1, 3, 15])
def test_a_concept_has_the_probability_of_its_name(calibrated_linker, topk):
    names = calibrated_linker.normalize(MENTIONS, topk=topk)
    concepts = calibrated_linker.normalize_to_concepts(MENTIONS, topk=topk)
    probabilities = [one.probability for one in calibrated_linker.normalize(MENTIONS, topk=40)]
    assert [one.probability for one in names] == pytest.approx(probabilities, abs=1e-6)
    assert [one.probability for one in concepts] == pytest.approx(probabilities, abs=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", ["normalize", "normalize_to_concepts", "explain"])
def test_scores_that_are_no_numbers_are_refused_and_the_index_named(linker, monkeypatch, value, method):
    monkeypatch.setattr(linker.biosyn, "_weight", value)
    mentions = "ataxia" if method == "explain" else ["ataxia"]
    with pytest.raises(InputError, match="not a finite number: .* verify"):
        getattr(linker, method)(mentions)


def test_scores_of_an_evaluation_that_are_no_numbers_are_refused(linker, monkeypatch):
    monkeypatch.setattr(linker.biosyn, "_weight", float("nan"))
    queries = [Query("ataxia", "D001259")]
    with pytest.raises(InputError, match="not a finite number"):
        predict(linker.biosyn, queries, linker.dictionary, linker.names, topk=3)


def test_clean_texts_give_what_mentions_give(linker):
    texts = ["ataxia telangiectasia", "breast tumour"]
    assert linker.link(texts, topk=3) == linker.normalize(texts, topk=3)
    assert linker.link_to_concepts(texts, topk=3) == linker.normalize_to_concepts(texts, topk=3)
    assert linker.link([], topk=3) == []


# -- characters and scripts


@pytest.fixture(scope="module")
def raw_linker(linker, tmp_path_factory):
    """A linker of a dictionary that was not written by BioSyn."""
    path = tmp_path_factory.mktemp("raw") / "names.txt"
    lines = (
        "D1||type i diabetes",
        "D2||Type Ⅱ diabetes",
        "D3||Me\u0301nie\u0300re disease",
        "D4||糖尿病",
        "D5||ataxia",
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    return linker.biosyn.load_dictionary(path)


@pytest.mark.parametrize(
    ("mention", "name"),
    [
        ("type Ⅱ diabetes", "Type Ⅱ diabetes"),
        ("TYPE II diabetes", "Type Ⅱ diabetes"),
        ("type\u00a0Ⅰ dia\u00adbetes", "type i diabetes"),
        ("Ménière disease", "Me\u0301nie\u0300re disease"),
        ("糖尿病", "糖尿病"),  # a name that equals it needs no model
    ],
)
def test_a_name_equals_a_mention_in_whatever_characters_and_is_shown_as_it_is(raw_linker, mention, name):
    (names,), (concepts,) = raw_linker.normalize([mention], topk=3), raw_linker.normalize_to_concepts([mention], topk=3)
    assert names.candidates[0].name == concepts.concepts[0].best.name == name
    assert names.unsure == concepts.unsure == ""


def test_the_score_of_such_a_name_is_that_of_the_text_it_is_looked_up_by(raw_linker):
    explained = raw_linker.explain("type ii diabetes", topk=1).candidates[0]
    biosyn = raw_linker.biosyn
    dense, *_ = biosyn.embed_dense(["type ii diabetes"])
    assert explained.candidate.dense_score == pytest.approx(float(dense @ dense), rel=1e-5)
    assert explained.candidate.sparse_score == pytest.approx(biosyn.get_sparse_weight(), rel=1e-5)  # a unit vector
    assert sum(part.score for part in explained.ngrams) == pytest.approx(explained.candidate.sparse_score, rel=1e-5)


@pytest.mark.parametrize("mention", ["高血圧", "高血圧 2", "гипертония"])
def test_a_mention_in_a_script_that_the_tokenizer_does_not_know_is_unsure(calibrated_linker, mention):
    answers = (
        calibrated_linker.normalize([mention], topk=2)[0],
        calibrated_linker.normalize_to_concepts([mention], topk=2)[0],
        calibrated_linker.explain(mention, topk=2),
    )
    for answer in answers:
        assert answer.unsure.endswith("a script that the model's tokenizer does not know")
        assert answer.probability is None  # the calibration saw no such mention


def test_the_others_of_the_same_call_are_sure(calibrated_linker):
    found = calibrated_linker.normalize(["高血圧", "ataxias", "α ataxia"], topk=1)
    assert [bool(one.unsure) for one in found] == [True, False, False]
    assert [one.probability is None for one in found] == [True, False, False]


# -- an abbreviation that is itself a name


def test_the_better_of_short_and_long_form_is_explained(linker):
    pairs = {"Allergy": "zzz qqq"}
    explained = linker.explain("Allergy", topk=1, abbreviations=pairs)
    kept = linker.explain("Allergy", topk=1)
    assert explained.candidates == kept.candidates
    assert [step.step for step in explained.cleaning][1:3] == ["abbreviations", "as written"]
    assert kept.score > linker.explain("zzz qqq", topk=1).score


def test_a_long_form_that_is_a_name_is_taken(linker):
    explained = linker.explain("Allergy", topk=1, abbreviations={"Allergy": "Ataxia"})
    assert explained.candidates[0].candidate.name == "ataxia"
