import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.vocabularies import (
    BARE,
    VOCABULARIES,
    VOCABULARIES_FILE,
    curie,
    guessed_prefixes,
    holds_genes,
    ontology_link,
    preference,
    vocabularies_beside,
    vocabularies_of,
    write_vocabularies,
)
from biosyn.errors import InputError

GENES = vocabularies_of(["NCBIGene"])


# -- CURIEs


@pytest.mark.parametrize(
    ("cui", "expected"),
    [
        ("D001260", "MESH:D001260"),
        ("C566865", "MESH:C566865"),
        ("C0004135", "UMLS:C0004135"),
        ("10003591", "MEDDRA:10003591"),
        ("mesh:D001260", "MESH:D001260"),
        ("MSH:D001260", "MESH:D001260"),
        ("MESH:mesh:D001260", "MESH:D001260"),
        ("MESH: D001260", "MESH:D001260"),
        ("OMIM:208900", "OMIM:208900"),
        ("MIM:208900", "OMIM:208900"),
        ("HP:0000400", "HP:0000400"),
        ("hp:0000400", "HP:0000400"),
        ("CHEBI:CHEBI:15377", "CHEBI:15377"),
        ("GeneID:672", "NCBIGene:672"),
        ("SNOMEDCT_US:22298006", "SNOMEDCT:22298006"),
        ("OMIM:PS208900", "OMIM:PS208900"),
        # no known vocabulary: the id stays as it is
        ("672", "672"),
        ("ORPHA:100", "ORPHA:100"),
        ("MESH:", "MESH:"),
        ("MESH:OMIM:208900", "MESH:OMIM:208900"),
        ("C", "C"),
        ("-1", "-1"),
        ("D009468+208900", "MESH:D009468+OMIM:208900"),
    ],
)
def test_an_id_gets_the_prefix_of_its_vocabulary_once(cui, expected):
    assert curie(cui) == expected
    assert curie(expected) == expected


def test_bare_ids_are_of_the_vocabularies_of_their_dictionary():
    assert curie("208900", GENES) == "NCBIGene:208900"
    assert curie("D001260", ()) == "D001260"
    assert curie("A00.1", vocabularies_of(["ICD10CM"])) == "ICD10CM:A00.1"
    assert curie("icd10cm:A00.1", vocabularies_of(["ICD10CM"])) == "ICD10CM:A00.1"


@given(st.text())
def test_a_curie_is_its_own_curie(cui):
    assert curie(curie(cui)) == curie(cui)


def test_the_order_of_vocabularies_is_the_order_of_preference():
    cuis = ["HP:0000400", "x", "208900", "C566865", "D001260"]
    assert sorted(cuis, key=preference) == ["D001260", "C566865", "208900", "HP:0000400", "x"]
    by_omim = vocabularies_of(["OMIM", "MESH"])
    assert sorted(cuis[2:], key=lambda cui: preference(cui, by_omim)) == ["208900", "D001260", "C566865"]


def test_the_guessed_forms_exclude_each_other():
    for cui in ("D001260", "D000086382", "C566865", "C000086382", "208900", "C0004135", "10003591"):
        assert sum(row.takes(cui) for row in BARE) == 1
    assert set(BARE) < set(VOCABULARIES)


# -- the file


def dictionary_in(folder, *cuis):
    path = folder / "dictionary.txt"
    path.write_text("".join(f"{cui}||name {row}\n" for row, cui in enumerate(cuis)), encoding="utf-8")
    return DictionaryDataset(path)


def test_the_file_beside_the_dictionary_decides(tmp_path):
    dictionary = dictionary_in(tmp_path, "208900", "600185")
    assert vocabularies_beside(dictionary) == BARE
    write_vocabularies(tmp_path / VOCABULARIES_FILE, ["NCBIGene"])
    assert vocabularies_beside(dictionary) == GENES
    (tmp_path / VOCABULARIES_FILE).unlink()
    (tmp_path / VOCABULARIES_FILE).symlink_to("nowhere")
    with pytest.raises(InputError, match=r"vocabularies\.json: cannot be read: No such file"):
        vocabularies_beside(dictionary)


def test_without_the_file_numbers_of_several_lengths_are_genes(tmp_path):
    assert vocabularies_beside(dictionary_in(tmp_path, "672", "100506658|675")) == GENES


@pytest.mark.parametrize("content", [{}, {"vocabularies": "MESH"}, {"vocabularies": [1]}, {"vocabularies": ["a b"]}])
def test_a_damaged_file_is_refused_in_a_line(tmp_path, content):
    dictionary = dictionary_in(tmp_path, "D001260")
    (tmp_path / VOCABULARIES_FILE).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r'vocabularies.json: expected .*"OMIM"\]}, the preferred prefix first$'):
        vocabularies_beside(dictionary)


def test_prefixes_are_guessed_by_the_forms_that_occur():
    assert guessed_prefixes(["MONDO:0008840", "208900", "C566865", "odd"]) == ("MESH", "OMIM")
    assert guessed_prefixes([]) == ()


# -- the page of a concept


@pytest.mark.parametrize(
    ("cui", "ontology", "url"),
    [
        ("D001260", "MeSH", "https://meshb.nlm.nih.gov/record/ui?ui=D001260"),
        ("MESH:C566865", "MeSH", "https://meshb.nlm.nih.gov/record/ui?ui=C566865"),
        ("D000086382", "MeSH", "https://meshb.nlm.nih.gov/record/ui?ui=D000086382"),
        ("C0004135", "UMLS", "https://uts.nlm.nih.gov/uts/umls/concept/C0004135"),
        ("208900", "OMIM", "https://www.omim.org/entry/208900"),
        ("OMIM:208900", "OMIM", "https://www.omim.org/entry/208900"),
        ("HP:0001251", "HPO", "https://hpo.jax.org/browse/term/HP:0001251"),
        ("NCBIGene:472", "NCBI Gene", "https://www.ncbi.nlm.nih.gov/gene/472"),
        ("CHEBI:15365", "CHEBI", "https://purl.obolibrary.org/obo/CHEBI_15365"),
    ],
)
def test_the_form_of_an_id_tells_its_page(cui, ontology, url):
    assert ontology_link(cui) == (ontology, url)


@pytest.mark.parametrize(
    "cui", ["-1", "", "472", "D12", "C12345", "D001260|208900", "D1+D2", "HP:1", "X:1", "９９９９９９", "D００１２６０"]
)
def test_an_unknown_form_has_no_page(cui):
    assert ontology_link(cui) is None


def test_six_digits_are_a_gene_among_genes():
    assert ontology_link("390010", GENES).ontology == "NCBI Gene"
    assert ontology_link("390010").ontology == "OMIM"


@pytest.mark.parametrize(
    ("cuis", "expected"),
    [
        (["1", "100506658"], True),
        (["208900", "600185"], False),  # OMIM
        (["10000001", "10003591"], False),  # MedDRA
        (["472", "D001260"], False),
        ([], False),
    ],
)
def test_genes_are_numbers_of_several_lengths(cuis, expected):
    assert holds_genes(cuis) is expected


@given(st.text())
def test_no_id_can_break_out_of_its_address(cui):
    for vocabularies in (BARE, GENES, (*GENES, *BARE)):
        found = ontology_link(cui, vocabularies)
        assert found is None or (found.url.startswith("https://") and not set(found.url) & set("\"'<> \n"))
