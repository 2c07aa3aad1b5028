"""The layout is in conftest: a small description file."""

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

NAME = "sct2_Description_Snapshot-en_INT_20300101.txt"
ATAXIA, CHOREA = "68504005", "271700006"


@pytest.fixture
def release(tmp_path, sample):
    """Function: texts of further files by kind -> the folder."""

    def write(description=None, **others):
        folder = tmp_path / "Snapshot" / "Terminology"
        folder.mkdir(parents=True)
        (folder / NAME).write_text(description or sample("snomed"), encoding="utf-8")
        for kind, text in others.items():
            (folder / f"sct2_{kind}_Snapshot_INT_20300101.txt").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_names_are_the_fully_specified_one_without_its_tag_and_the_synonyms(read):
    concepts, counts = read("snomed")
    assert concepts == [
        Concept((ATAXIA,), ("Ataxia telangiectasia", '"Louis-Bar" syndrome'), NAME),
        Concept((CHOREA,), ("Chorea (finding)", "Chorea"), NAME),
    ]
    assert counts.noted == {"inactive description": 1, "language": 1, "name repeated in its concept": 1}


def test_languages_and_tags_are_chosen(read):
    assert read("snomed", languages=("es",))[0][0].names == ("ataxia telangiectasia familiar",)
    assert [concept.ids[0] for concept in read("snomed", semantic_types=("finding",))[0]] == [CHOREA]


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_version_of_a_description_counts(read, sample, order):
    header, *rows = sample("snomed").splitlines()
    fields = rows[1].split("\t")
    versions = [("20290101", "1", "Old"), ("20310101", "1", "New"), ("20300601", "0", "Middle")][::order]
    rows += ["\t".join([fields[0], time, active, *fields[3:7], text, "C"]) for time, active, text in versions]
    concepts, _ = read("snomed", "\n".join([header, *rows]) + "\n", name=NAME.replace("Snapshot", "Full"))
    assert concepts[0].names == ("Ataxia telangiectasia", "New")


def test_the_files_beside_it_give_obsolete_concepts_and_parents(read_path, release):
    concept = "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n"
    concept += f"{ATAXIA}\t20300101\t1\tM\tD\n{CHOREA}\t20300101\t0\tM\tD\n999480561\t20300101\t0\tM\tD\n"
    relationship = "id\teffectiveTime\tactive\tsourceId\tdestinationId\ttypeId\n"
    relationship += f"1\t20300101\t1\t{ATAXIA}\t64572001\t116680003\n2\t20300101\t0\t{ATAXIA}\t1\t116680003\n"
    relationship += f"3\t20300101\t1\t{ATAXIA}\t2\t363698007\n"
    folder = release(Concept=concept, Relationship=relationship)
    for path in (folder, folder / "Snapshot" / "Terminology" / NAME):
        concepts, counts = read_path("snomed", path)
        assert [(each.ids[0], each.obsolete) for each in concepts] == [
            (ATAXIA, False),
            (CHOREA, True),
            ("999480561", True),
        ]
        assert concepts[0].links == {"parents": ("64572001",)}
        assert concepts[1].names == ()
        assert counts.noted["obsolete"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("languageCode", "language"), r":1: the first line has no column languageCode"),
        (("\ten\t900000000000003001\tAtaxia", "\ten\tAtaxia"), r":2: expected 9 fields"),
        (("\tChorea\t", "\t\t"), r":7: the field term is empty"),
    ],
)
def test_a_bad_line_is_named(read, sample, change, message):
    with pytest.raises(InputError, match=message):
        read("snomed", sample("snomed").replace(*change, 1))


def test_a_bad_line_is_skipped(read, sample):
    concepts, counts = read("snomed", sample("snomed") + "1\t2\n", skip_errors=True)
    assert len(concepts) == 2
    assert counts.skipped == {"number of fields": 1}


def test_a_folder_without_descriptions_is_named(read_path, tmp_path):
    with pytest.raises(InputError, match="holds no sct2_Description_"):
        read_path("snomed", tmp_path)
