import json

import pytest

from biosyn.errors import InputError
from biosyn.ontologies.diff import dictionary_diff


@pytest.fixture
def version(tmp_path):
    """Function: folder name, dictionary lines, and (ids, preferred name) pairs or None -> path of the dictionary."""

    def write(name, lines, concepts=None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "names.txt").write_text("".join(f"{line}\n" for line in lines))
        if concepts is not None:
            rows = [json.dumps({"ids": ids, "preferred_name": name, "names": [name]}) for ids, name in concepts]
            (folder / "concepts.jsonl").write_text("".join(f"{row}\n" for row in rows))
        return folder / "names.txt"

    return write


@pytest.fixture
def versions(version):
    old = version(
        "old",
        ["D1|A1||ataxia", "D2||chorea", "D3||tic", "D4||gait", "D1|D2||movement"],
        [(["D1", "A1"], "Ataxia"), (["D2"], "Chorea"), (["D3"], "Tic"), (["D4"], "Gait")],
    )
    new = version(
        "new",
        ["A1|D1||ataxia", "D2|D3||chorea", "D2|D3||tics", "D5||spasm", "D2||movement"],
        [(["D1", "A1"], "Ataxia"), (["D2", "D3"], "Choreas"), (["D5"], "Spasm")],
    )
    return old, new


def test_every_kind_of_change_is_told(versions):
    assert dictionary_diff(*versions) == {
        "concepts": {
            "before": 4,
            "after": 3,
            "added": {"count": 1, "first": [{"id": "D5", "preferred_name": "Spasm"}]},
            "retired": {"count": 1, "first": [{"id": "D4", "preferred_name": "Gait"}]},
            "merged": {"count": 1, "first": [{"id": "D3", "preferred_name": "Tic", "into": "D2"}]},
            "split": {"count": 0, "first": []},
            "renamed": {"count": 1, "first": [{"id": "D2", "before": "Chorea", "after": "Choreas"}]},
        },
        "names": {
            "before": 5,
            "after": 5,
            "added": {"count": 2, "first": [{"name": "tics", "ids": "D2|D3"}, {"name": "spasm", "ids": "D5"}]},
            "removed": {"count": 2, "first": [{"name": "tic", "ids": "D3"}, {"name": "gait", "ids": "D4"}]},
            "moved": {
                "count": 2,  # the ids of "ataxia" are the same in another order
                "first": [
                    {"name": "chorea", "before": "D2", "after": "D2|D3"},
                    {"name": "movement", "before": "D1|D2", "after": "D2"},
                ],
            },
        },
    }


def test_the_lists_are_cut_and_the_counts_are_not(versions):
    found = dictionary_diff(*versions, limit=1)["names"]
    assert (found["added"]["count"], len(found["added"]["first"])) == (2, 1)
    assert dictionary_diff(*versions, limit=0)["names"]["added"] == {"count": 2, "first": []}


def test_a_dictionary_has_not_changed_against_itself(versions):
    found = dictionary_diff(versions[0], versions[0])
    counts = [kind["count"] for part in found.values() for kind in part.values() if isinstance(kind, dict)]
    assert counts == [0] * 8


def test_without_concepts_every_id_is_one(version, versions, caplog):
    bare = version("bare", ["D1|A1||ataxia", "D9||new"])
    found = dictionary_diff(versions[0], bare)["concepts"]
    assert (found["before"], found["after"]) == (5, 3)  # D1 A1 D2 D3 D4; D1 A1 D9
    assert [each["id"] for each in found["added"]["first"]] == ["D9"]
    assert [each["id"] for each in found["retired"]["first"]] == ["D2", "D3", "D4"]
    assert found["renamed"]["count"] == 0
    assert "preferred names are unknown" in caplog.text


@pytest.mark.parametrize("line", ["x", "[]", '{"ids": []}', '{"ids": [], "preferred_name": "a"}', '{"ids": 1}'])
def test_a_bad_line_of_the_concepts_is_named(versions, line):
    with versions[1].with_name("concepts.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=r"concepts\.jsonl:4: expected \{\"ids\": "):
        dictionary_diff(*versions)


def test_a_missing_dictionary_is_named(versions, tmp_path):
    with pytest.raises(InputError, match="nowhere.txt: cannot be read"):
        dictionary_diff(versions[0], tmp_path / "nowhere.txt")


def test_merged_and_split_are_each_other_s_reverse_and_the_counts_add_up(versions):
    there, back = dictionary_diff(*versions)["concepts"], dictionary_diff(*reversed(versions))["concepts"]
    assert back["split"] == {"count": 1, "first": [{"id": "D3", "preferred_name": "Tic", "from": "D2"}]}
    for found in (there, back):
        gained = found["added"]["count"] + found["split"]["count"]
        assert found["before"] + gained - found["retired"]["count"] - found["merged"]["count"] == found["after"]


def test_a_name_with_a_line_for_each_of_its_concepts_keeps_all_ids(version):
    found = dictionary_diff(
        version("a", ["D1||at", "D2||at", "D2||at", "D3||tic"]), version("b", ["D2||at", "D3||tic"])
    )
    assert found["concepts"]["retired"]["first"] == [{"id": "D1", "preferred_name": None}]
    assert found["names"]["moved"]["first"] == [{"name": "at", "before": "D1|D2", "after": "D2"}]
