import hashlib
import json

import pytest

from biosyn.corpora.hpo import default_obo

TABLE = "id,name,synonyms\nD1,Ataxia,AT;A-T\nD2,Chorea,\n"


@pytest.fixture
def run(command):
    """Function: arguments -> exit code, what was printed as JSON (or None), lines of stderr."""

    def call(*arguments):
        code, report, err = command("preprocess", "dictionary", *arguments)
        return code, report, err.splitlines()

    return call


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_a_table_becomes_a_dictionary(run, table, tmp_path):
    output = tmp_path / "out" / "names.txt"
    flags = ["--from", "csv", table, "--synonyms_column", "synonyms", "--separator", ";"]
    code, report, _ = run(*flags, "--output", output)
    assert code == 0
    assert (report["concepts"], report["names"], report["homonyms"]) == (2, 4, 0)
    assert output.read_text() == "D1||ataxia\nD1||at\nD1||a t\nD2||chorea\n"


def test_lists_are_given_with_commas(run, tmp_path):
    atoms = [("C1", "ENG", "MSH"), ("C2", "FRE", "NCI"), ("C3", "GER", "MSH"), ("C4", "ENG", "OMIM")]
    lines = [f"{cui}|{lat}|P|L|PF|S|Y|A||||{sab}|PT|1|name {cui}|0|N||\n" for cui, lat, sab in atoms]
    (tmp_path / "MRCONSO.RRF").write_text("".join(lines))
    flags = ["--sources", "MSH, NCI", "--languages", "ENG,FRE"]
    code, report, _ = run("--from", "umls", tmp_path, "--output", tmp_path / "out" / "names.txt", *flags)
    assert code == 0
    assert (report["concepts"], report["dropped"]) == (2, {"language": 1, "source": 1})


@pytest.mark.parametrize(
    ("ids", "prefixes"),
    [(("MESH:D001260", "OMIM:208900"), ["MESH", "OMIM"]), (("HP:0000001", "HP:0000002"), []), (("UMLS:C1", "x"), [])],
)
def test_ids_that_lose_their_prefix_keep_their_vocabulary(run, tmp_path, ids, prefixes):
    """MEDIC's OBO file has MeSH's and OMIM's ids, which dictionaries have without a prefix."""
    own, other = ids
    (tmp_path / "terms.obo").write_text(f"[Term]\nid: {own}\nname: ataxia\nalt_id: {other}\n")
    code, _, _ = run("--from", "obo", tmp_path / "terms.obo", "--output", tmp_path / "out" / "names.txt")
    assert code == 0
    assert json.loads((tmp_path / "out" / "vocabularies.json").read_text()) == {"vocabularies": prefixes}


