import json
from dataclasses import replace

import pytest

from biosyn.errors import InputError
from biosyn.evaluation.evaluate import evaluate
from biosyn.settings.verbs import EvalConfig
from biosyn.training import ablate as ablation
from biosyn.training.ablate import ablate, variants


@pytest.fixture
def configs(tiny_config, tiny_dictionary, tiny_queries, tmp_path):
    """The settings of a training and an evaluation of a second each."""
    training = tiny_config(tmp_path / "out", learning_rate=1e-3, epoch=2)
    evaluation = EvalConfig(
        model_name_or_path="none",
        dictionary_path=str(tiny_dictionary),
        data_dir=str(tiny_queries),
        device="cpu",
        topk=5,
    )
    return training, evaluation


@pytest.fixture
def trainings(monkeypatch):
    """The settings of each training that is run."""
    found, train = [], ablation.train
    monkeypatch.setattr(ablation, "train", lambda config: found.append(config) or train(config))
    return found


def settings_of(row):
    settings = row["settings"]["settings"]
    return row["settings"]["score_mode"], settings["dense_ratio"], settings["fixed_candidates"]


def test_there_is_a_row_for_every_setting(configs, trainings, tmp_path):
    rows = ablate(*configs, dense_ratios=[0, 0.5])
    models = [(0, True), (0.5, False), (0.5, True)]
    assert [settings_of(row) for row in rows] == [
        (mode, *model) for model in models for mode in ("hybrid", "dense", "sparse")
    ]
    assert [(config.dense_ratio, config.fixed_candidates) for config in trainings] == models
    assert [json.loads(line) for line in (tmp_path / "out" / "ablation.jsonl").read_text().splitlines()] == rows


def test_each_row_has_the_figures_of_its_model_with_interval(configs, tmp_path):
    for row in ablate(*configs, dense_ratios=[0.5]):
        mode, folder = row["settings"]["score_mode"], tmp_path / "out" / row["folder"]
        again = evaluate(
            replace(configs[1], model_name_or_path=str(folder), score_mode=mode, output_dir=str(tmp_path / "again"))
        )
        for k in (1, 5):
            figure = row[f"acc{k}"]
            assert (figure["value"], figure["of"]) == (again[f"acc{k}"], 21)
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
        assert (folder / mode / "predictions_eval.json").exists()


def test_a_finished_row_is_not_run_twice(configs, trainings, monkeypatch):
    rows = ablate(*configs, dense_ratios=[0])
    monkeypatch.setattr(ablation, "evaluate", lambda config: pytest.fail("measured again"))
    assert ablate(*configs, dense_ratios=[0]) == rows
    assert len(trainings) == 1


def test_a_run_that_was_stopped_goes_on_with_the_model_that_is_there(configs, trainings, monkeypatch, tmp_path):
    whole, measure = ablate(*configs, dense_ratios=[0.5]), ablation.evaluate
    other = replace(configs[0], output_dir=str(tmp_path / "other"))

    def stop_at_dense(config):
        if config.score_mode == "dense":
            raise KeyboardInterrupt
        return measure(config)

    monkeypatch.setattr(ablation, "evaluate", stop_at_dense)
    with pytest.raises(KeyboardInterrupt):
        ablate(other, configs[1], dense_ratios=[0.5])
    monkeypatch.setattr(ablation, "evaluate", measure)
    assert ablate(other, configs[1], dense_ratios=[0.5]) == whole
    assert len(trainings) == 4  # two of the whole run, and two: the first was not trained again


def test_other_settings_are_other_rows_and_other_models(configs, trainings, tmp_path):
    first = ablate(*configs, dense_ratios=[0])
    second = ablate(replace(configs[0], seed=1), configs[1], dense_ratios=[0])
    assert {row["folder"] for row in first}.isdisjoint(row["folder"] for row in second)
    assert len((tmp_path / "out" / "ablation.jsonl").read_text().splitlines()) == 6


def test_the_data_is_read_once_whatever_the_number_of_models(configs, monkeypatch):
    read = []
    for name in ("QueryDataset", "DictionaryDataset"):
        reader = getattr(ablation, name)
        monkeypatch.setattr(ablation, name, lambda *args, reader=reader, **kw: read.append(args) or reader(*args, **kw))
    ablate(*configs, dense_ratios=[0, 0.5])  # three models, nine rows
    assert len(read) == 4  # the queries and the dictionary of the training and of the evaluation


def test_another_test_set_is_measured_on_the_same_model(configs, trainings, write_queries):
    training, evaluation = configs
    ablate(training, evaluation, dense_ratios=[0])
    other = replace(evaluation, data_dir=str(write_queries(("ataxia", "D001259"))))
    assert [row["acc1"]["of"] for row in ablate(training, other, dense_ratios=[0])] == [1, 1, 1]
    assert len(trainings) == 1


def test_a_damaged_row_is_named(configs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ablation.jsonl").write_text('{"settings": {}, "folder": "x", "acc1": {}}\n{"sett\n')
    with pytest.raises(InputError, match=r"ablation.jsonl:2: is not a row of an ablation"):
        ablate(*configs, dense_ratios=[0])


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_fraction_that_is_none_is_refused_before_any_training(configs, trainings, ratio):
    with pytest.raises(InputError, match="--dense_ratio"):
        ablate(*configs, dense_ratios=[0.5, ratio])
    assert not trainings


def test_a_fraction_given_twice_is_one_model_pair(configs):
    assert len(list(variants(configs[0], [0.5, 0.5]))) == 2
