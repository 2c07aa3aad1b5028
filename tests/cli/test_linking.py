import json

import pytest


@pytest.fixture
def run(command, tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: content of the input, its name and flags -> exit code, JSON or None, lines of stderr."""

    def call(content, *flags, name="in.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        model = {"--model_name_or_path": tiny_checkpoint, "--dictionary_path": tiny_dictionary, "--device": "cpu"}
        files = {"--input": path, "--output": tmp_path / "out"}
        code, found, err = command("inference", model | files, *flags)
        return code, found, err.splitlines()

    return call


def test_stdout_is_one_json_object_of_counts(run, tmp_path):
    code, counts, _ = run("ataxia\nAtaxia\n--\n", "--on_error", "skip")
    assert code == 0
    assert (counts["mentions"], counts["linked"], counts["distinct"], counts["skipped"]) == (3, 2, 1, 1)
    assert (tmp_path / "out.errors.jsonl").read_text().count("\n") == 1


BAD_RECORDS = {
    "missing column": ("in.csv", b"a,mention\n1,x\n2\n", "in.csv:3: has 1 fields"),
    "no such column": ("in.csv", b"a,b\n1,x\n", "in.csv:1: has no column 'mention'"),
    "outside the text": (
        "in.pubtator",
        b"1|t|Skin\n1|a|\n1\t0\t90\tSkin\tD\n",
        "in.pubtator:3: its span 0-90 lies outside",
    ),
    "another text": ("in.pubtator", b"1|t|Skin\n1|a|\n1\t1\t4\tSkin\tD\n", "in.pubtator:3: its span 1-4 holds 'kin'"),
    "broken XML": ("in.xml", b"<collection>\n<document>", "in.xml:2: is not well-formed XML"),
    "broken JSON line": ("in.jsonl", b'{"mention": "a"}\n{"mention"\n', "in.jsonl:2: is not one JSON object"),
    "broken JSON": ("in.json", b'{"documents": [\n{]', "in.json:2: is not BioC JSON"),
    "100 kB": ("in.txt", b"a\n" + b"x" * 100_000, "in.txt:2: the mention has 100000 characters: give 1000 at most"),
    "NUL": ("in.txt", b"a\nb\0c\n", "in.txt:2: the mention holds a control character"),
    "latin-1": ("in.txt", b"a\nsj\xf6gren\n", "in.txt:2: is not UTF-8"),
    "UTF-16": ("in.txt", "ataxia\n".encode("utf-16"), "in.txt: is UTF-16"),
    "punctuation": ("in.txt", b"a\n--\n", "in.txt:2: the mention holds no letter or digit"),
    "empty": ("in.jsonl", b'{"mention": ""}\n', "in.jsonl:1: the mention holds no letter or digit"),
    "entities": ("in.xml", b'<!DOCTYPE c [<!ENTITY a "b">]><collection/>', "in.xml: its DOCTYPE declares"),
}
HOPELESS = {"no such column", "broken XML", "broken JSON", "UTF-16", "entities"}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_a_bad_record_ends_the_run_or_is_skipped_and_a_broken_file_always_ends_it(run, tmp_path, case):
    name, content, message = BAD_RECORDS[case]
    code, found, lines = run(content, name=name)
    assert (code, found, len(lines)) == (2, None, 1)
    assert message in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    code, found, lines = run(content, "--on_error", "skip", "--add", "id", name=name)
    assert code == (2 if case in HOPELESS else 0), lines
    if case not in HOPELESS:
        assert found["skipped"] == 1
        (error,) = map(json.loads, (tmp_path / "out.errors.jsonl").read_text().splitlines())
        assert message in f"{error['place']}: {error['problem']}"
        bad_line = content.split(b"\n")[int(error["place"].rpartition(":")[2]) - 1]
        assert bad_line in (tmp_path / "out").read_bytes().split(b"\n")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--show_embeddings"], "--show_embeddings goes with --mention only"),
        (["--topk", "3"], "--topk goes with --mention only"),
        (["--mention", "a"], "give one of --mention TEXT and --input FILE"),
        (["--types", ","], "--types is empty"),
        (["--column", "x"], "--column goes with csv and tsv, the input is read as lines: see --format"),
        (["--field", "x"], "--field goes with jsonl, the input is read as lines: see --format"),
    ],
)
def test_flags_that_do_not_go_together(run, flags, message):
    code, _, lines = run("ataxia\n", *flags)
    assert code == 2
    assert message in lines[0]


def test_flags_of_a_file_without_one(refused, tiny_checkpoint):
    for flags, message in (
        ([], "give one of"),
        (["--mention", "a", "--output", "x"], "--output goes with --input only"),
        (["--mention", "a", "--column", "x"], "--column goes with --input only"),
        (["--mention", "a", "--on_error", "skip"], "--on_error goes with --input only"),
        (["--input", "x", "--output", "y"], "--input needs --dictionary_path"),
        (["--input", "x", "--dictionary_path", "y"], "--input needs --output"),
    ):
        assert message in refused("inference", "--model_name_or_path", tiny_checkpoint, *flags)
