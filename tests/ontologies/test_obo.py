"""OBO as releases contain it: what is read, what is counted, and what a bad line costs."""

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

SOURCE = "hp/releases/2030-01-01"
LINKS = {"parents": ("HP:0000001",), "xrefs": ("UMLS:C0575081",)}


def one(read, *lines, head="format-version: 1.4\n\n", **options):
    """The only concept of a file with one frame of these lines, and the counts."""
    concepts, counts = read("obo", head + "\n".join(["[Term]", "id: X:1", *lines]) + "\n", **options)
    (concept,) = concepts
    return concept, counts


def ids_and_names(concepts):
    return [(concept.ids, concept.names) for concept in concepts]


def test_reads_live_terms_by_id_with_sorted_synonyms(read):
    concepts, counts = read("obo")
    names = ("Abnormal gait", "Gait disturbance", "Limping", 'Gait "problem"', "Unusual walk")  # by scope
    assert concepts == [
        Concept(("HP:0000001",), ("All",), SOURCE),
        Concept(("HP:0000002", "HP:0000055", "HP:0000077"), names, SOURCE),
        Concept(("HP:0000003",), (), SOURCE, obsolete=True),
    ]
    assert concepts[1].links == LINKS
    assert concepts[2].links == {"replaced_by": ("HP:0000002",), "consider": ("HP:0000001",)}
    assert counts.noted == {"obsolete": 1, "name repeated in its concept": 2}


def test_scopes_are_chosen(read):
    concepts, counts = read("obo", scopes=("exact", "narrow"))
    assert concepts[1].names == ("Abnormal gait", "Gait disturbance", "Limping")
    assert (counts.noted["related synonym"], counts.noted["broad synonym"]) == (2, 1)


@pytest.mark.parametrize(
    "lines",
    [
        ["is_a: X:404 ! of another file"],
        ['is_a: X:2 {source="MONDO:1", comment="a ! b } c"} ! Two', "relationship: part_of X:405"],
        ["! a comment", "", "  ! another one", "\t"],
        ['synonym: "b" EXACT UNDECLARED []'],
        ['synonym: "b" EXACT UNDECLARED [PMID:1 "a [title]", Some Person] {a="b"} ! c'],
        ['synonym:   "b"\texact', "is_a:X:2"],
        ['synonym: "b" EXACT [an open bracket'],
        ['exact_synonym: "b" []', "xref_analog: Y:1", "use_term: X:5"],  # OBO 1.0
        ["xref: ICD 10:C34", "xref: http://example.org/a,b (c)", "xref: "],
        ["creation_date: 2012-13-45T99:99Z", "created_by: "],
        ['def: "a definition that nobody closes [PMID:1]', 'comment: a: b! {c} [Term] "d'],
        ['property_value: P:1 "x" xsd:string', "intersection_of: X:2", "disjoint_from: X:3", "subset: s"],
    ],
)
@pytest.mark.parametrize("head", ["format-version: 1.4\n\n", "", "! made by hand\n", "date: yesterday\nremark: a: b\n"])
def test_what_releases_contain_is_read_without_a_word(read, lines, head):
    concept, counts = one(read, "name: a", *lines, head=head)
    assert concept.ids == ("X:1",)
    assert concept.names in [("a",), ("a", "b")]
    assert ("b" in concept.names) == any('"b"' in line for line in lines)
    assert not counts.skipped
    assert not counts.noted


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (r"Wilms\: tumor\, \(bilateral\) \[1\] \{2\}", "Wilms: tumor, (bilateral) [1] {2}"),
        (r"a\Wb\tc", "a b\tc"),
        (r"path C\:\\temp", r"path C:\temp"),
        (r"\"quoted\" \!", '"quoted" !'),
        ('a {source="X:1", comment="b ! c"} ! d', "a"),
        ("a ! b", "a"),
        ("a !", "a"),
        ("1-{[(2R)]amino}propane", "1-{[(2R)]amino}propane"),
        ("Yahoo! (company) {12}", "Yahoo! (company) {12}"),
        ("Sjögren: {x}", "Sjögren: {x}"),
        ("a" * 100_000, "a" * 100_000),
    ],
)
def test_escapes_modifiers_and_comments(read, value, name):
    assert one(read, f"name: {value}")[0].names == (name,)


