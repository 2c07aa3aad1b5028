"""The command, and what its weights do in the other commands."""

import csv
import json
import shutil

import pytest

from biosyn.checkpoint.manifest import load_manifest
from biosyn.evaluation import rerank as module
from biosyn.model.biosyn import BioSyn

PARTS = ("dense_score", "sparse_score", "rerank_score")
MENTION = "ataxia telangectasia"


@pytest.fixture
def flags(reranked_checkpoint, flags_of):
    """Function: model -> the flags of all verbs here."""
    return lambda model=reranked_checkpoint: flags_of(model)


@pytest.fixture
def answer(result, flags):
    """Function: flags of inference.py --mention -> its JSON."""
    return lambda *others, mention=MENTION: result("inference", flags(), "--mention", mention, *others)


def parted(row):
    return row["score"] == pytest.approx(sum(row[part] for part in PARTS), abs=1e-5)


# -- the command


def test_stdout_tells_the_weights_and_the_accuracy(result, flags, mean_checkpoint, misspelled_queries, tmp_path):
    model = shutil.copytree(mean_checkpoint, tmp_path / "model")
    data = {"--data_dir": misspelled_queries}
    found = result("rerank", flags(model), data, "--score_mode", "dense")
    assert list(found) == ["score_mode", "weights", "fitted_on"]
    assert 0 <= found["fitted_on"]["acc1_after"] <= 1
    before = load_manifest(model).reranking
    assert before["dense"] == {key: found[key] for key in ("weights", "fitted_on")}
    result("rerank", flags(model), data, "--topk", "100")  # more than there are
    assert set(load_manifest(model).reranking) == {"dense", "hybrid"}
    assert load_manifest(model).reranking["dense"] == before["dense"]


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        (("--topk", "1"), "--topk must be between 2 and 100, found 1"),
        (("--topk", "101"), "--topk must be between 2 and 100, found 101"),
    ],
)
def test_what_decides_nothing_is_refused(refused, flags, misspelled_queries, others, reason):
    assert reason in refused("rerank", flags(), "--data_dir", misspelled_queries, *others)


def test_nothing_is_written_where_it_fails(command, flags, reranked_checkpoint, tiny_queries, tmp_path, monkeypatch):
    model = shutil.copytree(reranked_checkpoint, tmp_path / "model")
    before = (model / "biosyn.json").read_bytes()
    code, _, err = command("rerank", flags(model), "--data_dir", tiny_queries)
    assert (code, "too few to fit weights" in err.splitlines()[-1]) == (2, True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "1.concept").write_text("1||0|9||Disease||mystery illness||-1\n")
    assert command("rerank", flags(model), "--data_dir", tmp_path / "empty")[0] == 2
    data = shutil.copytree(tiny_queries, tmp_path / "queries")

    def changed(*args):
        (data / "8589722.concept").write_text("")
        return samples_of(*args)

    samples_of = module.samples_of
    monkeypatch.setattr(module, "samples_of", changed)
    monkeypatch.setattr(module, "LEAST", 1)
    code, _, err = command("rerank", flags(model), "--data_dir", data)
    assert (code, "queries" in err.splitlines()[-1]) == (2, True)
    assert (model / "biosyn.json").read_bytes() == before


# -- what becomes of the weights


def test_they_are_loaded_copied_and_dropped_with_the_calibration(result, reranked_checkpoint, tmp_path):
    biosyn, known = BioSyn.from_pretrained(reranked_checkpoint), load_manifest(reranked_checkpoint).reranking
    assert set(biosyn.rerankings) == {"hybrid"}
    result("convert", {"--model_name_or_path": reranked_checkpoint, "--output_dir": tmp_path / "converted"})
    assert load_manifest(tmp_path / "converted").reranking == known
    assert BioSyn.from_pretrained(reranked_checkpoint, max_length=20).rerankings == {}
    biosyn.init_sparse_weight(0.75)
    assert biosyn.rerankings == {}
    biosyn.save_model(tmp_path / "changed")
    assert load_manifest(tmp_path / "changed").reranking == {}


@pytest.mark.parametrize("damage", [[1], {"hybrid": {}}, {"hybrid": {"weights": {"centre": 1}, "fitted_on": {}}}])
def test_damaged_weights_are_named(refused, flags, reranked_checkpoint, tmp_path, damage):
    model = shutil.copytree(reranked_checkpoint, tmp_path / "model")
    manifest = json.loads((model / "biosyn.json").read_text())
    (model / "biosyn.json").write_text(json.dumps({**manifest, "reranking": damage}))
    assert "biosyn.json: is damaged" in refused("inference", flags(model), "--mention", MENTION)


# -- in other commands


def test_answers_have_the_third_part_with_the_flag_alone(answer):
    for others, key in ((), "predictions"), (("--group_by_concept",), "concepts"), (("--explain",), "predictions"):
        plain, found = answer(*others), answer(*others, "--rerank", "5")
        assert all(parted(row) for row in found[key])
        assert not any("rerank_score" in row for row in plain[key])
        assert "probability" in plain
        assert "probability" not in found
        assert "rerank" not in json.dumps(plain)


