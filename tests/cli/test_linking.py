import json
import os

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
        (["--mention", "a"], "give one of --mention TEXT, --input FILE and --text FILE"),
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
        (["--mention", "a", "--output", "x"], "--output goes with --input and --text only"),
        (["--mention", "a", "--column", "x"], "--column goes with --input only"),
        (["--mention", "a", "--on_error", "skip"], "--on_error goes with --input only"),
        (["--input", "x", "--output", "y"], "--input needs --dictionary_path"),
        (["--input", "x", "--dictionary_path", "y"], "--input needs --output"),
        (["--text", "x", "--dictionary_path", "y"], "--text needs --output"),
        (["--text", "x", "--dictionary_path", "y", "--output", "z.csv"], "--text is written as pubtator or bioc-json"),
        (["--text", "x", "--dictionary_path", "y", "--output", "z", "--format", "csv"], "--text is written as"),
        (["--text", "x", "--types", "a"], "--types goes with --input only"),
        (["--text", "x", "--topk", "3"], "--topk goes with --mention only"),
    ):
        assert message in refused("inference", "--model_name_or_path", tiny_checkpoint, *flags)


# -- files as people have them


BIOC = {
    "documents": [
        {
            "id": "1",
            "passages": [
                {
                    "offset": 0,
                    "text": "ataxia",
                    "annotations": [
                        {
                            "id": "1",
                            "infons": {"type": ["Disease", "Symptom"], "identifier": None, "valid": True},
                            "text": "ataxia",
                            "locations": [{"offset": 0, "length": 6}],
                        }
                    ],
                }
            ],
        }
    ]
}
ONE_MENTION = {
    "bioc": json.dumps(BIOC),
    "pubtator": "# a comment\twith\ta\tb\tc\td\n1|t|ataxia\n1|a|\n1\t0\t6\tataxia\tSymptom, Disease\t\n",
    "ann": "T1\tDisease 0 6\tataxia\n",
    "jsonld": json.dumps({"text": "ataxia", "denotations": [{"span": {"begin": 0, "end": 6}, "obj": "DISEASE"}]}),
}


@pytest.mark.parametrize("suffix", ONE_MENTION)
@pytest.mark.parametrize("types", ["disease", "DISEASE, gene"])
def test_types_are_compared_without_capitals_and_one_of_several_is_enough(run, suffix, types):
    code, counts, lines = run(ONE_MENTION[suffix], "--types", types, "--abbreviations", "none", name=f"in.{suffix}")
    assert (code, counts["mentions"], counts["linked"]) == (0, 1, 1), lines


@pytest.mark.parametrize("suffix", ONE_MENTION)
def test_a_run_that_links_no_mention_names_the_types_that_it_saw(run, suffix):
    code, counts, lines = run(ONE_MENTION[suffix], "--types", "gene", "--abbreviations", "none", name=f"in.{suffix}")
    assert (code, counts["mentions"]) == (0, 0)
    (line,) = [line for line in lines if "no mention is linked" in line]
    assert "--types gene fits none of its types: " in line
    assert "disease (1)" in line.lower()


@pytest.mark.parametrize(("name", "content"), [("in.txt", "\n\n"), ("in.json", '{"documents": []}'), ("in.ann", "\n")])
def test_a_file_without_a_mention_is_a_warning(run, name, content):
    code, counts, lines = run(content, "--abbreviations", "none", name=name)
    assert (code, counts["mentions"]) == (0, 0)
    assert sum("holds no mention, read as" in line for line in lines) == 1


def test_a_run_in_which_every_record_is_bad_is_a_warning(run):
    code, counts, lines = run("--\n..\n", "--on_error", "skip")
    assert (code, counts["linked"], counts["skipped"]) == (0, 0, 2)
    assert any("none of its 2 mentions could be linked" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.txt", "<!DOCTYPE html>\n<title>404</title>\n"),
        ("in.json", '{"detail": "not found"}'),
        ("in.json", '{"annotations": [], "text": "ataxia", "timestamp": "1"}'),
        ("in.csv", "PK\x03\x04"),
    ],
)
def test_a_file_of_another_kind_is_one_line_and_leaves_nothing(run, tmp_path, name, content):
    code, found, lines = run(content, name=name)
    assert (code, found, len(lines)) == (2, None, 1)
    assert "looks like" in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_format_that_is_given_is_taken_at_its_word(run, tmp_path):
    assert run("<b>ataxia</b>\n", "--format", "lines")[0] == 0
    assert (tmp_path / "out").read_text().startswith("<b>ataxia</b>\t")
    code, _, lines = run('{"detail": "x"}', "--format", "bioc-json")
    assert (code, len(lines)) == (2, 1)
    assert "is not BioC JSON: a collection with 'documents'" in lines[0]


@pytest.mark.parametrize("suffix", ONE_MENTION)
def test_a_pipe_is_recognised_by_its_content(command, tiny_checkpoint, tiny_dictionary, tmp_path, suffix):
    reading, writing = os.pipe()
    os.write(writing, ONE_MENTION[suffix].encode())
    os.close(writing)
    flags = {"--model_name_or_path": tiny_checkpoint, "--dictionary_path": tiny_dictionary, "--device": "cpu"}
    flags |= {"--input": f"/dev/fd/{reading}", "--output": tmp_path / "out", "--abbreviations": "none"}
    code, counts, err = command("inference", flags)
    os.close(reading)
    assert (code, counts and counts["linked"]) == (0, 1), err


def test_the_text_beside_brats_annotations_is_an_input_too(command, run, tiny_checkpoint, tiny_dictionary, tmp_path):
    (tmp_path / "in.txt").write_text("ataxia (AT)\n")
    code, counts, lines = run("T1\tDisease 0 6\tataxia\n", name="in.ann")
    assert (code, counts["format"], counts["linked"], lines) == (0, "brat", 1, [])
    first, second = (tmp_path / "out").read_text().splitlines()
    assert (first, second.split(":")[0]) == ("T1\tDisease 0 6\tataxia", "N1\tReference T1 BioSyn")
    flags = {"--model_name_or_path": tiny_checkpoint, "--dictionary_path": tiny_dictionary, "--device": "cpu"}
    files = {"--input": tmp_path / "in.ann", "--output": tmp_path / "in.txt"}
    code, _, err = command("inference", flags | files)
    assert code == 2
    assert "is the input too and would be overwritten" in err
    assert (tmp_path / "in.txt").read_text() == "ataxia (AT)\n"


def test_tables_as_they_are_told(run, tmp_path):
    rows = '1;ataxia\n2;"5 mm\nlate"\n'
    code, counts, lines = run(rows, "--column", "1", "--delimiter", ";", name="in.csv")
    assert (code, counts["linked"]) == (0, 2)
    assert any("in.csv:2: this record goes on to line 3, inside quotes" in line for line in lines)
    assert (tmp_path / "out").read_text().startswith("1;ataxia;")
    code, counts, _ = run("x\\y\tataxia\n", "--column", "2", "--delimiter", "\\t", "--header", "no", name="in.tsv")
    assert (code, counts["linked"]) == (0, 1)
    for flag, value, said in (
        ("--delimiter", ";;", "--delimiter must be one character"),
        ("--delimiter", '"', "--delimiter must be one character"),
        ("--quotes", "none", "--quotes goes with csv and tsv"),
        ("--header", "no", "--header goes with csv and tsv"),
    ):
        code, _, lines = run("ataxia\n", flag, value)
        assert code == 2
        assert said in lines[0]
