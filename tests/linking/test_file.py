"""A file in, the file with links out, by the tiny model and by a stand-in that counts what it is asked."""

import gzip
import json
import sys
from dataclasses import replace
from functools import partial

import pytest

from biosyn.errors import InputError
from biosyn.linking import steps as steps_module
from biosyn.linking.file import link_file, link_units
from biosyn.linking.file_settings import file_cleaner
from biosyn.linking.journal import Journal
from biosyn.linking.loading import load_linker
from biosyn.linking.steps import link_steps
from biosyn.mention_files.added_columns import PROBABILITY, Link
from biosyn.mention_files.units import Mention, Unit
from biosyn.model.linker import Linker
from biosyn.settings.groups import Compute
from biosyn.text.abbreviations import no_abbreviations

DOCUMENT = """1|t|Louis Bar syndrome (LBS) and others
1|a|LBS is rare, and so are breast and ovarian cancer.
1\t0\t18\tLouis Bar syndrome\tDisease
1\t36\t39\tLBS\tDisease
1\t60\t85\tbreast and ovarian cancer\tDisease
"""


@pytest.fixture
def asked(monkeypatch):
    """The texts of every call of the model."""
    calls = []
    link = Linker.link
    monkeypatch.setattr(
        Linker, "link", lambda self, texts, **how: calls.append(list(texts)) or link(self, texts, **how)
    )
    return calls


@pytest.fixture
def run(tmp_path):
    """Function: lines and texts of the model -> output, errors, and the calls of the model."""

    def link(source, *, fail=False, **cleaning):
        calls = []

        def model(texts):
            calls.append(list(texts))
            return [Link(f"D{len(text)}", text, len(text) / 3) for text in texts]

        target = tmp_path / "out.txt"
        cleaner = file_cleaner(no_abbreviations, **cleaning)
        with Journal(target, {}, resume=False) as journal:
            link_units(source, journal, cleaner, link=partial(link_steps, link=model), fail=fail)
            done = journal.done
            journal.publish(keep_errors=True)
        errors = [json.loads(line) for line in target.with_name("out.txt.errors.jsonl").read_text().splitlines()]
        return target.read_text(), errors, calls, done

    return link


def test_a_refused_part_of_a_composite_mention_is_an_id_of_its_own(lines_file, tmp_path):
    found = {"breast cancer": Link("D1", "breast cancer", 9.0, 0.9), "ovarian cancer": Link("-1", "", 5.0, 0.2)}
    source = lines_file("breast and ovarian cancer")
    keys = (*source.wanted.keys, PROBABILITY)
    source = source._replace(wanted=source.wanted._replace(keys=keys))
    target = tmp_path / "out.txt"
    with Journal(target, {}, resume=False) as journal:
        link_units(
            source,
            journal,
            file_cleaner(no_abbreviations, names=frozenset(found)),
            link=lambda steps: [[found[text] for text in texts] for texts in steps],
            fail=True,
        )
        journal.publish(keep_errors=False)
    assert target.read_text() == "breast and ovarian cancer\tD1|-1\tbreast cancer\t5.0000\t0.2000\n"


def test_order_is_kept_and_a_repeat_is_linked_once_however_far_away(run, lines_file, monkeypatch):
    monkeypatch.setattr(steps_module, "MENTIONS", 3)
    lines = ["b", "A", "c", "a!", "dd", "B", "a", "e"]
    output, errors, calls, done = run(lines_file(*lines))
    assert [line.split("\t") for line in output.splitlines()] == [
        [line, f"D{len(line.strip('!'))}", line.lower().strip("!"), f"{len(line.strip('!')) / 3:.4f}"] for line in lines
    ]
    assert calls == [["b", "a", "c"], ["dd"], ["e"]]
    assert errors == []
    assert (done.mentions, done.linked, done.skipped) == (8, 8, 0)


def test_bad_records_stay_as_they_are_and_are_listed(run, lines_file):
    output, errors, _, done = run(lines_file("good", "--", "x" * 100_000, "a\0b", "", "good"))
    lines = output.splitlines()
    assert [len(line.split("\t")) for line in lines] == [4, 1, 1, 1, 1, 4]
    assert [error["place"].rpartition(":")[2] for error in errors] == ["2", "3", "4"]
    assert [len(error["record"]) for error in errors] == [2, 400, 3]
    assert (done.mentions, done.linked, done.skipped) == (5, 2, 3)


def test_fail_names_the_first_bad_record_and_writes_nothing(run, lines_file, tmp_path):
    with pytest.raises(InputError, match=r"mentions\.txt:2: the mention holds no letter or digit \(--on_error skip"):
        run(lines_file("good", "--", "a\0b"), fail=True)
    assert not (tmp_path / "out.txt").exists()


def test_a_spelling_file_that_leaves_nothing_is_a_bad_record(run, lines_file):
    _, errors, _, _ = run(lines_file("nix"), typos={"nix": "-"})
    assert "nothing is left" in errors[0]["problem"]


