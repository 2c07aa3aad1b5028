"""Two files in one command: the same concept in both is one concept."""

import json

import pytest

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept, ConceptTable
from biosyn.ontologies.build import build_dictionary
from biosyn.ontologies.formats import read_ontology
from biosyn.ontologies.merge import merged_concepts
from biosyn.records import Name


def merge(*files):
    """Files of (ids, names) -> the merged (ids, names), and how many concepts were merged into others."""
    counts = ReadCounts()
    given = [[Concept(ids, names, f"{number}") for ids, names in file] for number, file in enumerate(files)]
    merged = [(concept.ids, concept.names) for concept in merged_concepts(given, counts)]
    return merged, counts.noted["concept in several files: merged"]


@pytest.mark.parametrize(
    ("files", "merged", "count"),
    [
        # the same id
        ([[(("1",), ("a", "b"))], [(("1",), ("c", "b"))]], [(("1",), ("a", "b", "c"))], 1),
        ([[(("1", "8"), ("a",))], [(("1", "9"), ("a",))]], [(("1", "8", "9"), ("a",))], 1),
        ([[(("1",), ("a",))], [(("2",), ("b",)), (("1",), ("c",))]], [(("1",), ("a", "c")), (("2",), ("b",))], 1),
        ([[(("1",), ("a",))], [(("1",), ("b",))], [(("1",), ("c",))]], [(("1",), ("a", "b", "c"))], 2),
        # what is an alternative id in one is an own id in the other, in either order
        ([[(("1", "2"), ("a",))], [(("2",), ("b",))]], [(("1", "2"), ("a", "b"))], 1),
        ([[(("2",), ("b",))], [(("1", "2"), ("a",))]], [(("1", "2"), ("a", "b"))], 1),
        ([[(("1",), ("a",)), (("2",), ("b",))], [(("1", "2"), ("c",))]], [(("1", "2"), ("a", "c", "b"))], 2),
        ([[(("1", "2"), ("a",))], [(("2", "1"), ("b",))]], [(("1", "2"), ("a", "b"))], 1),
        # other concepts
        ([[(("1",), ("a",))], [(("2",), ("a",))]], [(("1",), ("a",)), (("2",), ("a",))], 0),
        ([[(("1", "9"), ("a",))], [(("2", "9"), ("b",))]], [(("1", "9"), ("a",)), (("2", "9"), ("b",))], 0),
        # an id that two concepts have as an alternative one says nothing
        (
            [[(("1", "9"), ("a",)), (("2", "9"), ("b",))], [(("9",), ("c",))]],
            [(("1", "9"), ("a",)), (("2", "9"), ("b",)), (("9",), ("c",))],
            0,
        ),
        # nor does a file that has both as own ids
        ([[(("1", "2"), ("a",)), (("2",), ("b",))], []], [(("1", "2"), ("a",)), (("2",), ("b",))], 0),
    ],
)
def test_what_is_one_concept(files, merged, count):
    assert merge(*files) == (merged, count)


def test_links_are_joined_and_the_source_is_the_first(read):
    first = Concept(("1",), ("a",), "x", {"parents": ("0",), "xrefs": ("A:1",)})
    second = Concept(("1",), ("a",), "y", {"parents": ("0", "5"), "tree_numbers": ("C1",)})
    (merged,) = merged_concepts([[first], [second]], ReadCounts())
    assert merged == Concept(("1",), ("a",), "x")
    assert merged.links == {"parents": ("0", "5"), "xrefs": ("A:1",), "tree_numbers": ("C1",)}


@pytest.mark.parametrize("order", [1, -1])
def test_an_id_that_one_file_calls_obsolete_is_obsolete(order):
    live = [Concept(("1",), ("a",), "old"), Concept(("2",), ("b",), "old")]
    new = [Concept(("1",), ("a",), "new"), Concept(("2",), (), "new", {"replaced_by": ("1",)}, obsolete=True)]
    found = {each.ids: each for each in merged_concepts([live, new][::order], ReadCounts())}
    assert {ids: (each.names, each.obsolete) for ids, each in found.items()} == {
        ("1",): (("a",), False),
        ("2",): ((), True),
    }


@pytest.mark.parametrize("order", [1, -1])
def test_an_alternative_id_that_is_obsolete_too_does_not_withdraw_its_concept(order):
    old = [Concept(("1",), ("a",), "old"), Concept(("2",), ("b",), "old")]
    new = [Concept(("1", "2"), ("a",), "new"), Concept(("2",), (), "new", obsolete=True)]
    (found,) = merged_concepts([old, new][::order], ReadCounts())
    assert (found.ids, set(found.names), found.obsolete) == (("1", "2"), {"a", "b"}, False)


FILES = {
    "csv": ("id,name\nMESH:D1|OMIM:7,Ataxia\nD2,Chorea\n", "id,name\nD1,Ataxia syndrome\nD3,Tremor\n"),
    "tsv": ("id\tname\nD1|7\tAtaxia\nD2\tChorea\n", "id\tname\nD1\tAtaxia syndrome\nD3\tTremor\n"),
    "medic": ("MESH:D1|OMIM:7||Ataxia\nD2||Chorea\n", "D1||Ataxia syndrome\nD3||Tremor\n"),
    "obo": (
        "[Term]\nid: D1\nname: Ataxia\nalt_id: 7\n[Term]\nid: D2\nname: Chorea\n",
        "[Term]\nid: D1\nname: Ataxia syndrome\n[Term]\nid: D3\nname: Tremor\n",
    ),
}


@pytest.mark.parametrize("format_name", FILES)
def test_a_dictionary_of_two_files_has_each_concept_once(tmp_path, format_name):
    paths = [tmp_path / name for name in ("a", "b")]
    for path, text in zip(paths, FILES[format_name], strict=True):
        path.write_text(text)
    counts = ReadCounts()
    concepts = read_ontology(format_name, paths, options={}, counts=counts)
    report = build_dictionary(concepts, tmp_path / "out" / "names.txt", counts=counts)
    assert (report["concepts"], report["homonyms"]) == (3, 0)
    assert (tmp_path / "out" / "names.txt").read_text() == (
        "D1|7||ataxia\nD1|7||ataxia syndrome\nD2||chorea\nD3||tremor\n"
    )
    rows = [json.loads(line) for line in (tmp_path / "out" / "concepts.jsonl").read_text().splitlines()]
    assert [row["ids"] for row in rows] == [["D1", "7"], ["D2"], ["D3"]]
    table = ConceptTable.beside(tmp_path / "out" / "names.txt")
    assert len(table.concepts_of(Name("ataxia", "D1|7"))) == 1
