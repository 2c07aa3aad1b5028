"""The command, and what its calibration does in the other commands."""

import csv
import json
import shutil

import pytest

from biosyn.checkpoint.manifest import load_manifest
from biosyn.model.biosyn import BioSyn


@pytest.fixture
def calibrated(calibrated_checkpoint):
    """A copy of the tiny checkpoint, calibrated on the tiny corpus."""
    return calibrated_checkpoint


@pytest.fixture
def flags(calibrated, flags_of):
    """Function: model -> the flags of all verbs here."""
    return lambda model=calibrated: flags_of(model)


@pytest.fixture
def answer(result, flags):
    """Function: flags of inference.py --mention ataxia, or of another mention -> its JSON."""
    return lambda *others, mention="ataxia": result("inference", flags(), "--mention", mention, *others)


# -- the command


def test_stdout_tells_the_fit_and_how_reliable_it_is(result, flags, tmp_path, tiny_checkpoint, tiny_queries):
    model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    found = result("calibrate", flags(model), "--data_dir", tiny_queries)
    assert list(found["weights"]) == ["score", "gap", "log_odds", "exact"]
    assert (found["mentions"], found["documents"]) == (23, 3)  # 21 queries, two of them of two parts
    assert sum(row["size"] for row in found["reliability"]) == 23
    assert 0 <= found["ece"] <= 1
    assert found["fitted_on"]["queries"]["documents"] == 3


def test_the_manifest_and_the_card_hold_it(calibrated):
    (found,) = load_manifest(calibrated).calibration.values()
    assert found["fitted_on"]["dictionary"]["names"] == 40
    card = (calibrated / "README.md").read_text(encoding="utf-8")
    assert "hybrid: fitted on 21 mentions of " in card
    assert "cross-validated" in card


def test_another_score_mode_is_calibrated_beside_it(result, flags, tmp_path, calibrated, tiny_queries):
    model = shutil.copytree(calibrated, tmp_path / "model")
    before = load_manifest(model).calibration["hybrid"]
    result("calibrate", flags(model), "--data_dir", tiny_queries, "--score_mode", "sparse")
    found = load_manifest(model).calibration
    assert set(found) == {"hybrid", "sparse"}
    assert found["hybrid"] == before != found["sparse"]


def test_hidden_concepts_are_recorded(result, flags, tmp_path, tiny_checkpoint, tiny_queries):
    model = shutil.copytree(tiny_checkpoint, tmp_path / "model")
    hidden = {"--hide_concepts": 0.2, "--seed": 1}
    found = result("calibrate", flags(model) | hidden, "--data_dir", tiny_queries)["fitted_on"]
    assert (found["hidden_concepts"], found["seed"]) == (3, 1)  # of 15 ids
    assert found["dictionary"]["names"] < 40
    assert "3 concepts hidden" in (model / "README.md").read_text(encoding="utf-8")


def test_a_plain_encoder_is_refused_before_the_work(refused, flags, tiny_encoder, tiny_queries):
    assert "lacks biosyn.json" in refused("calibrate", flags(tiny_encoder), "--data_dir", tiny_queries)


@pytest.mark.parametrize("fraction", ["-0.1", "1", "nan"])
def test_a_fraction_that_is_none_is_refused(refused, flags, tiny_queries, fraction):
    line = refused("calibrate", flags(), "--data_dir", tiny_queries, "--hide_concepts", fraction)
    assert "--hide_concepts must be at least 0 and below 1" in line


# -- what becomes of it


def test_it_is_loaded_and_saved_with_the_model(result, calibrated, tmp_path):
    biosyn = BioSyn.from_pretrained(calibrated)
    biosyn.save_model(tmp_path / "again")
    assert load_manifest(tmp_path / "again").calibration == load_manifest(calibrated).calibration
    result("convert", {"--model_name_or_path": calibrated, "--output_dir": tmp_path / "converted"})
    assert load_manifest(tmp_path / "converted").calibration == load_manifest(calibrated).calibration


