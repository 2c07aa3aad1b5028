import pytest

from biosyn.errors import InputError
from biosyn.linking.labels import LabelRow, read_labels, subjects_of_file
from biosyn.settings.verbs import CheckConfig, MapConfig

MAP = {"model_name_or_path": "m", "dictionary_path": "d", "output": "o"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", 'label,id\n"ataxia, late",mim:1\n\nasthma,\n'),
        ("x.tsv", "id\tlabel\nmim:1\tataxia, late\n\n\tasthma\n"),
        ("x.jsonl", '{"label": "ataxia, late", "id": "mim:1"}\n{"label": "asthma", "id": ""}\n'),
        ("x.csv", "sep=;\nlabel;id\nataxia, late;mim:1\nasthma;\n"),
    ],
)
def test_tables_and_json_lines_give_the_same_rows(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    rows = read_labels(path, CheckConfig(rows=(str(path),), dictionary_path="d"))
    assert [row[:2] for row in rows] == [("ataxia, late", "mim:1"), ("asthma", "")]
    assert rows[0].place.startswith(f"{path}:")


def test_a_list_has_labels_alone(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("Ataxia\n\n asthma \n", encoding="utf-8")
    settings = MapConfig(**MAP, terms=str(path))
    assert read_labels(path, settings)[1] == LabelRow("asthma", "", f"{path}:3")
    assert [(one.id, one.label, one.texts) for one in subjects_of_file(path, settings)] == [
        ("", "Ataxia", ("ataxia",)),
        ("", "asthma", ("asthma",)),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "label,key\nataxia,1\n", "x.csv:1: has no column 'id' .*--id_column"),
        ("x.txt", "ataxia\n", "without ids: give a table"),
        ("x.csv", "id,label\n", "holds no label"),
        ("x.csv", "id,label\n1,2,3\n", "x.csv:2: has 3 fields where the header has 2"),
        ("x.jsonl", '{"id": 5, "label": "ataxia"}\n', "x.jsonl:1: has no text 'id'.*--id_column"),
        ("x.csv", "id,label\nx5,ataxia\n", "x.csv:2: the id 'x5' is no CURIE"),
        ("x.csv", "id,label\nHP:1,--\n", "x.csv:2: the mention holds no letter or digit"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        subjects_of_file(path, MapConfig(**MAP, terms=str(path), id_column="id"))
