import multiprocessing
import pickle
import shutil
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.answers import answer_json, concept_answer_json
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import _HERE, Linker
from biosyn.model.predict import predict
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


class Column:
    """A column of a table, as far as pandas' Series shows it: an index, and its values by iterating."""

    def __init__(self, values):
        self.values, self.index = values, [7 + place for place in range(len(values))]

    def __iter__(self):
        return iter(self.values)

    def __getitem__(self, label):
        return self.values[self.index.index(label)]


AS_GIVEN = {
    "tuple": tuple,
    "array": np.array,
    "array of objects": lambda texts: np.array(texts, dtype=object),
    "column": Column,
    "generator": lambda texts: (text for text in texts),
    "keys": dict.fromkeys,
    "map": lambda texts: map(str, texts),
}


@pytest.mark.parametrize("method", ["normalize", "normalize_to_concepts"])
@pytest.mark.parametrize("given", AS_GIVEN)
def test_any_iterable_of_texts_gives_what_a_list_gives(linker, method, given):
    found = getattr(linker, method)(AS_GIVEN[given](MENTIONS), topk=2)
    assert found == getattr(linker, method)(MENTIONS, topk=2)
    assert {type(one.mention) for one in found} == {str}


NO_TEXTS = [
    (["ataxia", None], "mentions[1]: it is None (NoneType), not a text"),
    (np.array(["ataxia", "asthma", np.nan], dtype=object), "mentions[2]: it is nan (float), not a text"),
    (Column([b"ataxia"]), "mentions[0]: it is b'ataxia' (bytes), not a text"),
    ({"ataxia": 1, 3: 2}, "mentions[1]: it is 3 (int), not a text"),
    ([["ataxia"]], "mentions[0]: it is ['ataxia'] (list), not a text"),
    (["ataxia", " "], "mentions[1]: ' ': the mention holds no letter or digit"),
]
NO_LISTS = [
    (None, "mentions is None (NoneType): give a list of texts"),
    (np.array("ataxia"), "mentions is array('ataxia', dtype='<U6') (ndarray): give a list of texts"),
    (b"ataxia", "mentions is one text: give a list, [b'ataxia']"),
    (SimpleNamespace(columns=["mention"]), "mentions is a table: give one of its columns"),
]


@pytest.mark.parametrize("method", ["normalize", "normalize_to_concepts"])
@pytest.mark.parametrize(("mentions", "message"), [*NO_TEXTS, *NO_LISTS])
def test_what_is_no_text_is_named_by_its_place(linker, method, mentions, message):
    with pytest.raises(InputError) as refused:
        getattr(linker, method)(mentions)
    assert str(refused.value) == message


@pytest.mark.parametrize("method", ["normalize", "normalize_to_concepts"])
def test_what_is_skipped_keeps_its_place_and_is_counted_once(linker, method, caplog):
    mentions = [None, "ataxia", float("nan"), "--", "ataxia \udcff", "asthma"]
    found = getattr(linker, method)(mentions, topk=2, on_error="skip")
    expected = iter(getattr(linker, method)(["ataxia", "asthma"], topk=2))
    assert [one.mention for one in found] == ["", "ataxia", "", "--", "ataxia \udcff", "asthma"]
    for place, one in enumerate(found):
        assert one[1:] == next(expected)[1:] if place in (1, 5) else one[1:] == ((), None, (), "")
    (warning,) = [record.getMessage() for record in caplog.records if "skipped" in record.getMessage()]
    assert warning == "4 of 6 mentions are skipped, the first: mentions[0]: it is None (NoneType), not a text"


def test_if_all_is_skipped_nothing_is_searched(linker):
    found = linker.normalize(["", None], on_error="skip")
    assert [(one.mention, answer_json(one)) for one in found] == [("", {"predictions": [], "concept": None})] * 2
    found = linker.normalize_to_concepts([None], on_error="skip")
    assert concept_answer_json(found[0]) == {"concepts": [], "concept": None}


@pytest.mark.parametrize("mentions", ["ataxia", None])
def test_skipping_is_for_elements_alone(linker, mentions):
    with pytest.raises(InputError, match="give a list"):
        linker.normalize(mentions, on_error="skip")
    with pytest.raises(InputError, match="on_error must be 'fail' or 'skip', found 'ignore'"):
        linker.normalize(["ataxia"], on_error="ignore")


def test_one_mention_that_is_no_text_is_not_explained(linker):
    with pytest.raises(InputError, match=r"mention is nan \(float\), not a text"):
        linker.explain(float("nan"))


# -- in other processes