@pytest.mark.parametrize(
    "change",
    [
        lambda biosyn, folder: biosyn.init_sparse_weight(0.5),
        lambda biosyn, folder: biosyn.init_sparse_encoder(["ataxia"]),
        lambda biosyn, folder: biosyn.load_dense_encoder(folder),
        lambda biosyn, folder: biosyn.load_sparse_encoder(folder),
        lambda biosyn, folder: biosyn.load_sparse_weight(folder),
        lambda biosyn, folder: biosyn.encoder_will_change(),
    ],
)
def test_a_changed_model_drops_it(calibrated, tmp_path, change):
    biosyn = BioSyn.from_pretrained(calibrated)
    assert set(biosyn.calibrations) == {"hybrid"}
    change(biosyn, calibrated)
    assert biosyn.calibrations == {}
    biosyn.save_model(tmp_path / "changed")
    assert load_manifest(tmp_path / "changed").calibration == {}


def test_texts_cut_elsewhere_have_other_scores_and_no_probability(calibrated):
    assert BioSyn.from_pretrained(calibrated, max_length=20).calibrations == {}


def test_training_goes_on_without_it(result, calibrated, tmp_path, tiny_dictionary, tiny_queries):
    required = {"--train_dictionary_path": tiny_dictionary, "--train_dir": tiny_queries, "--output_dir": tmp_path}
    settings = {"--model_name_or_path": calibrated, "--device": "cpu", "--epoch": 1, "--topk": 4}
    result("train", required, settings)
    assert load_manifest(tmp_path).calibration == {}


@pytest.mark.parametrize("damage", [[], {"hybrid": {}}, {"hybrid": {"intercept": "x"}}])
def test_a_damaged_calibration_is_named(refused, flags, calibrated, tmp_path, damage):
    model = shutil.copytree(calibrated, tmp_path / "model")
    manifest = json.loads((model / "biosyn.json").read_text())
    (model / "biosyn.json").write_text(json.dumps({**manifest, "calibration": damage or [1]}))
    assert "biosyn.json: is damaged" in refused("inference", flags(model), "--mention", "ataxia")


# -- inference.py --mention


def test_the_probability_comes_after_the_known_keys(answer):
    result = answer()
    assert list(result) == ["mention", "predictions", "concept", "probability"]
    assert 0 < result["probability"] < 1
    assert answer("--topk", "1")["probability"] == result["probability"]
    assert answer("--topk", "30")["probability"] == result["probability"]


def test_below_the_threshold_the_answer_is_minus_one(answer):
    probability = answer()["probability"]
    above, below = (str(probability + shift) for shift in (1e-9, -1e-9))
    refused = answer("--threshold", above)
    assert refused["predictions"] == [{"name": "", "id": "-1"}]
    assert refused["concept"] is None
    assert refused["probability"] == probability
    assert len(answer("--threshold", below)["predictions"]) == 5


def test_concepts_are_refused_by_the_same_probability(answer):
    probability = answer()["probability"]
    grouped = answer("--group_by_concept")
    assert (list(grouped), grouped["probability"]) == (["mention", "concepts", "concept", "probability"], probability)
    refused = answer("--group_by_concept", "--threshold", "1")
    assert refused["concepts"] == [{"ids": ["-1"], "preferred_name": None, "name": ""}]
    assert refused["concept"] is None


def test_the_reasons_come_with_the_probability(answer):
    assert answer("--explain")["probability"] == answer()["probability"]


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        (("--threshold", "1.5"), "between 0 and 1"),
        (("--threshold", "nan"), "between 0 and 1"),
        (("--threshold", "0.5", "--explain"), "--explain"),
        (("--threshold", "0.5", "--show_embeddings"), "--show_embeddings"),
    ],
)
def test_a_threshold_that_decides_nothing_is_refused(refused, flags, others, reason):
    assert reason in refused("inference", flags(), "--mention", "ataxia", *others)


def test_a_threshold_needs_a_calibrated_model(refused, flags, tiny_checkpoint, tiny_queries, tmp_path):
    (tmp_path / "in.txt").write_text("ataxia\n")
    file = ("--input", tmp_path / "in.txt", "--output", tmp_path / "out.txt")
    for verb, others in (
        ("inference", ("--mention", "ataxia")),
        ("inference", file),
        ("eval", ("--data_dir", tiny_queries, "--output_dir", tmp_path / "eval")),
    ):
        assert "run biosyn calibrate" in refused(verb, flags(tiny_checkpoint), "--threshold", "0.5", *others)
    assert not (tmp_path / "out.txt").exists()