def test_eval_measures_the_new_order(result, flags, misspelled_queries, tmp_path):
    data = {"--data_dir": misspelled_queries, "--output_dir": tmp_path}
    before = result("eval", flags(), data)
    assert "rerank" not in json.loads((tmp_path / "metrics.json").read_text())
    after = result("eval", flags(), data, "--rerank", "15", "--save_predictions", "--hide_concepts", "0.1")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["rerank"], "confidence" in metrics) == (15, False)
    saved = json.loads((tmp_path / "predictions_eval.json").read_text())
    rows = [row for query in saved["queries"] for one in query["mentions"] for row in one["candidates"]]
    assert all(map(parted, rows))
    assert len({row["rerank_score"] for row in rows}) > 50
    assert result("compare", tmp_path, tmp_path, "--quiet")["queries"] == 40
    assert set(before) == set(after)


def test_a_run_is_resumed_with_the_same_k_only(command, flags, tmp_path, monkeypatch):
    def stopped(*args, **how):
        raise KeyboardInterrupt

    (tmp_path / "in.csv").write_text(f"mention\n{MENTION}\nbreast tumour\n")
    words = ["inference", flags(), "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv"]
    with monkeypatch.context() as patch:
        patch.setattr("biosyn.linking.file.best_links", stopped)
        assert command(*words, "--rerank", "5")[0] == 130
    for others in (("--rerank", "4"), ()):
        code, _, err = command(*words, *others, "--resume")
        assert (code, "its settings has changed" in err) == (2, True), err
    assert command(*words, "--rerank", "5", "--resume")[0] == 0
    with (tmp_path / "out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert "biosyn_probability" not in rows[0]


def test_a_long_form_is_not_preferred_for_what_was_added_to_it(result, flags, tmp_path):
    """An abbreviation that is a name keeps its score, and its long form the one of its best name of before."""
    text = "1|t|Low blood counts (anemia) and anemia.\n1|a|Text.\n1\t18\t24\tanemia\tDisease\n"
    (tmp_path / "in.pubtator").write_text(text)
    found = []
    for others in ((), ("--rerank", "1")):
        words = [
            "--input",
            tmp_path / "in.pubtator",
            "--output",
            tmp_path / "out",
            "--abbreviations",
            "schwartz-hearst",
        ]
        result("inference", flags(), *words, *others)
        found.append((tmp_path / "out").read_text())
    assert found[0] == found[1]


REFUSALS = {
    "a negative number": (("inference", "--mention", "ataxia", "--rerank", "-1"), "must be between 0 and 100"),
    "too many": (("inference", "--mention", "ataxia", "--rerank", "101"), "must be between 0 and 100, found 101"),
    "a threshold": (("inference", "--mention", "ataxia", "--rerank", "5", "--threshold", "0.5"), "--threshold needs"),
    "sparse": (("eval", "--data_dir", ".", "--rerank", "5", "--score_mode", "sparse"), "--score_mode sparse"),
    "a record": (("eval", "--data_dir", ".", "--rerank", "5", "--record_as", "test"), "--record_as is for"),
    "the order of review": (
        ("map", "terms.txt", "--output", "o.tsv", "--rerank", "5", "--least_sure_first"),
        "--least_sure_first needs probabilities",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_two_settings_that_contradict_each_other_are_refused(refused, flags, case):
    (verb, *others), reason = REFUSALS[case]
    assert reason in refused(verb, flags(), *others)


def test_it_needs_a_dictionary_a_model_and_weights_before_anything_is_embedded(
    refused, flags, mean_checkpoint, tiny_dictionary, tiny_queries, tmp_path, monkeypatch
):
    assert "--rerank needs --dictionary_path" in refused(
        "inference", "--model_name_or_path", mean_checkpoint, "--mention", "ataxia", "--rerank", "5"
    )
    line = refused("check", "D1", "ataxia", "--dictionary_path", tiny_dictionary, "--rerank", "5")
    assert "give --model_name_or_path" in line
    monkeypatch.setattr("biosyn.encoders.dense.DenseEncoder.encode", None)
    eval_words = ("eval", "--data_dir", tiny_queries, "--output_dir", tmp_path, "--cache_dir", tmp_path)
    for words in (("inference", "--mention", "ataxia"), eval_words):
        assert "run biosyn rerank on a dev set" in refused(*words, flags(mean_checkpoint), "--rerank", "5")
    assert "run biosyn rerank" in refused(*eval_words, flags(), "--rerank", "5", "--score_mode", "dense")


def test_labels_are_mapped_and_checked_by_it(command, flags, tmp_path):
    (tmp_path / "terms.txt").write_text(f"{MENTION}\nbreast tumour\n")
    words = ["map", tmp_path / "terms.txt", "--output", tmp_path / "m.sssom.tsv", "--rerank", "5"]
    code, _, err = command(*words, flags())
    assert (code, "scores after --rerank have no probability" in err) == (0, True), err
    code, found, err = command("check", "D001943", "breast tumour", flags(), "--rerank", "5")
    assert (code in (0, 1), "scores after --rerank have no probability" in err) == (True, True), err
