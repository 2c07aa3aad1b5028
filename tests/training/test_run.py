"""One run at a time trains into a folder; what a run does is tested with each training, and in test_resume.py."""

import multiprocessing
import os
import signal
from dataclasses import asdict

import pytest
import torch

from biosyn.checkpoint.files import FILES
from biosyn.errors import InputError
from biosyn.linking.loading import load_linker
from biosyn.settings.verbs import EvalConfig, PretrainConfig
from biosyn.training.ablate import ablate
from biosyn.training.dev import DevSet
from biosyn.training.pretrain import pretrain
from biosyn.training.run import sole_run
from biosyn.training.train import train


@pytest.fixture
def start(tiny_config, tiny_dictionary, tiny_queries, tmp_path):
    """Function: verb -> runs it into the folder ``out``."""
    config = tiny_config(tmp_path / "out")
    names = {field: asdict(config)[field] for field in ("model_name_or_path", "output_dir")}
    evaluation = EvalConfig(
        model_name_or_path="set later", dictionary_path=str(tiny_dictionary), data_dir=str(tiny_queries), device="cpu"
    )
    verbs = {
        "train": lambda: train(config),
        "resume": lambda: train(tiny_config(tmp_path / "out", resume=True)),
        "pretrain": lambda: pretrain(
            PretrainConfig(**names, train_dictionary_path=(str(tiny_dictionary),), device="cpu", epoch=1)
        ),
        "ablate": lambda: ablate(config, evaluation, dense_ratios=[0]),
    }
    return lambda verb: verbs[verb]()


@pytest.mark.parametrize("verb", ["train", "resume", "pretrain", "ablate"])
def test_a_second_run_is_refused_and_changes_nothing(start, tmp_path, verb):
    folder = tmp_path / "out"
    with sole_run(folder):
        with pytest.raises(InputError) as refused:
            start(verb)
        assert os.listdir(folder) == [FILES.training_lock]
    expected = "another run is training into this folder: wait for it, or choose another --output_dir"
    assert str(refused.value) == f"{folder}: {expected}"


def test_it_is_the_folder_that_counts_not_its_name(start, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "folder")
    with sole_run(tmp_path / "folder"), pytest.raises(InputError, match="another run"):
        start("train")


@pytest.mark.parametrize("verb", ["train", "pretrain"])
def test_the_next_run_is_free_to_begin_and_no_lock_is_left(start, tmp_path, verb):
    start(verb)
    assert FILES.training_lock not in os.listdir(tmp_path / "out")
    start(verb)


def test_a_run_that_fails_frees_the_folder(tmp_path):
    with pytest.raises(KeyboardInterrupt), sole_run(tmp_path):
        raise KeyboardInterrupt
    with sole_run(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def hold_and_die(folder):
    with sole_run(folder):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_that_was_killed_is_resumed(start, tmp_path):
    process = multiprocessing.get_context("fork").Process(target=hold_and_die, args=(tmp_path / "out",))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    assert os.listdir(tmp_path / "out") == [FILES.training_lock]
    assert [row["epoch"] for row in start("resume")["epochs"]] == [1]
    assert FILES.training_lock not in os.listdir(tmp_path / "out")


def test_the_other_ranks_of_a_run_do_not_wait_for_its_first(monkeypatch, tmp_path):
    with sole_run(tmp_path):
        monkeypatch.setattr("biosyn.training.run.is_first", lambda: False)
        with sole_run(tmp_path):
            pass
        assert os.listdir(tmp_path) == [FILES.training_lock]


@pytest.mark.parametrize(("verb", "keep_best"), [("train", False), ("train", True), ("pretrain", False)])
def test_the_names_that_were_embedded_for_dev_are_the_index_of_the_saved_model(
    tiny_config, tiny_dictionary, tiny_queries, tmp_path, monkeypatch, verb, keep_best
):
    figures = iter([0.9, 0.3, 0.5, 0.4])  # before training, then epochs 1 to 3: the best is not the last
    measure = DevSet.accuracy
    monkeypatch.setattr(
        DevSet, "accuracy", lambda *a, **k: {**measure(*a, **k), "hybrid": {"acc1": next(figures), "acc5": 1.0}}
    )
    monkeypatch.setenv("BIOSYN_CACHE", str(tmp_path / "cache"))
    dev = {"dev_dir": str(tiny_queries), "dev_dictionary_path": str(tiny_dictionary)}
    changes = {"epoch": 3, "learning_rate": 1e-3, "keep_best": keep_best, **dev}
    config = tiny_config(tmp_path / "out", **changes)
    if verb == "train":
        train(config)
    else:
        names = {field: asdict(config)[field] for field in ("model_name_or_path", "output_dir")}
        pretrain(PretrainConfig(**names, train_dictionary_path=(str(tiny_dictionary),), device="cpu", **changes))
    embedded: list[int] = []
    linker = load_linker(str(tmp_path / "out"), str(tiny_dictionary), on_names=embedded.append)
    assert not embedded  # by the first use
    monkeypatch.setenv("BIOSYN_CACHE", str(tmp_path / "other"))
    anew = load_linker(str(tmp_path / "out"), str(tiny_dictionary), on_names=embedded.append)
    assert embedded
    torch.testing.assert_close(linker.names.dense, anew.names.dense, rtol=1e-5, atol=1e-5)
