import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.medic import read_medic


def test_reads_rows_without_prefixes(tmp_path):
    path = tmp_path / "medic.txt"
    path.write_text("MESH:D1|OMIM:2|D1||Ataxia, Acute|AT|\n\n \nD3||Chorea\n")
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


def test_a_bad_row_can_be_skipped(read):
    concepts, counts = read("medic", "D1||ataxia\nD2\nD3||chorea\n||x\n", skip_errors=True)
    assert [concept.ids for concept in concepts] == [("D1",), ("D3",)]
    assert counts.skipped == {"no 'ids||name|name...'": 2}


def test_an_empty_ontology_is_named(tmp_path):
    path = tmp_path / "medic.txt"
    path.write_text("\n")
    with pytest.raises(InputError, match=r"medic\.txt: holds no concept"):
        read_medic(path)
