import pytest

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import ID, NAME, REASON, SCORE, Link
from biosyn.mention_files.brat import brat_units, text_file

TEXT = "Breast\nand ovarian cancer in A-T.\n"
BEFORE = """T1\tDisease 0 6;19 25\tBreast cancer
T2\tDisease 11 25\tovarian cancer\r
T3\tGene 29 32\tA-T
A1\tNegation T1
N4\tReference T1 UMLS:C0006142\tbreast cancer
#7\tAnnotatorNotes T1\tsure
T4\tDisease 0 25\tBreast and ovarian cancer"""


@pytest.fixture
def link(tmp_path):
    """Function: annotations, links and text -> the unit, and what is written."""

    def run(before, links, *, text=TEXT, types=None, keys=(ID,), name="x.ann"):
        path = tmp_path / name
        path.write_bytes(before.encode())
        if text is not None:
            (tmp_path / "x.txt").write_text(text, newline="")
        with path.open("rb") as stream:
            (unit,) = brat_units(stream, path, types=types, keys=keys)
        return unit, unit.render(links).decode()

    return run


def test_before_and_after(link):
    links = [Link("MESH:D1", "breast cancer", 9.0), Link("MESH:D2", "ovary cancer", 8.0), Link("D1|D2", "a|b", 7.0)]
    unit, written = link(BEFORE, links, types=frozenset({"disease"}))
    assert [(one.text, one.problem) for one in unit.mentions] == [
        ("Breast cancer", ""),
        ("ovarian cancer", ""),
        ("Breast and ovarian cancer", ""),
    ]
    assert (unit.text, unit.other_types, unit.note) == (TEXT, ("Gene",), "")
    assert written == (
        "T1\tDisease 0 6;19 25\tBreast cancer\n"
        "N5\tReference T1 BioSyn:MESH:D1\tbreast cancer\n"
        "T2\tDisease 11 25\tovarian cancer\r\n"
        "N6\tReference T2 BioSyn:MESH:D2\tovary cancer\r\n"
        "T3\tGene 29 32\tA-T\n"
        "A1\tNegation T1\n"
        "N4\tReference T1 UMLS:C0006142\tbreast cancer\n"
        "#7\tAnnotatorNotes T1\tsure\n"
        "T4\tDisease 0 25\tBreast and ovarian cancer\n"
        "N7\tReference T4 BioSyn:D1\ta\n"
        "N8\tReference T4 BioSyn:D2\tb"
    )
    assert unit.render(links).decode() == written  # each time the same numbers
    assert unit.render([None] * 3) == BEFORE.encode()


def test_what_else_is_wanted_becomes_a_note(link):
    found = Link("ICD 10 A17.0+", "x", 9.0, reason="preferred name")
    _, written = link("T1\tDisease 0 6\tBreast\n", [found], keys=(ID, NAME, SCORE, REASON))
    assert written.splitlines()[1:] == [
        "N1\tReference T1 BioSyn:ICD_10_A17.0+\tx",
        "#1\tAnnotatorNotes N1\tbiosyn_score=9.0000; biosyn_reason=preferred name",
    ]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("T1\tDisease 0 60\tBreast\n", "its span 0-60 lies outside the text"),
        ("T1\tDisease 6 6\tx\n", "its span 6-6 lies outside the text"),
        ("T1\tDisease 1 6\tBreast\n", "its span 1 6 holds 'reast', not 'Breast'"),
        ("T1\tDisease 0\tBreast\n", "expected 'T1<tab>type start end<tab>mention'"),
        ("T1 Disease 0 6 Breast\n", "expected 'T1<tab>type start end<tab>mention'"),
        ("T1\tDisease 0 6\tBreast\nN1\tReference T1 BioSyn:D1\tx\n", "is already linked"),
    ],
)
def test_a_bad_mention_is_named_and_stays(link, lines, problem):
    unit, written = link(lines, [None])
    assert problem in unit.mentions[0].problem
    assert unit.mentions[0].place.endswith("x.ann:1")
    assert written == lines


def test_without_the_text_the_mentions_of_the_annotations_are_linked_and_a_note_says_so(link):
    unit, _ = link("T1\tDisease 90 96\tBreast\n", [Link("D1", "x", 1.0)], text=None)
    assert [(one.text, one.problem) for one in unit.mentions] == [("Breast", "")]
    assert unit.text is None
    assert "no text is beside it" in unit.note


def test_a_text_that_is_not_utf8_is_named(link, tmp_path):
    (tmp_path / "x.txt").write_bytes("sjögren".encode("latin-1"))
    with pytest.raises(InputError, match=r"x\.txt: is not UTF-8"):
        link("T1\tDisease 0 6\tBreast\n", [None], text=None)


def test_the_text_is_beside_the_annotations(tmp_path):
    (tmp_path / "a.txt").touch()
    assert text_file(tmp_path / "a.ann") == text_file(tmp_path / "a.ann.gz") == tmp_path / "a.txt"
    assert text_file(tmp_path / "a.txt") is text_file(tmp_path / "a") is text_file(tmp_path / "b.ann") is None
