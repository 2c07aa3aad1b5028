import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.concept_ids import (
    covers_all,
    distinct_ids,
    holds_genes,
    is_composite,
    name_ids,
    ontology_link,
    shares_any,
    split_ids,
)


@pytest.mark.parametrize(
    ("cui", "ids"),
    [
        ("D001260", ("D001260",)),
        ("D001260|208900", ("D001260", "208900")),
        ("D010051+D001943", ("D010051", "D001943")),
        ("D1|D2+D3", ("D1", "D2", "D3")),
        (" D1 | D2 ", ("D1", "D2")),
        ("D1||D2|", ("D1", "D2")),
        ("-1", ("-1",)),
        ("", ()),
        (" | ", ()),
    ],
)
def test_a_field_is_split_at_bars_and_plus_signs(cui, ids):
    assert split_ids(cui) == ids


def test_the_ids_of_a_name_are_split_at_bars_only():
    # a composite query x+y that entered the dictionary is one id there
    assert name_ids(" D1 |D2+D3|") == {"D1", "D2+D3"}


def test_an_id_holds_no_line_end_and_comes_once():
    assert distinct_ids("D1|MESH:D1", "D\n2| ", "OMIM:") == ("D1", "D 2")


@pytest.mark.parametrize(("cui", "composite"), [("D1", False), ("D1|", False), ("D1|D2", True), ("D1+D2", True)])
def test_composite_means_more_than_one_id(cui, composite):
    assert is_composite(cui) is composite


@pytest.mark.parametrize(
    ("query", "name", "covered"),
    [
        ("D001260", "D001260", True),
        ("D001260", "D001260|208900", True),
        ("D1|D2", "D2|D1|D3", True),
        ("D1|D2", "D1", False),
        ("D00126", "D001260", False),  # upstream compares by substring and says yes
        ("D001260", "D00126", False),
        ("D1", "D1+D2", False),  # a name of the composite concept is none of its parts
        ("-1", "-1", False),
        ("D1|-1", "D1|-1", False),
        ("", "D1", False),
    ],
)
def test_training_wants_every_id_of_the_query(query, name, covered):
    assert covers_all(query, name) is covered


@pytest.mark.parametrize(
    ("gold", "name", "shared"),
    [
        ("D1|D2", "D2", True),
        ("D1+D2", "D2|D9", True),
        ("D1|D2", "D1+D2", False),
        ("D1", "D2", False),
        ("D00126", "D001260", False),
        ("-1", "-1", False),
        ("-1|D1", "D1", True),
    ],
)
def test_evaluation_wants_one_id_in_common(gold, name, shared):
    assert shares_any(gold, name) is shared


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
