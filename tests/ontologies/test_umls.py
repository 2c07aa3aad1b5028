"""Written by hand in the layout of a UMLS release; none of its content is here."""

import gzip

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError


def atom(cui, name, *, lat="ENG", ts="S", stt="PF", ispref="Y", sab="MSH", code="1", suppress="N"):
    return f"{cui}|{lat}|{ts}|L1|{stt}|S1|{ispref}|A1||||{sab}|PT|{code}|{name}|0|{suppress}||\n"


MRSTY = "C1|T047|B2.2.1.2.1|Disease or Syndrome|AT1||\nC1|T191|B2.2|Neoplastic Process|AT2||\nC2|T121|A1|Drug|AT3||\n"


def names_of(concepts):
    return {concept.ids[0]: concept.names for concept in concepts}


def test_the_preferred_string_comes_first_and_codes_are_links(read):
    concepts, counts = read("umls")
    assert concepts == [
        Concept(
            ("C0000005",),
            ("Ataxia telangiectasia", 'Syndrome, "Louis-Bar"'),
            "MRCONSO.RRF",
            {"xrefs": ("MSH:D001", "SNOMEDCT_US:0123")},
        ),
        Concept(("C0000007",), ("Chorea",), "MRCONSO.RRF", {"xrefs": ()}),
    ]
    assert not counts.noted


def test_among_strings_of_one_rank_the_first_is_preferred_and_repeats_are_counted(read):
    text = atom("C1", "b", stt="VC", ts="P") + atom("C1", "a", ts="P") + atom("C1", "c", ts="P") + atom("C1", "b")
    concepts, counts = read("umls", text)
    assert concepts[0].names == ("a", "b", "c")
    assert counts.noted == {"name repeated in its concept": 1}


def test_what_is_suppressed_or_of_another_language_is_left_out(read):
    text = "".join(atom("C1", flag, suppress=flag) for flag in "OEYN") + atom("C2", "Ataxie", lat="FRE")
    concepts, counts = read("umls", text)
    assert names_of(concepts) == {"C1": ("N",)}
    assert counts.noted == {"suppressed": 3, "language": 1}
    concepts, _ = read("umls", text, keep_suppressed=True, languages=("FRE", "ENG"))
    assert names_of(concepts) == {"C1": ("O", "E", "Y", "N"), "C2": ("Ataxie",)}


def test_the_first_language_that_a_concept_has_gives_the_preferred_name(read):
    text = atom("C1", "Ataxia", ts="P") + atom("C1", "Ataxie", lat="FRE", ts="P") + atom("C2", "Chorea", ts="P")
    concepts, _ = read("umls", text, languages=("FRE", "ENG"))
    assert names_of(concepts) == {"C1": ("Ataxie", "Ataxia"), "C2": ("Chorea",)}


def test_sources_are_chosen(read):
    text = atom("C1", "a", sab="MSH") + atom("C1", "b", sab="NCI") + atom("C2", "c", sab="NCI")
    concepts, counts = read("umls", text, sources=("MSH",))
    assert names_of(concepts) == {"C1": ("a",)}
    assert counts.noted == {"source": 2}


def test_semantic_types_come_from_the_folder(tmp_path, read_path):
    (tmp_path / "MRCONSO.RRF").write_text(atom("C1", "a") + atom("C2", "b") + atom("C2", "c") + atom("C3", "d"))
    with gzip.open(tmp_path / "MRSTY.RRF.gz", "wt") as file:
        file.write(MRSTY)
    concepts, counts = read_path("umls", tmp_path, semantic_types=("T191", "T061"))
    assert names_of(concepts) == {"C1": ("a",)}
    assert counts.noted == {"semantic type": 3}