@pytest.mark.parametrize(
    ("value", "synonym"),
    [
        (r'"the \"bad\" one\\" EXACT []', 'the "bad" one\\'),
        (r'"a\nb" EXACT []', "a\nb"),
        ('"a ! b {c=\\"d\\"} [e]" EXACT []', 'a ! b {c="d"} [e]'),
        ('" padded " EXACT []', "padded"),
    ],
)
def test_synonyms_keep_what_is_between_their_quotes(read, value, synonym):
    assert one(read, "name: n", f"synonym: {value}")[0].names == ("n", synonym)


def test_a_synonym_without_a_scope_is_related(read):
    lines = ['synonym: "b" []', 'synonym: "c"', 'broad_synonym: "d" [X:1]', 'related_synonym: "e" []']
    concept, counts = one(read, "name: a", *lines, scopes=("broad",))
    assert concept.names == ("a", "d")
    assert counts.noted == {"related synonym": 3}


def test_a_backslash_at_the_end_of_a_line_continues_it(read):
    concept, _ = one(read, "name: a \\", "b\\\\", 'synonym: "c \\', 'd" EXACT []')
    assert concept.names == ("a b\\", "c d")  # two backslashes are one, and no continuation
    text = "[Term]\nid: X:1\nname: a\nis_a: X:2 ! b\\\n[Term]\nid: X:3\nname: c\n"
    assert ids_and_names(read("obo", text)[0]) == [(("X:1",), ("a",)), (("X:3",), ("c",))]


def test_ids_have_no_comment_modifier_or_description(read):
    lines = ["alt_id: X:9 ! old", 'xref: UMLS:C1 "a title" {source="x"} ! y', "is_a: X:2!Two", "is_a: X:2 ! again"]
    concept, _ = one(read, "name: a", *lines, "xref: UMLS:C1")
    assert concept.ids == ("X:1", "X:9")
    assert concept.links == {"parents": ("X:2",), "xrefs": ("UMLS:C1",)}


def test_a_file_without_version_is_its_own_source_and_a_term_may_have_no_name(read):
    concepts, counts = read("obo", "[Term]\nid: X:1\nname: All\n\n[Term]\nid: X:2\n\n[Term]\nid: X:3\nname:\n")
    assert [concept.source for concept in concepts] == ["hp.obo"]
    assert counts.noted == {"no name": 2}


def test_frames_of_other_kinds_are_skipped_and_unknown_kinds_and_tags_counted(read):
    frames = ["[Typedef]\nid: part_of\nname: p", "[Instance]\nid: i\nname: i", "[Annotation]\nid: X:5\nname: e"]
    concept, counts = one(read, "name: a", "synonim: b", *frames)
    assert concept.names == ("a",)
    assert counts.noted == {"frame that is no Term, Typedef or Instance": 1, "tag that OBO does not define": 1}


def test_frames_of_one_id_are_one_term(read):
    again = ["", "[Term]", "id: X:1", "name: A", 'synonym: "b" EXACT []', "alt_id: X:9", "is_a: X:0"]
    concept, counts = one(read, "name: a", 'synonym: "b" EXACT []', *again)
    assert (concept.ids, concept.names) == (("X:1", "X:9"), ("a", "A", "b"))
    assert concept.links["parents"] == ("X:0",)
    assert counts.noted == {"id given again: merged": 1, "name repeated in its concept": 1}


@pytest.mark.parametrize("lines", [["is_obsolete: true"], ["is_obsolete: 1"], ["is_obsolete: true ! since 2012"]])
def test_an_obsolete_term_keeps_its_ids_and_has_no_name(read, lines):
    concept, _ = one(read, "name: a", "alt_id: X:7", *lines, "consider: X:8", 'synonym: "b" EXACT []')
    assert (concept.ids, concept.names, concept.obsolete) == (("X:1", "X:7"), (), True)
    assert not one(read, "name: a", "is_obsolete: false")[0].obsolete


# -- what is hurt

SMALL = """format-version: 1.4

[Term]
id: X:1
name: one
synonym: "uno" EXACT []

[Term]
id: X:2
name: two
synonym: "due" EXACT []

[Term]
id: X:3
name: three
"""
ONE, TWO, THREE = (("X:1",), ("one", "uno")), (("X:2",), ("two", "due")), (("X:3",), ("three",))


