import pytest

from biosyn.evaluation.protocols import accuracy_at_k, first_hit, query_rank
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction


def found(*cuis):
    """A mention whose candidates have these ids, best first."""
    return MentionPrediction("mention", tuple(Candidate(f"name {cui}", cui, 0.0, 0.0, 0.0) for cui in cuis))


def predicted(gold, *mentions):
    return QueryPrediction(Query("mention", gold), mentions)


def test_the_rank_is_of_the_first_candidate_that_shares_an_id():
    assert first_hit(found("D2", "D1|D9", "D1"), "D1") == 2


def test_any_id_of_the_gold_field_is_enough():
    assert first_hit(found("D3", "D2"), "D1+D2") == 2


def test_there_is_no_rank_without_a_hit():
    assert first_hit(found("D2", "D00126"), "D001260") is None


def test_minus_one_is_never_hit():
    assert first_hit(found("-1", "D1"), "-1") is None


def test_a_composite_query_has_the_rank_of_its_worst_part():
    assert query_rank(predicted("D1|D2", found("D1"), found("D9", "D2"))) == 2


def test_a_composite_query_with_a_part_that_misses_has_no_rank():
    assert query_rank(predicted("D1|D2", found("D1"), found("D9"))) is None


def test_each_part_may_hit_any_id_of_the_whole_query():
    # upstream's rule: a part is not held to its own id
    assert query_rank(predicted("D1|D2", found("D1"), found("D1"))) == 1


def test_accuracies_are_shares_of_all_queries():
    predictions = [
        predicted("D1", found("D1", "D2", "D3")),  # rank 1
        predicted("D2", found("D1", "D2", "D3")),  # rank 2
        predicted("D9", found("D1", "D2", "D3")),  # none
        predicted("-1", found("-1", "D2", "D3")),  # none, and it stays in the denominator
    ]
    # ranks 1, 2, none, none: acc1 = 1/4, acc2 = 2/4, acc3 = 2/4
    assert accuracy_at_k(predictions, 3) == {"acc1": 0.25, "acc2": 0.5, "acc3": 0.5}


def test_topk_1_gives_one_figure():
    assert accuracy_at_k([predicted("D1", found("D1"))], 1) == {"acc1": 1.0}


def test_the_figures_stand_in_order():
    assert list(accuracy_at_k([predicted("D1", found("D1"))], 12)) == [f"acc{k}" for k in range(1, 13)]


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no predictions"):
        accuracy_at_k([], 5)
