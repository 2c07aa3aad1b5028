import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError


def test_a_gene_has_its_symbol_first_and_no_dashes(read):
    concepts, counts = read("gene-info")
    assert concepts == [
        Concept(
            ("472",),
            ("ATM", "ATM serine/threonine kinase", "AT1", "ATA", 'serine-protein kinase "ATM"', "A-T mutated"),
            "gene_info",
            {"xrefs": ("MIM:607585", "HGNC:HGNC:795")},
        ),
        Concept(("11920",), ("Atm", "ataxia telangiectasia mutated"), "gene_info", {"xrefs": ()}),
    ]
    assert counts.noted == {"name repeated in its concept": 2}  # the official symbol and the description


def test_a_taxon_is_chosen(read):
    concepts, counts = read("gene-info", taxon="10090")
    assert [concept.ids for concept in concepts] == [("11920",)]
    assert counts.noted == {"taxon": 1}


def test_a_placeholder_is_no_gene(read, sample):
    row = sample("gene-info").splitlines()[1].replace("\tATM\t", "\tNEWENTRY\t", 1)
    concepts, counts = read("gene-info", f"{sample('gene-info')}{row}\n")
    assert len(concepts) == 2
    assert counts.noted["placeholder"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row + "\tmore", r"gene_info:4: expected 16 fields, as the header has, found 17"),
        (lambda row: row.replace("\t472\t", "\t-\t"), r"gene_info:4: expected a GeneID and a symbol"),
        (lambda row: row.replace("\tATM\t", "\t-\t"), r"gene_info:4: expected a GeneID and a symbol"),
    ],
)
def test_a_bad_row_is_named_or_skipped(read, sample, change, message):
    text = sample("gene-info") + change(sample("gene-info").splitlines()[1]) + "\n"
    with pytest.raises(InputError, match=message):
        read("gene-info", text)
    concepts, counts = read("gene-info", text, skip_errors=True)
    assert len(concepts) == 2
    assert counts.skipped.total() == 1


@pytest.mark.parametrize("text", ["", "9606\t472\tATM\n", "#tax_id\tGeneID\tSymbol\n"])
def test_a_file_without_the_columns_is_named(read, text):
    with pytest.raises(InputError, match=r"gene_info:1: the first line has no column"):
        read("gene-info", text)
