"""Written by hand in the layout of MedDRA's distribution; none of its content is here."""

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

FILES = {
    "hlgt.asc": "10001$Movement disorders invented$$$$$$$$\n",
    "hlt.asc": "10002$Gait disorders invented$$$$$$$$\n10003$Ataxias invented$$$$$$$$\n",
    "pt.asc": '10010$Gait strange$$10099$$$$$$$$\n10011$Ataxia "odd"$$10099$$$$$$$$\n',
    "llt.asc": (
        "10010$Gait strange$10010$$$$$$$Y$$\n"
        "10020$Walks oddly$10010$$$$$$$Y$$\n"
        "10021$Gait strnage$10010$$$$$$$N$$\n"
        "10022$Ataxia's | oddness$10011$$$$$$$Y$$\n"
    ),
    "hlgt_hlt.asc": "10001$10002$\n10001$10003$\n",
    "hlt_pt.asc": "10002$10010$\n10003$10010$\n10003$10011$\n",
    "meddra_release.asc": "99.1$English$$$$\n",
}


@pytest.fixture
def folder(tmp_path):
    """Function: file name -> text to write in place of the usual one, None for no such file; return the folder."""

    def write(changes=()):
        folder = tmp_path / "MedAscii"
        folder.mkdir()
        for name, text in {**FILES, **dict(changes)}.items():
            if text is not None:
                (folder / name).write_bytes(text.encode())
        return folder

    return write


EXPECTED = [
    Concept(("10001",), ("Movement disorders invented",), "MedDRA 99.1", {"parents": ()}),
    Concept(("10002",), ("Gait disorders invented",), "MedDRA 99.1", {"parents": ("10001",)}),
    Concept(("10003",), ("Ataxias invented",), "MedDRA 99.1", {"parents": ("10001",)}),
    Concept(("10010",), ("Gait strange", "Walks oddly"), "MedDRA 99.1", {"parents": ("10002", "10003")}),
    Concept(("10011",), ('Ataxia "odd"', "Ataxia's | oddness"), "MedDRA 99.1", {"parents": ("10003",)}),
]


def test_three_levels_are_concepts_and_lowest_terms_are_names_of_theirs(folder, read_path):
    concepts, counts = read_path("meddra", folder())
    assert concepts == EXPECTED
    assert counts.noted == {"LLT is not current": 1, "name repeated in its concept": 1}


def test_windows_line_ends_change_nothing(folder, read_path):
    assert (
        read_path("meddra", folder({name: text.replace("\n", "\r\n") for name, text in FILES.items()}))[0] == EXPECTED
    )


def test_terms_that_are_not_current_can_be_kept(folder, read_path):
    concepts, _ = read_path("meddra", folder(), keep_suppressed=True)
    assert concepts[3].names == ("Gait strange", "Walks oddly", "Gait strnage")


def test_parents_and_the_release_may_be_absent(folder, read_path):
    concepts, _ = read_path("meddra", folder({"hlgt_hlt.asc": None, "hlt_pt.asc": None, "meddra_release.asc": None}))
    assert [concept.links["parents"] for concept in concepts] == [()] * 5
    assert concepts[0].source == "MedAscii"


@pytest.mark.parametrize("name", ["hlgt.asc", "hlt.asc", "pt.asc", "llt.asc"])
def test_a_missing_file_is_named(folder, read_path, name):
    with pytest.raises(InputError, match=f"MedAscii: holds no {name}"):
        read_path("meddra", folder({name: None}))


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("pt.asc", "10012\n", r"pt\.asc:3: expected at least 2 fields, each followed by '\$'; found 1"),
        ("pt.asc", "$Nameless$\n", r"pt\.asc:3: expected 'code\$name\$\.\.\.'"),
        ("hlt.asc", "10009$ $\n", r"hlt\.asc:3: expected 'code\$name\$\.\.\.'"),
        ("pt.asc", "10010$Again$\n", r"pt\.asc:3: the code 10010 appears twice"),
        ("llt.asc", "10023$Lost$10999$$$$$$$Y$$\n", r"llt\.asc:5: pt\.asc has no code '10999'"),
        ("llt.asc", "10023$Short$10010$\n", r"llt\.asc:5: expected at least 10 fields"),
        ("hlt_pt.asc", "10003$\n", r"hlt_pt\.asc:4: expected 2 fields"),
    ],
)
def test_a_bad_line_is_named_or_skipped(folder, read_path, name, line, message):
    path = folder({name: FILES[name] + line})
    with pytest.raises(InputError, match=message):
        read_path("meddra", path)
    concepts, counts = read_path("meddra", path, skip_errors=True)
    assert concepts == EXPECTED
    assert counts.skipped.total() == 1