def test_a_missing_file_is_named(tmp_path, read_path):
    with pytest.raises(InputError, match="holds no MRCONSO.RRF"):
        read_path("umls", tmp_path)
    (tmp_path / "MRCONSO.RRF").write_text(atom("C1", "a"))
    with pytest.raises(InputError, match="holds no MRSTY.RRF"):
        read_path("umls", tmp_path / "MRCONSO.RRF", semantic_types=("T047",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("C2|ENG|P|\n", r"RRF:2: expected 18 fields, each followed by '\|'; found 3"),
        (atom("C2", "a|b"), r"RRF:2: expected 18 fields, each followed by '\|'; found 19"),
        (atom("", "a"), r"RRF:2: expected a CUI and a string"),
        (atom("C2", " "), r"RRF:2: expected a CUI and a string"),
        (atom("C2", "b") + atom("C1", "c"), r"RRF:3: 'C1' appears again after other ids"),
    ],
)
def test_a_bad_line_is_named_or_skipped(read, line, message):
    text = atom("C1", "a") + line + atom("C9", "z")
    with pytest.raises(InputError, match=message):
        read("umls", text)
    concepts, counts = read("umls", text, skip_errors=True)
    assert (names_of(concepts)["C1"], names_of(concepts)["C9"]) == (("a",), ("z",))
    assert counts.skipped.total() == 1


# -- MRCUI: CUI1|VER|REL|RELA|MAPREASON|CUI2|MAPIN|

RETIRED = """C7|2001AA|SY|||C1|Y|
C8|2001AA|RO|||C1|Y|
C8|2002AA|RN|||C2|Y|
C8|2002AA|RB|||C1|Y|
C9|2003AA|DEL|||||
"""


def release(folder, retired=RETIRED):
    (folder / "MRCONSO.RRF").write_text(atom("C1", "a") + atom("C2", "b", sab="NCI") + atom("C3", "c", lat="FRE"))
    (folder / "MRCUI.RRF").write_text(retired)
    return folder


def test_retired_cuis_are_kept_as_obsolete_ones(read_path, tmp_path):
    concepts, counts = read_path("umls", release(tmp_path), languages=("ENG", "FRE"))
    assert [(concept.ids, concept.names, concept.links) for concept in concepts if concept.obsolete] == [
        (("C7",), (), {"replaced_by": ("C1",), "consider": ()}),
        (("C8",), (), {"replaced_by": (), "consider": ("C1", "C2")}),
        (("C9",), (), {"replaced_by": (), "consider": ()}),
    ]
    assert names_of(concept for concept in concepts if not concept.obsolete) == {
        "C1": ("a",),
        "C2": ("b",),
        "C3": ("c",),
    }
    assert counts.noted == {"obsolete": 3}


def test_of_a_part_of_the_metathesaurus_only_its_own_retired_cuis_are_kept(read_path, tmp_path):
    concepts, _ = read_path("umls", release(tmp_path), sources=("NCI",))
    assert [(concept.ids[0], concept.obsolete) for concept in concepts] == [("C2", False), ("C8", True)]
    packed = gzip.compress((tmp_path / "MRCUI.RRF").read_bytes())
    (tmp_path / "MRCUI.RRF").unlink()
    (tmp_path / "MRCUI.RRF.gz").write_bytes(packed)
    again, _ = read_path("umls", tmp_path / "MRCONSO.RRF", sources=("NCI",))
    assert [(concept.ids, concept.links) for concept in again] == [(each.ids, each.links) for each in concepts]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("C1|2003AA|DEL|||||", "RRF:6: 'C1' is in MRCONSO.RRF too"),
        ("|2003AA|DEL|||||", "RRF:6: expected a CUI"),
        ("C10|2003AA|DEL||", "RRF:6: expected 7 fields"),
        ("C7|2003AA|DEL|||||", "RRF:6: 'C7' appears again"),
    ],
)
def test_a_bad_line_of_the_retired_cuis_is_named_or_skipped(read_path, tmp_path, line, message):
    folder = release(tmp_path, f"{RETIRED}{line}\n")
    with pytest.raises(InputError, match=f"MRCUI.{message}"):
        read_path("umls", folder)
    concepts, counts = read_path("umls", folder, skip_errors=True)
    assert [concept.ids[0] for concept in concepts] == ["C1", "C2"] + ["C7", "C8"]  # C9 may be of C3, left out
    assert counts.skipped.total() == 1
