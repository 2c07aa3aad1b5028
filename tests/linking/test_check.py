import json
import subprocess
import sys

import pytest

from biosyn.cli.main import main

OBO = """format-version: 1.4
data-version: toy/2026

[Term]
id: HP:1
name: Ataxia
synonym: "Uncoordinated gait" EXACT []
alt_id: HP:7

[Term]
id: HP:2
name: Asthma

[Term]
id: ORPHA:558
name: Marfan syndrome

[Term]
id: HP:7
name: old ataxia
is_obsolete: true
replaced_by: HP:1

[Term]
id: HP:8
name: old lung disease
is_obsolete: true
consider: HP:2

[Term]
id: HP:9
name: nothing
is_obsolete: true
"""


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ontology")
    (folder / "toy.obo").write_text(OBO, encoding="utf-8")
    path = folder / "dictionary.txt"
    assert main(["preprocess", "dictionary", str(folder / "toy.obo"), "--from", "obo", "--output", str(path)]) == 0
    return path


def checked(capsys, *arguments):
    """Return the exit code, the JSON on stdout, and stderr."""
    capsys.readouterr()
    code = main(["check", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


@pytest.mark.parametrize(
    ("cui", "label", "expected"),
    [
        ("HP:1", "ataxia", {"status": "ok", "preferred_name": "Ataxia"}),
        ("hpo:1", "UNCOORDINATED gait", {"status": "ok", "id": "HP:1"}),
        ("orpha:558", "Marfan-Syndrome", {"status": "ok", "id": "ORPHA:558"}),
        ("HP:1", "", {"status": "ok", "reason": "the id exists"}),
        ("HP:1", "Asthma", {"status": "label disagrees", "label_ids": ["HP:2"]}),
        ("HP:1", "wobbly", {"status": "label disagrees", "reason": "the label is no name of the id"}),
        ("HP:1", "...", {"status": "label disagrees", "reason": "the mention holds no letter or digit"}),
        # an alternative id of HP:1, and an obsolete term
        ("HP:7", "Ataxia", {"status": "obsolete id", "replaced_by": ["HP:1"], "label_ids": ["HP:1"]}),
        ("HP:8", "x", {"status": "obsolete id", "consider": ["HP:2"]}),
        ("HP:9", "x", {"status": "obsolete id", "reason": "it was withdrawn; the ontology names no replacement"}),
        ("HP:3", "Asthma", {"status": "unknown id", "reason": "no concept has this id", "label_ids": ["HP:2"]}),
        ("MONDO:1", "x", {"reason": "the dictionary has no ids of this prefix (those that it has: HP, ORPHA)"}),
        ("1", "x", {"reason": "its vocabulary is not known: give it a prefix (those of the dictionary: HP, ORPHA)"}),
    ],
)
def test_a_pair_is_checked_by_names_alone(capsys, dictionary, cui, label, expected):
    code, found, _ = checked(capsys, cui, label, "--dictionary_path", dictionary)
    assert found | expected == found
    assert code == (0 if found["status"] == "ok" else 1)
    assert found["agrees"] == (code == 0)


def test_an_id_that_is_also_an_alternative_one_of_another_concept_is_its_own(capsys, write_dictionary):
    path = write_dictionary("HP:1||ataxia", "HP:2|HP:1||gait")
    rows = [
        {"ids": ids, "preferred_name": name, "names": [name]}
        for ids, name in ((["HP:1"], "Ataxia"), (["HP:2", "HP:1"], "Gait"))
    ]
    path.with_name("concepts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    found = checked(capsys, "HP:1", "ataxia", "--dictionary_path", path)[1]
    assert (found["status"], found["preferred_name"], found.get("primary_id")) == ("ok", "Ataxia", None)


def test_a_file_is_counted_and_every_row_written(capsys, dictionary, tmp_path):
    rows = tmp_path / "rows.tsv"
    rows.write_text("id\tlabel\nHP:1\tAtaxia\nHP:8\tlung\nHP:2\tataxia\n\tAsthma\n", encoding="utf-8")
    output = tmp_path / "out.jsonl"
    code, found, _ = checked(capsys, rows, "--dictionary_path", dictionary, "--output", output)
    assert code == 1
    counts = {"rows": 4, "ok": 1, "obsolete id": 1, "label disagrees": 1, "unknown id": 1}
    assert found | counts == found
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [line["status"] for line in lines] == ["ok", "obsolete id", "label disagrees", "unknown id"]
    assert lines[1:] == found["problems"]
    assert lines[3]["place"] == f"{rows}:5"
    table = tmp_path / "out.tsv"
    checked(capsys, rows, "--dictionary_path", dictionary, "--output", table)
    header, *cells = (line.split("\t") for line in table.read_text(encoding="utf-8").splitlines())
    assert [dict(zip(header, row, strict=True))["consider"] for row in cells] == ["", "HP:2", "", ""]


def test_a_file_in_which_all_agrees_ends_with_0(capsys, dictionary, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("id,label\nHP:1,Ataxia\nHP:2,\n", encoding="utf-8")
    assert checked(capsys, rows, "--dictionary_path", dictionary)[0] == 0


def test_bad_input_ends_with_2(capsys, dictionary, tmp_path):
    code, found, error = checked(capsys, "HP:1", "--dictionary_path", dictionary)
    assert (code, found) == (2, None)
    assert "give a file of ids and labels, or one id and its label" in error
    code, _, error = checked(capsys, "HP:1", "x", "--dictionary_path", dictionary, "--threshold", "0.5")
    assert code == 2
    assert "--model_name_or_path" in error


def test_without_concepts_the_ids_of_the_names_are_known(capsys, tiny_dictionary):
    code, found, error = checked(capsys, "MSH:D001249", "bronchial asthma", "--dictionary_path", tiny_dictionary)
    assert (code, found["id"]) == (0, "MESH:D001249")
    assert "lists no obsolete ids: an id that was withdrawn counts as unknown" in error
    code, found, _ = checked(capsys, "D999999", "asthma", "--dictionary_path", tiny_dictionary)
    assert found["reason"] == "no concept has this id, and the dictionary lists no obsolete ones"


def test_a_model_agrees_where_it_links_the_label_to_the_id(
    capsys, tiny_dictionary, tiny_checkpoint, calibrated_checkpoint
):
    pair = ["MESH:D001249", "asthma bronchiale", "--dictionary_path", tiny_dictionary, "--device", "cpu"]
    assert checked(capsys, *pair)[0] == 1
    code, found, error = checked(capsys, *pair, "--model_name_or_path", tiny_checkpoint)
    assert (code, found["reason"]) == (0, "the model links the label to the id")
    assert "probability" not in found
    assert "run biosyn calibrate" in error
    code, found, _ = checked(capsys, *pair, "--model_name_or_path", calibrated_checkpoint)
    assert code == 0
    assert 0 < found["probability"] < 1
    surer = ["--threshold", "1"]
    assert checked(capsys, *pair, "--model_name_or_path", calibrated_checkpoint, *surer)[0] == 1
    code, _, error = checked(capsys, *pair, "--model_name_or_path", tiny_checkpoint, *surer)
    assert code == 2
    assert "run biosyn calibrate" in error


@pytest.mark.slow
def test_names_alone_do_not_wait_for_torch(dictionary):
    code = "import sys; from biosyn.cli.main import main; main(sys.argv[1:]); assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code, "check", "HP:1", "Ataxia", "--dictionary_path", str(dictionary)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
