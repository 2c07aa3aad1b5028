import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.data.queries import read_queries
from biosyn.evaluation.accuracy import accuracy_at_k, first_hit, is_strict_hit, query_rank, refined_members
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction

IDS = st.sampled_from("ABCD")


# -- lenient


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


def test_accuracies_are_fractions_of_all_queries():
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


def test_the_figures_are_in_order():
    assert list(accuracy_at_k([predicted("D1", found("D1"))], 12)) == [f"acc{k}" for k in range(1, 13)]


def test_no_predictions_are_refused():
    with pytest.raises(ValueError, match="no predictions"):
        accuracy_at_k([], 5)


# -- strict


@pytest.mark.parametrize(
    ("gold", "best", "n_concepts", "right"),
    [
        ("A", ["A"], [1], True),
        ("A", ["AX"], [1], True),  # X is another id of the same concept
        ("A", ["AX"], [2], False),  # a homonym: the name does not tell A from X
        ("A", ["X"], [1], False),
        ("", ["A"], [1], False),  # -1
        ("AX", ["AX"], [1], True),  # two ids of one concept
        ("AB", ["A"], [1], False),  # an uncut composite mention: one name for two concepts
        ("AB", ["AB"], [2], False),
        ("AB", ["B", "A"], [1, 1], True),  # the order of the parts is not that of the ids
        ("AB", ["A", "A"], [1, 1], False),
        ("AB", ["A", "B"], [1, 2], False),
        ("AB", ["AB", "A"], [1, 1], True),  # the first has to be B's
        ("ABC", ["AB", "C"], [1, 1], True),  # more ids than parts: each is found somewhere
        ("ABC", ["A", "C"], [1, 1], False),
        ("A", ["A", "A"], [1, 1], True),  # more parts than ids
        ("A", ["A", "B"], [1, 1], False),
    ],
)
def test_strict_hits(gold, best, n_concepts, right):
    assert is_strict_hit(set(gold), [set(ids) for ids in best], n_concepts) is right


@given(gold=st.sets(IDS), best=st.lists(st.sets(IDS, min_size=1), min_size=1, max_size=4), homonym=st.booleans())
def test_strict_hits_equal_trying_every_assignment(naive, gold, best, homonym):
    n_concepts = [2 if homonym and part == 0 else 1 for part in range(len(best))]
    query = {"cui": "|".join(gold) or "-1", "found": [[pair] for pair in zip(best, n_concepts, strict=True)]}
    assert is_strict_hit(gold, best, n_concepts) == naive.unresolved(query)


@pytest.mark.parametrize("count", [30, 1200])
def test_many_parts_take_no_time(count):
    # a search through all assignments would try 30! of them, a recursive one would be too deep at 1,200
    gold = {str(number) for number in range(count)}
    chain = [{str(number), str(number + 1)} for number in range(count - 1)] + [{str(count - 1)}]
    assert is_strict_hit(gold, chain, [1] * count)
    assert not is_strict_hit(gold, [*chain[:-1], {"x"}], [1] * count)
    assert not is_strict_hit(gold, [*chain[:-2], {"0", "1"}, {"0", "1"}], [1] * count)


# -- refined


def test_refined_drops_what_is_in_training_and_repeats():
    train = [Query("a", "D1"), Query("b|c", "D1|D2")]
    queries = [Query("a", "D1"), Query("a", "D2"), Query("a", "D2"), Query("b|c", "D2+D1"), Query("c", "D1")]
    assert refined_members(queries, train).tolist() == [False, True, False, False, True]


@given(
    pairs=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["A", "B", "A|B", "B+A"]))), cut=st.integers(0, 9)
)
def test_refined_equals_comparing_every_pair(naive, pairs, cut):
    queries = [Query(*pair) for pair in pairs]
    rows = [{"mention": mention, "cui": cui} for mention, cui in pairs]
    assert refined_members(queries[cut:], queries[:cut]).tolist() == naive.refined(rows[cut:], rows[:cut])


def test_ncbi_keeps_204_queries(ncbi_processed):
    # of 960; the published refined set
    test, train = (read_queries(ncbi_processed / f"processed_{name}") for name in ("test", "traindev"))
    assert (len(test), int(refined_members(test, train).sum())) == (960, 204)
