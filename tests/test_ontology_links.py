import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.concept_ids import holds_genes, ontology_link


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
    assert ontology_link("390010", genes=True).ontology == "NCBI Gene"
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
    for genes in (False, True):
        found = ontology_link(cui, genes=genes)
        assert found is None or (found.url.startswith("https://") and not set(found.url) & set("\"'<> \n"))