def test_a_terminal_gets_a_bar_and_quiet_gets_none(run, table, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    flags = ["--from", "csv", table, "--output", tmp_path / "out" / "names.txt"]
    assert "table.csv: 100%" in "".join(run(*flags)[2])
    assert run(*flags, "--quiet")[2] == []


def test_malformed_lines_stop_the_run_or_are_counted(run, table, tmp_path):
    table.write_text(f"{TABLE}D3,short\n,no id,\n")
    output = tmp_path / "out" / "names.txt"
    code, report, errors = run("--from", "csv", table, "--output", output)
    assert (code, report) == (2, None)
    assert errors == [f"preprocess.py: error: {table}:4: expected 3 fields, as the header has, found 2"]
    assert not output.exists()
    code, report, errors = run("--from", "csv", table, "--output", output, "--on_error", "skip")
    assert code == 0
    assert report["malformed"] == {"number of fields": 1, "no id or no name": 1}
    assert f"{table}:4: expected 3 fields" in errors[0]
    assert f"{table}:5: expected an id" in errors[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "csv"], "give --from FORMAT PATH --output FILE, or --diff A B"),
        (["table.csv", "--output", "out.txt"], "give --from FORMAT PATH --output FILE"),
        (["--from", "csv", "table.csv", "--output", "table.csv"], "would be overwritten"),
        (["--from", "csv", "concepts.jsonl", "--output", "out.txt"], "would be overwritten"),
        (["--from", "csv", "nowhere.csv", "--output", "out.txt"], "nowhere.csv: no such file"),
        (
            ["--from", "csv", "table.csv", "--output", "out.txt", "--taxon", "9606"],
            "--taxon is not an option of the format",
        ),
        (["--diff", "a.txt", "b.txt", "--output", "out.txt"], "--diff allows no other flag"),
        (["--diff", "a.txt", "b.txt", "--taxon", "9606"], "--diff allows no other flag"),
        (["--diff", "a.txt", "b.txt", "--branch", "D1"], "--diff allows no other flag"),
        (
            ["--from", "csv", "table.csv", "--output", "out.txt", "--branch", "D9"],
            "--branch D9: no concept has this id",
        ),
        (["--from", "csv", "table.csv", "--output", "out.txt", "--branch", "D1"], "--branch D1: no concept of these"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(run, table, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, report, errors = run(*arguments)
    assert (code, report) == (2, None)
    assert len(errors) == 1
    assert message in errors[0]
    assert list(tmp_path.iterdir()) == [table]


def test_scopes_choose_the_synonyms_in_any_case(run, tmp_path):
    path = tmp_path / "small.obo"
    synonyms = "".join(f'synonym: "{scope}" {scope} []\n' for scope in ("EXACT", "NARROW", "BROAD"))
    path.write_text(f"format-version: 1.2\n\n[Term]\nid: X:1\nname: ataxia\n{synonyms}")
    output = tmp_path / "out" / "names.txt"
    assert run("--from", "obo", path, "--output", output, "--scopes", "Exact,broad")[0] == 0
    assert output.read_text() == "X:1||ataxia\nX:1||exact\nX:1||broad\n"


def test_a_branch_is_taken(run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,name,up\nD1,Disease,\nD2,Ataxia,D1\nD3,Gait ataxia,D2\nD4,Chorea,D1\n")
    output = tmp_path / "out" / "names.txt"
    flags = ["--parents_column", "up", "--branch", "MESH:D2"]
    code, report, _ = run("--from", "csv", path, "--output", output, *flags)
    assert (code, report["concepts"], report["dropped"]) == (0, 2, {"outside --branch": 2})
    assert output.read_text() == "D2||ataxia\nD3||gait ataxia\n"


def test_what_releases_contain_needs_no_flag_and_a_bad_line_is_skipped_by_one(run, tmp_path):
    path, output = tmp_path / "wild.obo", tmp_path / "out" / "names.txt"
    path.write_text(
        '! no format-version\n[Term]\nid: X:1\n! why\nname: ataxia\nexact_synonym: "at" []\nis_a: X:404\n'
        'synonym: "a t x" EXACT NEW []\nxref: ICD 10:G11\ncreation_date: 2012-13-45\n\n'
        "[Term]\nid: X:2\nname: old\nis_obsolete: true\nreplaced_by: X:1\n"
    )
    code, report, errors = run("--from", "obo", path, "--output", output)
    assert (code, report["concepts"], report["dropped"], errors) == (0, 1, {"obsolete": 1}, [])
    assert output.read_text() == "X:1||ataxia\nX:1||a t x\nX:1||at\n"
    path.write_text(path.read_text() + '\n[Term]\nid: X:3\nname: chorea\nsynonym: "open EXACT []\n')
    code, _, errors = run("--from", "obo", path, "--output", output)
    assert (code, errors[0]) == (2, errors[-1])
    assert f"{path}:21: expected 'synonym: \"text\" SCOPE ...'" in errors[0]
    code, report, _ = run("--from", "obo", path, "--output", output, "--on_error", "skip")
    assert (code, report["concepts"], report["malformed"]) == (0, 2, {"synonym": 1})


def test_an_unknown_scope_is_named(run, capsys):
    with pytest.raises(SystemExit):
        run("--from", "obo", "hp.obo", "--output", "out.txt", "--scopes", "exact,close")
    assert "expected some of exact,narrow,broad,related, found 'exact,close'" in capsys.readouterr().err


def test_two_versions_are_compared(run, table, tmp_path):
    for version in "ab":
        run("--from", "csv", table, "--output", tmp_path / version / "names.txt", "--synonyms_column", "synonyms")
        table.write_text(TABLE.replace("D2,Chorea", "D2,Choreas"))
    code, report, _ = run("--diff", tmp_path / "a" / "names.txt", tmp_path / "b" / "names.txt")
    assert code == 0
    assert report["concepts"]["renamed"]["first"] == [{"id": "D2", "before": "Chorea", "after": "Choreas"}]
    assert (report["names"]["added"]["count"], report["names"]["removed"]["count"]) == (1, 1)


@pytest.mark.slow
def test_hp_obo_whole(run, tmp_path):
    code, report, _ = run(
        "--from", "obo", default_obo(), "--output", tmp_path / "names.txt", "--scopes", "Exact,narrow"
    )
    assert code == 0
    assert (report["concepts"], report["dropped"]["obsolete"]) == (19_034, 450)
    code, report, _ = run("--from", "obo", default_obo(), "--output", tmp_path / "names.txt")
    assert (report["concepts"], report["names"], report["homonyms"]) == (19_034, 41_315, 2)
    text = (tmp_path / "names.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "df65c1f06ad5a7ae4e9a031e25ea7ff4658d4474424f541936e212486210cb87"
    lines = text.decode().splitlines()
    assert "HP:0001251|HP:0001253|HP:0002513|HP:0007050|HP:0007157||ataxia" in lines
