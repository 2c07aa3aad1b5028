import pytest

from biosyn.data.queries import QueryDataset, read_queries
from biosyn.errors import InputError
from biosyn.records import Query


def pairs(queries):
    return [(query.mention, query.cui) for query in queries]


def test_every_field_of_a_line_is_kept(write_queries):
    assert QueryDataset(write_queries(("ataxia", "D001259")))[0] == Query("ataxia", "D001259", "1", "0", "6", "Disease")


def test_both_ways_to_write_the_offsets_are_read(tmp_path):
    (tmp_path / "1.concept").write_text("1||0||6||Disease||ataxia||D1\n1||0|6||Disease||ataxia||D1\n")
    first, second = read_queries(tmp_path)
    assert first == second == Query("ataxia", "D1", "1", "0", "6", "Disease")


def test_files_come_in_the_sorted_order_of_their_names(tmp_path):
    for pmid in ("8589722", "10021369", "9"):  # as strings: 10021369 < 8589722 < 9
        (tmp_path / f"{pmid}.concept").write_text(f"{pmid}||0|1||T||a||D1\n")
    assert [query.pmid for query in QueryDataset(tmp_path)] == ["10021369", "8589722", "9"]


def test_other_files_of_the_folder_are_not_read(tiny_queries):
    assert len(QueryDataset(tiny_queries)) == 21  # the .txt files beside them are no queries


def test_nothing_is_filtered_unless_asked(tiny_queries):
    cuis = [query.cui for query in QueryDataset(tiny_queries)]
    assert "-1" in cuis
    assert "D001943|D010051" in cuis
    assert "D001943+D010051" in cuis


def test_the_filters_drop_what_they_say(write_queries):
    folder = write_queries(("a", "D1"), ("a|b", "D1|D2"), ("a|b", "D1+D2"), ("c", "-1"), ("a", "D1"), ("a", "D2"))
    assert pairs(QueryDataset(folder, filter_composite=True)) == [
        ("a", "D1"),
        ("c", "-1"),
        ("a", "D1"),
        ("a", "D2"),
    ]
    assert ("c", "-1") not in pairs(QueryDataset(folder, filter_cuiless=True))
    assert pairs(QueryDataset(folder, True, True, True)) == [("a", "D1"), ("a", "D2")]


def test_a_duplicate_is_the_same_mention_with_the_same_id_and_the_first_one_stays_in_its_place(tmp_path):
    rows = [("a", "D1"), ("b", "D1"), ("a", "D1"), ("a", "D2"), ("b", "D1")]
    lines = [f"7||{row}|{row + 1}||T||{mention}||{cui}\n" for row, (mention, cui) in enumerate(rows)]
    (tmp_path / "7.concept").write_text("".join(lines))
    kept = QueryDataset(tmp_path, filter_duplicate=True)
    assert [(query.mention, query.cui, query.start) for query in kept] == [
        ("a", "D1", "0"),
        ("b", "D1", "1"),
        ("a", "D2", "3"),
    ]


def test_draft_keeps_ten_of_what_the_filters_leave(write_queries):
    folder = write_queries(*(("a|b", "D1|D2"), *((f"m{row}", "D1") for row in range(20))))
    kept = QueryDataset(folder, filter_composite=True, draft=True)
    assert [query.mention for query in kept] == [f"m{row}" for row in range(10)]


@pytest.mark.parametrize(
    "line",
    [
        "1||0|6||Disease||ataxia",
        "1|0|6|Disease|ataxia|D1",
        "ataxia",
        "1||0||6||T||a||D1||x",
        "1||0|6||T||a||b||D1",  # a mention that holds two bars: cut there, it would be read as "b"
    ],
)
def test_a_line_of_another_form_is_named(tmp_path, line):
    (tmp_path / "1.concept").write_text(f"1||0|6||Disease||ataxia||D1\n{line}\n")
    with pytest.raises(InputError, match=r"1\.concept:2: expected 'pmid"):
        QueryDataset(tmp_path)


@pytest.mark.parametrize("line", ["1||0|6||T||||D1", "1||0|6||T||a||", "1||0|6||T||a|| | "])
def test_an_empty_mention_or_id_is_named(tmp_path, line):
    (tmp_path / "1.concept").write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"1\.concept:1: "):
        QueryDataset(tmp_path)


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    (tmp_path / "1.concept").write_bytes("1||0|6||T||é||D1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"1\.concept:1: not UTF-8"):
        QueryDataset(tmp_path)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    (tmp_path / "1.concept").write_bytes("1||0|6||T||é||D1\r\n\r\n".encode("utf-8-sig"))
    assert list(QueryDataset(tmp_path)) == [Query("é", "D1", "1", "0", "6", "T")]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="missing: no such folder"):
        QueryDataset(tmp_path / "missing")


def test_a_folder_without_concept_files_is_refused(tmp_path):
    (tmp_path / "1.txt").write_text("text")
    with pytest.raises(InputError, match=r"holds no \.concept file"):
        QueryDataset(tmp_path)


def test_concept_files_without_a_query_are_refused(tmp_path):
    (tmp_path / "1.concept").write_text("\n")
    with pytest.raises(InputError, match="no query"):
        QueryDataset(tmp_path)


def test_filters_that_leave_nothing_are_refused(write_queries):
    with pytest.raises(InputError, match="no query is left after the filters"):
        QueryDataset(write_queries(("a|b", "D1|D2")), filter_composite=True)


def test_training_on_ncbi_has_the_published_number_of_mentions(ncbi_processed):
    # traindev: 5,134 + 787 = 5,921 queries, 1,587 after the filters of training
    folder = ncbi_processed / "processed_traindev"
    assert len(QueryDataset(folder)) == 5921
    assert len(QueryDataset(folder, True, True, True)) == 1587


def test_a_mention_that_is_not_ascii_is_clean_part_by_part(write_queries):
    folder = write_queries(("Ménière’s|Type-Ⅱ", "D1|D2"), ("Type-II", "D2"))
    assert [query.mention for query in QueryDataset(folder)] == ["ménière s|type ii", "Type-II"]