def test_a_document_with_abbreviations_and_a_composite_mention(link_config, tmp_path, asked):
    (tmp_path / "in.txt").write_text(DOCUMENT)
    result = link_file(link_config(tmp_path / "in.txt", split_composites=True, add="all"))
    assert asked == [["louis bar syndrome", "breast cancer", "ovarian cancer"]]
    rows = [line.split("\t") for line in (tmp_path / "linked").read_text().splitlines()[2:]]
    assert [row[:5] for row in rows] == [line.split("\t")[:5] for line in DOCUMENT.splitlines()[2:]]
    assert rows[0][5:] == rows[1][5:]
    assert rows[2][5].count("|") == rows[2][6].count("|") == 1
    assert float(rows[2][7]) > 0
    seconds = result.pop("seconds")
    assert seconds >= 0
    counts = {"mentions": 3, "linked": 3, "distinct": 3, "skipped": 0}
    files = {"input": str(tmp_path / "in.txt"), "output": str(tmp_path / "linked"), "format": "pubtator"}
    assert result == {**files, **counts}


@pytest.fixture
def changed_meanwhile(monkeypatch):
    """Function: text -> the second step that is linked is preceded by writing the text to the file."""
    monkeypatch.setattr(steps_module, "MENTIONS", 2)
    link = Linker.link

    def prepare(path, text):
        calls = []

        def linked(self, texts, **how):
            calls.append(texts)
            if len(calls) == 2:
                path.write_text(text)
            return link(self, texts, **how)

        monkeypatch.setattr(Linker, "link", linked)

    return prepare


def test_an_input_that_changes_ends_the_run_which_is_resumed_with_the_old_one_only(
    link_config, tmp_path, changed_meanwhile
):
    path, whole = tmp_path / "in.txt", "ataxia\nanemia\nbreast cancer\nasthma\ntumor\nallergy\n"
    path.write_text(whole)
    link_file(link_config(path, output=str(tmp_path / "undisturbed")))
    changed_meanwhile(path, whole.replace("tumor", "TUMOR"))  # as long as before; those in the buffer are still the old
    config = link_config(path)
    with pytest.raises(InputError, match=r"in\.txt: has changed while it was used: start again"):
        link_file(config)
    assert not (tmp_path / "linked").exists()
    with pytest.raises(InputError, match="its input has changed"):
        link_file(replace(config, resume=True))
    path.write_text(whole)
    assert link_file(replace(config, resume=True))["mentions"] == 6
    assert (tmp_path / "linked").read_bytes() == (tmp_path / "undisturbed").read_bytes()


def test_a_dictionary_that_changes_is_named_at_the_end(
    link_config, tmp_path, write_dictionary, changed_meanwhile, caplog
):
    (tmp_path / "in.txt").write_text("ataxia\nanemia\nasthma\ntumor\n")
    dictionary = write_dictionary("D1||ataxia", "D2||anemia")
    changed_meanwhile(dictionary, "D3||ataxia\n")
    link_file(link_config(tmp_path / "in.txt", dictionary_path=str(dictionary)))
    assert f"{dictionary}: has changed during the run, the result is of what was read at its start" in caplog.text
    assert "D3" not in (tmp_path / "linked").read_text()


def test_two_names_of_one_concept_give_its_id_once(run, lines_file):
    output, _, _, _ = run(lines_file("aa/bb"), names=frozenset({"aa", "bb"}))
    assert output == "aa/bb\tD2\taa|bb\t0.6667\n"


def test_the_links_are_those_of_inference(link_config, tmp_path, tiny_checkpoint, tiny_dictionary):
    mentions = ["Ataxia", "breast tumour", "low blood-count"]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"mention": mention}) + "\n" for mention in mentions))
    link_file(link_config(tmp_path / "in.jsonl"))
    linker = load_linker(str(tiny_checkpoint), str(tiny_dictionary), Compute(device="cpu"))
    for line, prediction in zip(
        (tmp_path / "linked").read_text().splitlines(), linker.normalize(mentions, topk=1), strict=True
    ):
        best = prediction.candidates[0]
        assert json.loads(line)["biosyn_id"] == prediction.resolved[0].curie
        assert json.loads(line)["biosyn_name"] == best.name
        assert json.loads(line)["biosyn_score"] == pytest.approx(best.score, abs=1e-4)


def test_gzip_in_and_out(link_config, tmp_path):
    (tmp_path / "in.csv").write_text("mention\nataxia\n")
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(b"mention\nataxia\n"))
    link_file(link_config(tmp_path / "in.csv"))
    link_file(link_config(tmp_path / "in.csv.gz", output=str(tmp_path / "out.gz")))
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == (tmp_path / "linked").read_bytes()


