import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.data.queries import read_queries
from biosyn.evaluation.protocols import is_strict_hit, refined_members
from biosyn.records import Query

IDS = st.sampled_from("ABCD")


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
    assert is_strict_hit(gold, best, n_concepts) == naive.strict(query)


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
