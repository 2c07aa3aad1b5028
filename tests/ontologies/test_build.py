import json

import pytest

from biosyn.data.bad_entries import ReadCounts
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.build import build_dictionary

CONCEPTS = [
    Concept(("D1", "9"), ("Ataxia-1", "AT", "(+)", "ataxia 1"), "x", {"parents": ("D0",), "xrefs": ()}),
    Concept(("D2",), ("at",), "x"),
    Concept(("D3",), ("...",), "x"),
]


def build(output, concepts=CONCEPTS):
    return build_dictionary(iter(concepts), output, counts=ReadCounts())


def files_of(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_the_dictionary_and_its_concepts_are_written_and_counted(tmp_path):
    counts = build(tmp_path / "out" / "names.txt")
    assert counts == {
        "dictionary": str(tmp_path / "out" / "names.txt"),
        "concepts": 3,
        "names": 2,
        "homonyms": 1,
        "dropped": {"empty name": 2, "name repeated in its concept": 1},
        "malformed": {},
    }
    assert (tmp_path / "out" / "names.txt").read_text() == "D1|9||ataxia 1\nD1|9|D2||at\n"
    rows = [json.loads(line) for line in (tmp_path / "out" / "concepts.jsonl").read_text().splitlines()]
    assert [row["preferred_name"] for row in rows] == ["Ataxia-1", "at", "..."]
    assert rows[0] == {
        "ids": ["D1", "9"],
        "preferred_name": "Ataxia-1",
        "names": ["Ataxia-1", "AT", "(+)", "ataxia 1"],
        "source": "x",
        "parents": ["D0"],
    }
    assert files_of(tmp_path / "out") == ["concepts.jsonl", "names.txt", "vocabularies.json"]


def test_both_files_are_replaced_together(tmp_path):
    build(tmp_path / "names.txt")
    build(tmp_path / "names.txt", [Concept(("D5",), ("new",), "y")])
    assert (tmp_path / "names.txt").read_text() == "D5||new\n"
    assert '"D5"' in (tmp_path / "concepts.jsonl").read_text()


def broken():
    yield CONCEPTS[0]
    raise InputError("the rest is bad")


@pytest.mark.parametrize(("concepts", "message"), [(broken(), "the rest"), ([], "no name"), (CONCEPTS[2:], "no name")])
def test_an_error_on_the_way_keeps_the_old_files_and_leaves_nothing_beside_them(tmp_path, concepts, message):
    build(tmp_path / "names.txt", CONCEPTS[:1])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=message):
        build(tmp_path / "names.txt", concepts)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_move_that_fails_keeps_the_old_files(tmp_path, monkeypatch):
    build(tmp_path / "names.txt", CONCEPTS[:1])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    rename = __import__("os").rename

    def fail_for_concepts(source, target):
        if source.name == "concepts.jsonl" and "replaced" not in (source.parent.name, target.parent.name):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr("os.rename", fail_for_concepts)
    with pytest.raises(InputError, match="No space left on device"):
        build(tmp_path / "names.txt")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_concepts_of_another_dictionary_are_not_replaced(tmp_path):
    build(tmp_path / "a.txt")
    with pytest.raises(InputError, match="concepts.jsonl: belongs to another dictionary in this folder"):
        build(tmp_path / "b.txt")
    assert files_of(tmp_path) == ["a.txt", "concepts.jsonl", "vocabularies.json"]


def test_the_output_has_a_name_of_its_own(tmp_path):
    with pytest.raises(InputError, match="is the name of the file next to the dictionary"):
        build(tmp_path / "concepts.jsonl")
    with pytest.raises(InputError, match="names.txt.gz: would not be compressed: choose another --output"):
        build(tmp_path / "names.txt.gz")
    (tmp_path / "names.txt").mkdir()
    with pytest.raises(InputError, match="names.txt: is a folder where a file is to be written"):
        build(tmp_path / "names.txt")


def test_a_file_without_a_concept_says_what_to_look_at(tmp_path):
    counts = ReadCounts()
    counts.note("obsolete", 2)
    with pytest.raises(
        InputError, match=r"\(left out: \{'obsolete': 2\}\): is the file of the format that --from says\?"
    ):
        build_dictionary([], tmp_path / "d.txt", counts=counts)
    assert list(tmp_path.iterdir()) == []


def test_names_that_differ_by_characters_alone_are_one_name(tmp_path):
    names = ("Type Ⅱ", "type II", "Me\u0301nie\u0300re", "Ménière", "Vitamin B₆", "™", "10²")
    counts = build(tmp_path / "names.txt", [Concept(("D1",), names, "x")])
    lines = (tmp_path / "names.txt").read_text(encoding="utf-8").splitlines()
    assert lines == ["D1||type ii", "D1||ménière", "D1||vitamin b6", "D1||10 2"]
    assert counts["dropped"] == {"empty name": 1, "name repeated in its concept": 2}