# -- inference.py --input


@pytest.fixture
def link(result, calibrated, flags, tmp_path):
    """Function: flags -> the rows of a linked CSV of three mentions, the first and the last the same."""

    def run(*others, model=calibrated):
        (tmp_path / "in.csv").write_text("mention\nataxia\nqqq\nataxia\n")
        file = ("--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv")
        result("inference", flags(model), *file, *others)
        with (tmp_path / "out.csv").open() as stream:
            return list(csv.DictReader(stream))

    return run


def test_a_file_gets_probabilities_and_minus_one_below_the_threshold(link, answer):
    sure, unsure = (answer(mention=mention)["probability"] for mention in ("ataxia", "qqq"))
    assert [row["biosyn_probability"] for row in link()] == [f"{p:.4f}" for p in (sure, unsure, sure)]
    middle = str((sure + unsure) / 2)
    rows = link("--threshold", middle)
    refused = [p < (sure + unsure) / 2 for p in (sure, unsure, sure)]
    assert [row["biosyn_id"] == "-1" for row in rows] == refused
    assert [row["biosyn_name"] == "" for row in rows] == refused
    assert any(refused)
    assert not all(refused)


def test_ids_alone_are_added_without_probabilities(link):
    assert list(link("--add", "id")[0]) == ["mention", "biosyn_id"]


def test_a_model_that_is_not_calibrated_adds_none(link, tiny_checkpoint):
    assert list(link(model=tiny_checkpoint)[0]) == [
        *("mention", "biosyn_id", "biosyn_name", "biosyn_score"),
        *("biosyn_preferred_name", "biosyn_alternative_ids", "biosyn_other_concepts", "biosyn_reason"),
    ]


# -- eval.py


def test_eval_tells_risk_and_answers(result, flags, tiny_queries, tmp_path):
    others = {"--data_dir": tiny_queries, "--output_dir": tmp_path, "--threshold": 0.5}
    printed = result("eval", flags() | others, "--save_predictions")
    found = json.loads((tmp_path / "metrics.json").read_text())["confidence"]
    saved = json.loads((tmp_path / "predictions_eval.json").read_text())
    assert saved["acc1"] == printed["acc1"]  # a threshold changes no ranking
    sure = [min(m["probability"] for m in query["mentions"]) for query in saved["queries"]]
    right = [all(m["candidates"][0]["label"] for m in query["mentions"]) for query in saved["queries"]]
    nil = [query["mentions"][0]["golden_cui"] == "-1" for query in saved["queries"]]
    answered = [p >= 0.5 for p in sure]
    figures = {name: (part["total"], part["of"]) for name, part in found["answers"].items()}
    assert figures["coverage"] == (sum(answered), 21)
    assert figures["accuracy_answered"] == (sum(r for r, a in zip(right, answered, strict=True) if a), sum(answered))
    rows = list(zip(right, answered, nil, strict=True))
    assert figures["accuracy"] == (sum(r if a else n for r, a, n in rows), 21)
    assert figures["nil_recall"] == (sum(not a for _, a, n in rows if n), 1)
    assert found["risk_coverage"][-1]["risk"] == pytest.approx(1 - saved["acc1"])


def test_hidden_concepts_leave_queries_without_one(result, flags, tiny_queries, tmp_path):
    others = {"--data_dir": tiny_queries, "--output_dir": tmp_path, "--hide_concepts": 0.4, "--threshold": 0.5}
    result("eval", flags() | others)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["hidden_concepts"] == 6
    recall = metrics["protocols"]["lenient"]["recall_dictionary"]
    assert recall["of"] == 21  # none is dropped
    assert metrics["confidence"]["nil"] == 21 - recall["total"] > 1


def test_figures_of_a_hidden_dictionary_are_not_recorded(refused, flags, tiny_queries):
    others = {"--data_dir": tiny_queries, "--hide_concepts": 0.4, "--record_as": "test"}
    assert "--record_as" in refused("eval", flags() | others)
