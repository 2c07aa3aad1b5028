import dataclasses
from pathlib import Path

import pytest

from biosyn.errors import InputError
from biosyn.settings.verbs import EvalConfig, TrainConfig

TRAIN = {"model_name_or_path": "m", "train_dictionary_path": "d", "train_dir": "q", "output_dir": "o"}
EVAL = {"model_name_or_path": "m", "dictionary_path": "d", "data_dir": "q"}
DEV = {"dev_dir": "q", "dev_dictionary_path": "d"}


def test_the_training_defaults_are_the_published_ones():
    config = TrainConfig(**TRAIN)
    assert (config.max_length, config.seed, config.topk, config.train_batch_size, config.epoch) == (25, 0, 20, 16, 10)
    assert (config.learning_rate, config.weight_decay, config.initial_sparse_weight) == (1e-5, 0.01, 0.0)
    assert config.dense_ratio == 0.5
    assert (config.draft, config.save_checkpoint_all, config.keep_best) == (False, False, False)


def test_the_evaluation_defaults_are_the_published_ones():
    config = EvalConfig(**EVAL)
    assert (config.topk, config.score_mode, config.output_dir) == (20, "hybrid", "./output/")
    assert (config.filter_composite, config.filter_duplicate, config.save_predictions) == (False, False, False)


def test_a_training_computes_in_float32_unless_told_and_the_rest_in_what_suits_the_machine():
    assert (TrainConfig(**TRAIN).precision, EvalConfig(**EVAL).precision) == ("float32", "auto")


@pytest.mark.parametrize("config", [TrainConfig(**TRAIN), EvalConfig(**EVAL)])
def test_a_config_cannot_be_changed(config):
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.topk = 3


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"max_length": 2}, "--max_length"),
        ({"topk": 0}, "--topk"),
        ({"train_batch_size": 0}, "--train_batch_size"),
        ({"epoch": -1}, "--epoch"),
        ({"weight_decay": -0.1}, "--weight_decay"),
        ({"weight_decay": float("nan")}, "--weight_decay"),
        ({"weight_decay": float("inf")}, "--weight_decay"),
        ({"learning_rate": 0.0}, "--learning_rate"),
        ({"learning_rate": float("nan")}, "--learning_rate"),
        ({"learning_rate": float("inf")}, "--learning_rate"),
        ({"dense_ratio": 1.1}, "--dense_ratio"),
        ({"dense_ratio": -0.1}, "--dense_ratio"),
        ({"dense_ratio": float("nan")}, "--dense_ratio"),
        ({"initial_sparse_weight": float("nan")}, "--initial_sparse_weight"),
        ({"initial_sparse_weight": float("inf")}, "--initial_sparse_weight"),
        ({"gradient_accumulation_steps": 0}, "--gradient_accumulation_steps"),
        ({"search_memory": 0}, "--search_memory"),
        ({"save_every_steps": -1}, "--save_every_steps"),
        ({"keep_last": -1}, "--keep_last"),
        ({"initial_sparse_weight": 1e39}, "--initial_sparse_weight is too large for float32"),
        ({"initial_sparse_weight": -1e308}, "--initial_sparse_weight is too large for float32"),
        ({"temperature": 1e-300}, "--temperature must be above 0 in float32"),
        ({"seed": -1}, "--seed must be between 0 and 4294967295, found -1"),
        ({"seed": 2**32}, "--seed must be between 0 and 4294967295, found 4294967296"),
        ({"seed": 2**64}, "--seed is too large"),
        ({"epoch": 10**5000}, "--epoch is too large"),
        ({"train_batch_size": -(10**5000)}, "--train_batch_size is too large"),
        ({"output_dir": " "}, "--output_dir is empty: name a folder"),
        ({"output_dir": "a\0b"}, "--output_dir holds a NUL character"),
        ({"train_dictionary_path": ""}, "--train_dictionary_path is empty: name a file"),
        ({"model_name_or_path": ""}, "--model_name_or_path is empty: name a folder or a Hub id"),
        ({"precision": "float16"}, "--precision must be one of float32, bfloat16"),
        ({"precision": "auto"}, "--precision must be one of float32, bfloat16"),
        ({"dev_dir": "q"}, "--dev_dictionary_path"),
        ({"dev_dictionary_path": "d"}, "--dev_dir"),
        ({"keep_best": True}, "--dev_dir"),
    ],
)
def test_a_bad_training_setting_is_named(changes, flag):
    with pytest.raises(InputError, match=flag):
        TrainConfig(**{**TRAIN, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 0},
        {"dense_ratio": 0.0},
        {"dense_ratio": 1.0},
        {"weight_decay": 0.0},
        {"seed": 2**32 - 1},
        DEV | {"keep_best": True},
    ],
)
def test_the_edge_of_what_is_allowed_is_allowed(changes):
    TrainConfig(**TRAIN, **changes)


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"topk": 0}, "--topk"),
        ({"max_length": 2}, "--max_length"),
        ({"score_mode": "x"}, "hybrid"),
        ({"precision": "int8"}, "--precision"),
        ({"index_precision": "bfloat16"}, "--index_precision"),
        ({"search_memory": 0}, "--search_memory"),
        ({"seed": 2**32}, "--seed"),
        ({"cache_dir": ""}, "--cache_dir is empty: name a folder"),
        ({"cache_dir": " \t"}, "--cache_dir is empty: name a folder"),
        ({"train_dir": ("q", "")}, "--train_dir is empty: name a folder"),
        ({"train_dir": ("q", "a\0b")}, "--train_dir holds a NUL character"),
    ],
)
def test_a_bad_evaluation_setting_is_named(changes, flag):
    with pytest.raises(InputError, match=flag):
        EvalConfig(**EVAL, **changes)


def test_none_is_a_value_only_where_it_is_the_default():
    assert TrainConfig(**TRAIN, pooling=None).pooling is None
    for changes in ({"precision": None}, {"output_dir": None}):
        with pytest.raises(InputError, match=f"--{next(iter(changes))} "):
            TrainConfig(**{**TRAIN, **changes})


def test_an_output_folder_may_be_a_path():
    assert EvalConfig(**EVAL, output_dir=Path("out")).output_dir == Path("out")
