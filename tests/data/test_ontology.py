import json

from hypothesis import given
from hypothesis import strategies as st

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept, concept_json
from biosyn.data.dictionary import NameTable, name_table
from biosyn.text.preprocess import TextPreprocess


def test_equal_cleaned_names_merge_their_ids_in_order_of_first_sight():
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


def test_an_id_holds_no_line_end_and_comes_once():
    assert distinct_ids("D1|MESH:D1", "D\n2| ", "OMIM:") == ("D1", "D 2")


def test_concepts_are_written_as_they_stand():
    concept = Concept(("D1", "2"), ("Sjögren's Syndrome", "SS"), "medic.txt")
    text = concept_json(concept)
    assert "Sjögren's" in text
    assert json.loads(text) == {
        "ids": ["D1", "2"],
        "preferred_name": "Sjögren's Syndrome",
        "names": ["Sjögren's Syndrome", "SS"],
        "source": "medic.txt",
    }


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