@pytest.mark.parametrize(
    ("change", "reason", "line", "left"),
    [
        (("name: two", "name two"), "no 'tag: value'", 10, [ONE, THREE]),  # without a name
        (('"due" EXACT', '"due EXACT'), "synonym", 11, [ONE, (("X:2",), ("two",)), THREE]),
        (('"due" EXACT', "due EXACT"), "synonym", 11, [ONE, (("X:2",), ("two",)), THREE]),
        (('"due" EXACT', '"due" SAME'), "synonym", 11, [ONE, (("X:2",), ("two",)), THREE]),
        (('"due" EXACT []', '"due" EXACT []\n<<<<<<< HEAD'), "no 'tag: value'", 12, [ONE, TWO, THREE]),
        (("id: X:2\n", ""), "frame without an id", 8, [ONE, THREE]),
        (("id: X:2\n", "id: ! X:2\n"), "frame without an id", 8, [ONE, THREE]),
        (("id: X:2\n", "id: |\n"), "frame without an id", 8, [ONE, THREE]),
        (("[Term]\nid: X:2", "id: X:2"), "second id in a frame", 8, [ONE, TWO, THREE]),  # read all the same
        (("[Term]\nid: X:2", "[Term\nid: X:2"), "no 'tag: value'", 8, [ONE, TWO, THREE]),
        (("[Term]\nid: X:2", "is_obsolete: true\nid: X:2"), "second id in a frame", 9, [ONE, (("X:2",), ()), THREE]),
        (("[Term]\nid: X:2\n", "alt_id: X:9\n"), "second name in a frame", 9, [ONE, THREE]),
        (("\n[Term]\nid: X:2", "id: X:2"), "second id in a frame", 7, [ONE, THREE]),
        (("[Term]\nid: X:2\n", ""), "second name in a frame", 8, [ONE, THREE]),
        (("name: two", "name: two\nname: deux"), "second name in a frame", 11, [ONE, TWO, THREE]),
        (("name: two", "name: two\nid: X:9"), "second id in a frame", 11, [ONE, (("X:2",), ("two",)), THREE]),
        (("format-version", "just text\nformat-version"), "no 'tag: value'", 1, [ONE, TWO, THREE]),
        (("name: three\n", "na"), "no 'tag: value'", 15, [ONE, TWO]),  # cut off
    ],
)
def test_a_bad_line_is_named_and_costs_at_most_its_frame(read, change, reason, line, left):
    text = SMALL.replace(*change)
    assert text != SMALL
    with pytest.raises(InputError, match=rf"hp\.obo:{line}: "):
        read("obo", text)
    concepts, counts = read("obo", text, skip_errors=True)
    assert ids_and_names(concepts) == left
    assert counts.skipped[reason] == 1


@pytest.mark.parametrize("change", [("id: X:2", "id: X:2\nid: X:2"), ("name: two", "name: two\n\nname: two")])
def test_the_same_head_twice_is_no_other_frame(read, change):
    concepts, counts = read("obo", SMALL.replace(*change))
    assert [concept.ids[0] for concept in concepts] == ["X:1", "X:2", "X:3"]
    assert not counts.skipped


def test_blank_lines_may_be_anywhere_or_nowhere(read):
    dense, wide = SMALL.replace("\n\n", "\n"), SMALL.replace("\n", "\n\n \n")
    assert ids_and_names(read("obo", dense)[0]) == ids_and_names(read("obo", wide)[0]) == [ONE, TWO, THREE]


@pytest.mark.parametrize("text", ["", "format-version: 1.4\n", "[Typedef]\nid: a\n", "\n\n"])
def test_a_file_may_hold_no_term(read, text):
    assert read("obo", text)[0] == []


@pytest.mark.parametrize("format_name", ["obograph", "mesh", "owl"])
def test_another_layout_is_refused(read, sample, format_name):
    with pytest.raises(InputError, match=r"hp\.obo: is JSON or XML, not OBO"):
        read("obo", "\n " + sample(format_name), skip_errors=True)


def test_utf_16_is_refused(read):
    with pytest.raises(InputError, match=r"hp\.obo: is UTF-16"):
        read("obo", SMALL.encode("utf-16"), skip_errors=True)
