import gzip

import pytest

from biosyn.cli.main import main
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.formats import read_ontology
from biosyn.ontologies.ssslm import write_ssslm

GILDA = (
    "norm_text\ttext\tdb\tid\tentry_name\tstatus\tsource\torganism\n"
    "at\tAT\tMESH\tD001260\tAtaxia Telangiectasia\tsynonym\tmesh\t\n"
    "ataxiatelangiectasia\tAtaxia Telangiectasia\tMESH\tD001260\tAtaxia Telangiectasia\tname\tmesh\t\n"
    "aspirin\taspirin\tCHEBI\tCHEBI:15365\tacetylsalicylic acid\tsynonym\tchebi\t\n"
)


def described(concepts):
    return [(concept.ids, concept.names) for concept in concepts]


def test_rows_of_one_id_are_a_concept_the_label_first(read):
    found, counts = read("ssslm")
    assert described(found) == [
        (("D001260",), ("Ataxia Telangiectasia", "AT", '"Louis-Bar" syndrome')),
        (("HP:0001250",), ("Seizure", "seizure")),
    ]
    assert counts.noted["language"] == 1
    assert described(read("ssslm", scopes=("exact",), languages=("de",))[0]) == [
        (("D001260",), ("Ataxia Telangiectasia", "AT")),
        (("HP:0001250",), ("Seizure", "Anfall")),
    ]


def test_gilda_has_the_prefix_in_a_column_of_its_own(read):
    assert described(read("ssslm", gzip.compress(GILDA.encode()), name="terms.tsv.gz")[0]) == [
        (("D001260",), ("Ataxia Telangiectasia", "AT")),
        (("CHEBI:15365",), ("acetylsalicylic acid", "aspirin")),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\tname\n1\tx\n", "table.tsv:1: expected SSSLM's columns text and curie, or gilda's"),
        ("text\tcurie\nataxia\tx17\n", "table.tsv:2: expected a text and a CURIE, found 'x17'"),
        ("text\tcurie\nataxia\n", "table.tsv:2: expected 2 fields"),
    ],
)
def test_what_is_no_such_table_is_named_with_its_line(read, text, message):
    with pytest.raises(InputError, match=message):
        read("ssslm", text)


def test_a_table_is_written_that_ssslm_reads_and_the_other_way_round(tmp_path):
    ssslm = pytest.importorskip("ssslm")
    source, table, again = tmp_path / "in.tsv", tmp_path / "out.ssslm.tsv.gz", tmp_path / "again.tsv"
    source.write_text(
        'id\tname\tmore\nD001260\tA "T"\tLouis Bar\nHP:1\tSeizure\tFits|fits\nx17\tno\t\n', encoding="utf-8"
    )
    command = ["preprocess", "dictionary", "--synonyms_column", "more", "--from", "tsv", str(source)]
    assert main([*command, "--to", "ssslm", "--output", str(table)]) == 0
    mappings = ssslm.read_literal_mappings(table)
    assert [(each.curie, each.text, each.name, each.predicate.curie) for each in mappings] == [
        ("MESH:D001260", 'A "T"', 'A "T"', "rdfs:label"),
        ("MESH:D001260", "Louis Bar", 'A "T"', "oboInOwl:hasRelatedSynonym"),
        ("HP:1", "Seizure", "Seizure", "rdfs:label"),
        ("HP:1", "Fits", "Seizure", "oboInOwl:hasRelatedSynonym"),
        ("HP:1", "fits", "Seizure", "oboInOwl:hasRelatedSynonym"),
    ]
    ssslm.write_literal_mappings(mappings, again)
    found = list(read_ontology("ssslm", [again], options={}, counts=ReadCounts()))
    assert [(each.ids, each.names) for each in found] == [
        (("D001260",), ('A "T"', "Louis Bar")),
        (("HP:1",), ("Seizure", "Fits", "fits")),
    ]


def test_an_ontology_of_no_known_prefix_is_not_written(tmp_path):
    counts = ReadCounts()
    with pytest.raises(InputError, match="no name of a concept with a CURIE.*'id without a known prefix': 1"):
        write_ssslm([Concept(("x17",), ("ataxia",), "")], tmp_path / "out.tsv", counts=counts)
    assert not list(tmp_path.iterdir())
