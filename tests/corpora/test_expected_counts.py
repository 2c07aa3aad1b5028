from biosyn.corpora.expected_counts import EXPECTED_COUNTS, count_differences

BC5CDR = {
    "documents": {"train": 500, "dev": 500, "test": 500},
    "mentions": {"train": 4182, "dev": 4244, "test": 4424},
    "queries": {"train": 4131, "dev": 4178, "test": 4287},
    "dictionary_names": {"train": 1, "dev": 2, "test": 3},
}


def test_equal_counts_do_not_differ_and_unpublished_ones_are_not_compared():
    assert list(count_differences(BC5CDR, EXPECTED_COUNTS["bc5cdr-disease"])) == []


def test_a_count_that_differs_is_named():
    counts = {**BC5CDR, "queries": {"train": 4131, "dev": 4170, "test": 4287}}
    assert list(count_differences(counts, EXPECTED_COUNTS["bc5cdr-disease"])) == [
        "4,170 dev queries (published: 4,178)"
    ]


def test_an_absent_split_counts_nothing():
    counts = {"documents": {"train": 101}}
    assert list(count_differences(counts, EXPECTED_COUNTS["tac2017adr"])) == ["0 test documents (published: 99)"]


def test_a_sum_over_the_splits():
    counts = {"documents": {"train": 4000, "test": 392}, "mentions": {"train": 1000, "dev": 234}}
    assert list(count_differences(counts, EXPECTED_COUNTS["medmentions-full"])) == [
        "1,234 mentions (published: 352,496)"
    ]


def test_the_chemicals_have_no_published_count_of_queries():
    assert EXPECTED_COUNTS["bc5cdr-chemical"]["mentions"] == {"train": 5203, "dev": 5347, "test": 5385}
    assert "queries" not in EXPECTED_COUNTS["bc5cdr-chemical"]
