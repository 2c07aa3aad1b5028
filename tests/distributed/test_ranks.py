"""Two and three processes over gloo: what they tell each other, and that their answers are those of one."""

import pytest

from biosyn.distributed import ranks

SIZES = [pytest.param(2, marks=pytest.mark.slow), 3]


def test_alone_everything_passes_through():
    assert (ranks.rank(), ranks.size(), ranks.is_first()) == (0, 1, True)
    marker = object()
    assert ranks.summed(marker) is marker
    assert ranks.gathered_objects(marker) == [marker]
    assert ranks.data_parallel(marker) is marker
    with ranks.led(len) as lead:
        assert lead([1, 2]) == 2


def test_what_ranks_tell_each_other(on_ranks):
    found = on_ranks(3, "messages")
    assert [one["share"] for one in found] == [[0, 3, 6], [1, 4], [2, 5]]
    for one in found:
        assert one["summed"] == [4.5, 3.0]  # 3 * 1.5, 0 + 1 + 2
        assert one["gathered"] == [[], [[0, 1]], [[0, 1], [2, 3]]]  # rank r gives r rows
        assert one["objects"] == [{"rank": rank, "text": "\ud800", "score": 0.1 + rank} for rank in range(3)]
        assert one["heard"] == [{"ä": 1}, {"ä": None}]
    assert [one["answers"] for one in found] == [[1, None], None, None]


@pytest.mark.parametrize("size", SIZES)
def test_a_shared_search_is_that_of_one_process_with_ties_and_ranks_that_hold_no_names(on_ranks, size):
    assert on_ranks(size, "searches", 5) == [size] * size


def test_shared_vectors_are_those_of_one_process_and_the_shares_are_balanced(on_ranks, tiny_encoder):
    for rows, lengths in on_ranks(3, "encodings", str(tiny_encoder)):
        assert rows == [list(range(50)), list(range(76))]  # every name has one owner
        assert max(lengths) < 1.5 * min(lengths)  # tokens; 96 names are a dozen batches, each of one length


def test_the_gradient_is_the_sum_over_ranks_and_passes(on_ranks):
    several = [[[1, 2, 3]], [[1, 2], [3, 4, 5], [6]]]  # rank 1 has no part in the last
    expected = [6, 21]  # the derivative of w * x by w is x
    assert on_ranks(2, "gradients", *several) == [expected] * 2
