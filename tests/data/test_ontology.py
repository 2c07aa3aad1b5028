import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.data.ontology import Concept, NameTable, concept_json, name_table, read_medic
from biosyn.errors import InputError
from biosyn.text.preprocess import TextPreprocess


def test_reads_rows_without_prefixes(tmp_path):
    path = tmp_path / "medic.txt"
    path.write_text("MESH:D1|OMIM:2|D1||Ataxia, Acute|AT|\n\nD3||Chorea\n")
    assert read_medic(path) == [
        Concept(("D1", "2"), ("Ataxia, Acute", "AT"), "medic.txt"),
        Concept(("D3",), ("Chorea",), "medic.txt"),
    ]


@pytest.mark.parametrize("line", ["D1", "D1|ataxia", "||ataxia", "D1||", "D1|| | ", "D1||ataxia||chorea", "OMIM:||x"])
def test_a_bad_row_is_named(tmp_path, line):
    path = tmp_path / "medic.txt"
    path.write_text(f"D1||ataxia\n{line}\n")
    with pytest.raises(InputError, match=r"medic\.txt:2: expected 'ids\|\|name\|name\.\.\.'"):
        read_medic(path)


def test_an_empty_ontology_is_named(tmp_path):
    path = tmp_path / "medic.txt"
    path.write_text("\n")
    with pytest.raises(InputError, match=r"medic\.txt: holds no concept"):
        read_medic(path)


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


@settings(deadline=None)  # machines are busy at times
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
