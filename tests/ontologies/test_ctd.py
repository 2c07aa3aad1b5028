import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

CHEMICALS = (
    "# Fields:\n# ChemicalName,ChemicalID,CasRN,Definition,ParentIDs,TreeNumbers,ParentTreeNumbers,Synonyms\n#\n"
    '"(1,4)-""Dioxane""",MESH:C025223,123-91-1,,MESH:D004147,D02.1,D02,"1,4-dioxane|Diethylene ether|1,4-dioxane"\n'
)
NEW_CHEMICALS = """# Fields:
# ChemicalName,ChemicalID,CasRN,PubChemCID,DTXSID,InChIKey,ParentIDs,TreeNumbers,MESHSynonyms,CTDCuratedSynonyms
#
Dioxane,MESH:C025223,123-91-1,31275,DTXSID4020533,RYHBNJHYFVUHQT,,,Diethylene ether,PDO|
"""
GENES = (
    "# Fields:\n# GeneSymbol\tGeneName\tGeneID\tAltGeneIDs\tSynonyms\tBioGRIDIDs\tPharmGKBIDs\tUniProtIDs\n#\n"
    'AR\tandrogen receptor\t367\t8|367\tAIS|"DHTR|SBMA\t106862\tPA24\tP10275|Q0\n'
    "abc\t\t9\t\t\t\t\t\n"
)


def test_a_disease_has_its_ids_names_and_links(read):
    concepts, _ = read("ctd")
    assert concepts == [
        Concept(
            ("D001260", "DO:DOID:12704", "208900"),
            ("Ataxia, Telangiectasia", "AT", "Boder-Sedgwick Syndrome", "Syndrome, Louis-Bar"),
            "CTD_diseases.csv",
            {"parents": ("D020754",), "tree_numbers": ("C10.597/D001260", "C16.320"), "xrefs": ()},
        ),
        Concept(("D002819",), ("Chorea",), "CTD_diseases.csv", {"parents": (), "tree_numbers": (), "xrefs": ()}),
    ]


def test_a_chemical_has_its_registry_number(read):
    concepts, counts = read("ctd", CHEMICALS)
    assert concepts[0].names == ('(1,4)-"Dioxane"', "1,4-dioxane", "Diethylene ether")
    assert concepts[0].ids == ("C025223",)
    assert concepts[0].links["xrefs"] == ("CAS:123-91-1",)
    assert counts.noted == {"name repeated in its concept": 1}


def test_the_newer_columns_of_chemicals_are_found_by_name(read):
    concepts, _ = read("ctd", NEW_CHEMICALS)
    assert concepts[0].names == ("Dioxane", "Diethylene ether", "PDO")
    assert set(concepts[0].links["xrefs"]) == {
        "CAS:123-91-1",
        "PubChem:31275",
        "DTXSID:DTXSID4020533",
        "InChIKey:RYHBNJHYFVUHQT",
    }


def test_a_gene_goes_by_its_number_and_tabs_leave_quotes_alone(read):
    concepts, _ = read("ctd", GENES)
    assert [concept.ids for concept in concepts] == [("367", "8"), ("9",)]
    assert concepts[0].names == ("AR", "androgen receptor", "AIS", '"DHTR', "SBMA")
    assert concepts[0].links["xrefs"] == ("BioGRID:106862", "PharmGKB:PA24", "UniProtKB:P10275", "UniProtKB:Q0")
    assert concepts[1].names == ("abc",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Chorea,MESH:D1", r"\.csv:6: expected 9 fields, as the header has, found 2"),
        (",MESH:D1,,,,,,,", r"\.csv:6: expected a DiseaseName and an id"),
        ("Chorea,,,,,,,,", r"\.csv:6: expected a DiseaseName and an id"),
        ("Chorea,MESH:,,,,,,,", r"\.csv:6: expected a DiseaseName and an id"),
        ('"Chorea"x,MESH:D1,,,,,,,', r"\.csv:6: .*expected after"),
    ],
)
def test_a_bad_row_is_named_or_skipped(read, sample, row, message):
    comments, rows = sample("ctd").split('#\n"')
    text = f'{comments}#\n{row}\n"{rows}'
    with pytest.raises(InputError, match=message):
        read("ctd", text)
    concepts, counts = read("ctd", text, skip_errors=True)
    assert len(concepts) == 2
    assert counts.skipped.total() == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DiseaseName,DiseaseID\n",
        "# a comment\nChorea,MESH:D1\n",
        "# Fields:\n# ChemicalName,ChemicalID,CasRN,DiseaseName,DiseaseID\n",  # associations, no vocabulary
        "# Fields:\n# GOName,GOID,Synonyms\n",
    ],
)
def test_a_file_that_is_no_vocabulary_of_ctd_is_named(read, text):
    with pytest.raises(InputError, match="CTD"):
        read("ctd", text)