@pytest.fixture
def two_threads():
    """Torch computes in two threads: OpenMP starts one, which no fork has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_forked_process_links_after_its_parent_has(linker, two_threads):
    many = MENTIONS * 100
    expected = linker.normalize(many, topk=3)
    with multiprocessing.get_context("fork").Pool(2) as pool:  # killed at the end, also if it hangs
        found = pool.map_async(partial(linker.normalize, topk=3), [many, many]).get(timeout=120)
        assert pool.apply_async(torch.get_num_threads).get(timeout=120) == 1
    for one in found:
        assert [[name.name for name in each.candidates] for each in one] == [
            [name.name for name in each.candidates] for each in expected
        ]
    assert torch.get_num_threads() == 2


def test_a_pickled_linker_is_the_one_that_is_here(linker):
    content = pickle.dumps(linker)
    assert len(content) < 10_000
    assert pickle.loads(content) is linker


def elsewhere(linker):
    """Return the linker as another process gets it."""
    content = pickle.dumps(linker)
    del _HERE[linker._identity]
    return pickle.loads(content)


def test_another_process_opens_it_again_once(linker_with):
    linker = linker_with(AT, ATAXIA)
    found = elsewhere(linker)
    assert found is not linker
    assert found.normalize_to_concepts(MENTIONS, topk=3) == linker.normalize_to_concepts(MENTIONS, topk=3)
    assert found.normalize(["ataxia"]) == linker.normalize(["ataxia"])  # by the hashes of that process
    assert pickle.loads(pickle.dumps(found)) is found


def test_all_settings_go_with_it(tiny_checkpoint, tiny_dictionary, tmp_path):
    biosyn = BioSyn.from_pretrained(tiny_checkpoint, max_length=8, precision="bfloat16", search_memory=3)
    biosyn.sparse_weight = 2.5
    settings = {"cache_dir": tmp_path, "index_precision": "float16", "exact_first": False}
    found = elsewhere(Linker(biosyn, DictionaryDataset(tiny_dictionary), **settings))
    assert (found.biosyn.max_length, found.biosyn.precision, found.biosyn.search_memory) == (8, "bfloat16", 3)
    assert (found.biosyn.sparse_weight, found.exact_first) == (2.5, False)
    assert (found.index_key.precision, found.index_key.max_length) == ("float16", 8)


@pytest.mark.parametrize(
    "change",
    [
        lambda biosyn: biosyn.init_sparse_weight(3.0),
        lambda biosyn: biosyn.init_sparse_encoder(["ataxia"]),
        lambda biosyn: biosyn.rerank_net(),
    ],
)
def test_a_model_that_was_changed_is_not_pickled(tiny_checkpoint, tiny_dictionary, change):
    linker = BioSyn.from_pretrained(tiny_checkpoint).load_dictionary(tiny_dictionary)
    change(linker.biosyn)
    with pytest.raises(InputError, match="only a model as it was loaded goes to another process"):
        pickle.dumps(linker)


def test_a_folder_with_another_model_by_now_is_refused(tiny_checkpoint, mean_checkpoint, tiny_dictionary, tmp_path):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    linker = BioSyn.from_pretrained(folder).load_dictionary(tiny_dictionary)
    shutil.rmtree(folder)
    shutil.copytree(mean_checkpoint, folder)
    with pytest.raises(InputError, match="model: is another model than the one that was to be opened here"):
        elsewhere(linker)


def test_a_gpu_is_refused_in_a_process_that_was_forked_after_its_use(linker, monkeypatch):
    monkeypatch.setattr("biosyn.devices._gpu_lost", True)
    linker.normalize(["ataxia"])  # on the CPU
    monkeypatch.setattr("biosyn.encoders.dense.DenseEncoder.device", torch.device("cuda"))
    for call in (lambda: linker.normalize(["ataxia"]), lambda: BioSyn(device="cuda")):
        with pytest.raises(
            InputError, match="forked from one that used the GPU; start processes by multiproc.*'spawn'"
        ):
            call()


PROGRAM = """
import multiprocessing, sys
from biosyn import BioSyn
if __name__ == "__main__":
    how, model, dictionary = sys.argv[1:]
    mentions = ["ataxia", "Breast tumour", "asthma"] * 100
    linker = BioSyn.from_pretrained(model).load_dictionary(dictionary)
    expected = linker.normalize(mentions, topk=3)
    if how == "loky":
        import joblib
        found = joblib.Parallel(2)(joblib.delayed(linker.normalize)(mentions, topk=1) for _ in range(3))
    else:
        with multiprocessing.get_context(how).Pool(2) as pool:
            found = pool.map(linker.normalize, [mentions] * 3)
    best = [one.candidates[0].name for one in expected]
    assert all([one.candidates[0].name for one in each] == best for each in found)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver", "loky"])
def test_it_works_in_pools_of_every_kind(run_program, tiny_checkpoint, tiny_dictionary, how):
    run_program(PROGRAM, how, str(tiny_checkpoint), str(tiny_dictionary))


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