def test_a_bad_record_is_found_before_the_model_is_loaded(link_config, tmp_path):
    (tmp_path / "in.txt").write_text("ataxia\n--\n")
    with pytest.raises(InputError, match=r"in\.txt:2: "):
        link_file(link_config(tmp_path / "in.txt", model_name_or_path="no/model"))
    (tmp_path / "in.xml").write_text("<collection><document>")
    with pytest.raises(InputError, match="not well-formed"):
        link_file(link_config(tmp_path / "in.xml", model_name_or_path="no/model", on_error="skip"))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("in.txt", {"abbreviations": "ab3p"}, "needs documents, which lines has not"),
        ("in.txt", {"types": "Disease"}, "needs mentions with a type"),
        ("in.txt", {"output": "."}, "is a folder"),
        ("missing.txt", {}, "cannot be read"),
        ("in.txt", {"typo_path": "missing"}, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused(link_config, tmp_path, name, changes, message):
    (tmp_path / "in.txt").write_text("ataxia\n")
    with pytest.raises(InputError, match=message):
        link_file(link_config(tmp_path / name, **changes))


def test_without_ab3p_the_command_to_type_and_the_alternative_are_named(link_config, tmp_path, monkeypatch):
    (tmp_path / "in.txt").write_text(DOCUMENT)
    monkeypatch.setitem(sys.modules, "pyab3p", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[ab3p\]', or choose another --abbreviations"):
        link_file(link_config(tmp_path / "in.txt"))
    link_file(link_config(tmp_path / "in.txt", abbreviations="none"))


def test_the_input_is_never_the_output(link_config, tmp_path):
    (tmp_path / "in.txt").write_text("ataxia\n")
    with pytest.raises(InputError, match="is the input too"):
        link_file(link_config(tmp_path / "in.txt", output=str(tmp_path / "." / "in.txt")))
    assert (tmp_path / "in.txt").read_text() == "ataxia\n"


def test_mentions_of_an_unknown_script_are_counted_and_say_so(link_config, tmp_path, caplog):
    (tmp_path / "in.txt").write_text("ataxia\n糖尿病\n糖尿病\n", encoding="utf-8")
    result = link_file(link_config(tmp_path / "in.txt"))
    assert (result["mentions"], result["linked"], result["unsure"]) == (3, 3, 2)
    assert "2 of 3 mentions are of a script that the model's tokenizer does not know" in caplog.text
    known, *unknown = (tmp_path / "linked").read_text(encoding="utf-8").splitlines()
    assert "unsure" not in known
    assert all("\tunsure: most letters are CJK" in line for line in unknown)


def test_with_a_threshold_they_have_no_concept_and_no_probability(link_config, calibrated_checkpoint, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"mention": "糖尿病"}\n', encoding="utf-8")
    config = link_config(tmp_path / "in.jsonl", model_name_or_path=str(calibrated_checkpoint), threshold=0.0)
    link_file(replace(config, format="jsonl"))
    row = json.loads((tmp_path / "linked").read_text(encoding="utf-8"))
    assert (row["biosyn_id"], row["biosyn_name"], row["biosyn_probability"]) == ("-1", "", None)
    assert row["biosyn_reason"].startswith("unsure: ")


def test_an_abbreviation_that_is_a_name_is_linked_as_written(link_config, tmp_path, monkeypatch):
    monkeypatch.setattr("biosyn.linking.file.finder_of", lambda method: lambda text: {"ALLERGY": "Adhesive gene yield"})
    (tmp_path / "in.txt").write_text("1|t|Adhesive gene yield (ALLERGY)\n1|a|\n1\t21\t28\tALLERGY\tDisease\n")
    link_file(link_config(tmp_path / "in.txt", add="all"))
    row = (tmp_path / "linked").read_text().splitlines()[2].split("\t")
    assert row[3:7] == ["ALLERGY", "Disease", "MESH:D006969", "allergy"]


@pytest.mark.parametrize(
    ("long_scores", "taken"),
    [((9.0,), "D9"), ((7.0,), "D7"), ((6.0,), "short"), ((9.0, 6.0), "short"), ((9.0, 8.0), "D9|D8")],
    ids=["higher", "equal", "lower", "a lower part", "higher parts"],
)
def test_the_short_form_is_taken_where_it_scores_higher_than_every_part_of_the_long_form(long_scores, taken):
    parts = tuple(f"part {score}" for score in long_scores)
    links = {part: Link(f"D{score:.0f}", part, score) for part, score in zip(parts, long_scores, strict=True)}
    links["allergy"] = Link("short", "allergy", 7.0)
    unit = Unit((Mention("ALLERGY", "1"),), lambda found: found[0].id.encode())
    prepared = [[steps_module.Prepared(unit.mentions[0], parts, as_written="allergy")]]
    assert steps_module.texts_of(prepared) == [*parts, "allergy"]
    assert steps_module.rendered([unit], prepared, links).output.decode() == taken
