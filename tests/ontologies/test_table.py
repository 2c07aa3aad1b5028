import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError


def test_a_table_with_quotes(read):
    assert read("csv")[0] == [
        Concept(("D1", "2"), ('Ataxia, "acute"', "AT", '"A T"'), "table.csv"),
        Concept(("D3",), ("Chorea",), "table.csv"),
    ]


def test_a_table_with_tabs_takes_quotes_as_they_are(read):
    assert [concept.names for concept in read("tsv")[0]] == [('Ataxia, "acute', "AT", "A-T"), ("Chorea",)]


def test_a_name_a_row_is_one_concept_where_ids_are_equal(read):
    text = "code;x,term\nD1,a\nD1,b\nD1,a\nD2,c\n"
    concepts, counts = read("csv", text, id_column="code;x", name_column="term", synonyms_column=None)
    assert [(concept.ids, concept.names) for concept in concepts] == [(("D1",), ("a", "b")), (("D2",), ("c",))]
    assert counts.noted == {"name repeated in its concept": 1}


def test_the_separator_of_synonyms_is_chosen(read):
    concepts, _ = read("csv", "id,name,more\nD1,a,b; c|d;;\n", synonyms_column="more", separator=";")
    assert concepts[0].names == ("a", "b", "c|d")


def test_an_empty_separator_is_refused(read):
    with pytest.raises(InputError, match="--separator is empty"):
        read("csv", separator="")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("D2,b", r"csv:3: expected 3 fields, as the header has, found 2"),
        (",b,", r"csv:3: expected an id in 'id' and a name in 'name'"),
        ("D2, ,x", r"csv:3: expected an id in 'id' and a name in 'name'"),
        ('D2,"b"x,', r"csv:3: .*expected after"),
        ("D0,c,\nD1,d,", r"csv:4: 'D1' appears again after other ids"),
    ],
)
def test_a_bad_row_is_named_or_skipped(read, line, message):
    text = f"id,name,synonyms\nD1,a,\n{line}\nD9,z,\n"
    with pytest.raises(InputError, match=message):
        read("csv", text)
    concepts, counts = read("csv", text, skip_errors=True)
    assert {concept.ids[0]: concept.names for concept in concepts}.items() >= {"D1": ("a",), "D9": ("z",)}.items()
    assert counts.skipped.total() == 1


@pytest.mark.parametrize("header", ["", "id,title,synonyms", "id,name,name,synonyms", "id,name"])
def test_a_header_without_the_columns_is_named(read, header):
    with pytest.raises(InputError, match=r"table\.csv:1: expected one column '(id|name|synonyms)', found: "):
        read("csv", f"{header}\n")


def test_the_parents_of_a_concept_are_in_a_column(read):
    text = "id,name,up\nD1,a,\nD2,b,MESH:D1|D0\nD2,B,D1\n"
    concepts, _ = read("csv", text, synonyms_column=None, parents_column="up")
    assert [concept.links["parents"] for concept in concepts] == [(), ("D1", "D0")]
