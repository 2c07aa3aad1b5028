import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Linker

ssslm = pytest.importorskip("ssslm")


@pytest.fixture(scope="module")
def matcher_of(tiny_dictionary):
    from biosyn.ssslm import BioSynMatcher

    return lambda checkpoint: BioSynMatcher(
        Linker(BioSyn().load_model(checkpoint), DictionaryDataset(tiny_dictionary)), topk=3
    )


def test_it_is_a_matcher_with_candidates_best_first(matcher_of, tiny_checkpoint):
    matcher = matcher_of(tiny_checkpoint)
    assert isinstance(matcher, ssslm.Matcher)
    assert matcher.not_empty()
    matches = matcher.get_matches("Spider veins")
    assert matches[0].curie == matcher.get_best_match("Spider veins").curie == "MESH:D013684"
    assert len(matches) == 3
    assert [match.score for match in matches[1:]] == sorted((match.score for match in matches[1:]), reverse=True)


def test_a_calibrated_model_gives_one_concept_with_its_probability(matcher_of, calibrated_checkpoint):
    (match,) = matcher_of(calibrated_checkpoint).get_matches("asthmatic")
    assert 0 < match.score < 1


def test_a_text_without_a_letter_has_no_match(matcher_of, tiny_checkpoint):
    matcher = matcher_of(tiny_checkpoint)
    assert matcher.get_matches("...") == []
    assert matcher.get_best_match("...") is None
    with pytest.raises(ValueError):
        matcher.get_best_match("...", strict=True)


def test_other_parts_of_ssslm_take_it(matcher_of, tiny_checkpoint):
    from ssslm.ner import WrappedMatcher

    class Wrapped(WrappedMatcher):
        pass

    assert Wrapped(matcher=matcher_of(tiny_checkpoint)).get_best_match("asthma").curie == "MESH:D001249"
