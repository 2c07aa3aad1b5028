import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.data.concepts import Concept
from biosyn.data.dictionary import DictionaryDataset, NameTable, name_table, require_names
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.records import Name
from biosyn.text.preprocess import TextPreprocess


def test_the_names_stand_in_file_order(write_dictionary):
    dictionary = DictionaryDataset(write_dictionary("D2||b", "D1|D3||a", "D2||b"))
    assert dictionary.names == ("b", "a", "b")
    assert dictionary.cuis == ("D2", "D1|D3", "D2")
    assert len(dictionary) == 3
    assert dictionary[1] == Name("a", "D1|D3")
    assert list(dictionary) == [Name("b", "D2"), Name("a", "D1|D3"), Name("b", "D2")]


def test_the_rows_of_a_name_are_found_letter_for_letter(write_dictionary):
    dictionary = DictionaryDataset(write_dictionary("D2||b", "D1||a", "D3||b", "D4||B"))
    assert [dictionary.rows_of(name) for name in ("b", "a", "B", "c", "")] == [[0, 2], [1], [3], [], []]
    dictionary.names = ("a", "c", "d", "e")
    assert [dictionary.rows_of(name) for name in ("b", "c")] == [[], [1]]


def test_two_names_of_one_hash_are_told_apart(write_dictionary, monkeypatch):
    monkeypatch.setattr("biosyn.data.dictionary.hash", lambda name: 7, raising=False)
    dictionary = DictionaryDataset(write_dictionary("D2||b", "D1||a", "D3||b"))
    assert [dictionary.rows_of(name) for name in ("b", "a", "c")] == [[0, 2], [1], []]


def test_blank_lines_are_skipped_and_blanks_trimmed(write_dictionary):
    dictionary = DictionaryDataset(write_dictionary("", " D1 || a b ", "   "))
    assert list(dictionary) == [Name("a b", "D1")]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    path = tmp_path / "d.txt"
    path.write_bytes("D1||é\r\nD2||b\r\n".encode("utf-8-sig"))
    assert list(DictionaryDataset(path)) == [Name("é", "D1"), Name("b", "D2")]


@pytest.mark.parametrize("line", ["D1|a", "D1", "||a", "D1||", "D1||  ", "|||a", " | ||a"])
def test_a_line_of_another_form_is_named(write_dictionary, line):
    with pytest.raises(InputError, match=r"dictionary\.txt:2: expected 'cui\|\|name'"):
        DictionaryDataset(write_dictionary("D1||a", line))


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    path = tmp_path / "d.txt"
    path.write_bytes("D1||a\nD2||é\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"d\.txt:2: not UTF-8"):
        DictionaryDataset(path)


@pytest.mark.parametrize("lines", [(), ("", " ")])
def test_a_dictionary_without_a_name_is_refused(write_dictionary, lines):
    with pytest.raises(InputError, match=r"dictionary\.txt: the dictionary is empty"):
        DictionaryDataset(write_dictionary(*lines))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.txt: cannot be read"):
        DictionaryDataset(tmp_path / "no.txt")


def test_draft_keeps_a_hundred_names(write_dictionary):
    path = write_dictionary(*(f"D{row}||name {row}" for row in range(150)))
    assert DictionaryDataset(path, draft=True).names == tuple(f"name {row}" for row in range(100))


def test_a_dictionary_has_the_sha256_of_its_file(write_dictionary):
    path = write_dictionary("D1||ataxia", "", "D2||Ménière")
    assert DictionaryDataset(path).sha256 == sha256_of(path)
    assert DictionaryDataset(path, draft=True).sha256 is None


def test_topk_may_be_the_size_of_the_dictionary_but_not_larger(write_dictionary):
    dictionary = DictionaryDataset(write_dictionary("D1||a", "D2||b"))
    require_names(dictionary, 2)
    with pytest.raises(InputError, match=r"dictionary\.txt: --topk 3 is larger than the dictionary \(2 names\)"):
        require_names(dictionary, 3)


# -- building one


def test_equal_cleaned_names_merge_their_ids_in_order_of_appearance():
    concepts = [
        Concept(("D2",), ("Ataxia-1", "AT"), "x"),
        Concept(("D1", "9"), ("at", "(+)", "ataxia 1"), "x"),
    ]
    assert name_table(concepts, TextPreprocess().run).lines() == ["D2|D1|9||ataxia 1", "D2|D1|9||at"]


def test_a_composite_id_counts_as_its_parts_but_is_written_whole():
    table = NameTable()
    table.add("c4 deficiency", ["D1+D2"])
    assert table.lines() == ["D1+D2||c4 deficiency"]
    assert table.ids() == {"D1", "D2"}


def test_homonyms_are_names_of_rows_with_different_ids():
    table = NameTable()
    for name, ids in [("a", ("D1",)), ("a", ("D1",)), ("b", ("D1",)), ("b", ("D2",)), ("b", ("D1",)), ("", ("D3",))]:
        table.add(name, ids)
    assert (table.lines(), table.homonyms) == (["D1||a", "D1|D2||b"], 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from("123"), min_size=1)), max_size=12))
def test_every_id_of_every_row_is_kept_once(rows):
    table = NameTable()
    for name, ids in rows:
        table.add(name, ids)
    expected = {name: {cui for other, ids in rows if other == name for cui in ids} for name, _ in rows}
    fields = [line.split("||") for line in table.lines()]
    assert {name: set(ids.split("|")) for ids, name in fields} == expected
    assert [name for _, name in fields] == list(dict.fromkeys(name for name, _ in rows))
    assert all(len(ids.split("|")) == len(expected[name]) for ids, name in fields)


def test_a_name_that_is_not_ascii_is_looked_up_clean(write_dictionary):
    dictionary = DictionaryDataset(write_dictionary("D1||Type Ⅱ", "D2||Type II", "D3||type ii"))
    assert list(dictionary.names) == ["Type Ⅱ", "Type II", "type ii"]
    assert list(dictionary.texts) == ["type ii", "Type II", "type ii"]
    assert dictionary.rows_of("type ii") == [0, 2]
    assert dictionary.rows_of("Type Ⅱ") == []
