import hashlib
import json

import numpy as np
import pytest

from biosyn.checkpoint.manifest import load_manifest
from biosyn.cli.main import main
from biosyn.data.annotations import Annotations
from biosyn.data.queries import QueryDataset, read_queries
from biosyn.model.biosyn import BioSyn


@pytest.fixture
def required(tiny_encoder, tiny_dictionary, tiny_queries, tmp_path):
    """The flags of a run of a second into tmp_path/out."""
    return {
        "--model_name_or_path": tiny_encoder,
        "--train_dictionary_path": tiny_dictionary,
        "--train_dir": tiny_queries,
        "--output_dir": tmp_path / "out",
        "--topk": 6,
        "--device": "cpu",
        "--epoch": 1,
    }


def test_stdout_is_the_result_and_stderr_the_log_without_bars(command, required, tmp_path):
    code, result, log = command("train", required, "--learning_rate", "1e-4")
    assert (code, result["output_dir"]) == (0, str(tmp_path / "out"))
    assert [row["epoch"] for row in result["epochs"]] == [1]
    for part in ("16 mentions, 40 names, on cpu", "epoch=1 loss=", "the model is in"):
        assert part in log
    assert "\r" not in log
    assert "%|" not in log  # stderr is no terminal


def test_quiet_keeps_warnings_only(command, required):
    (line,) = command("train", required, "--quiet")[2].splitlines()
    assert line.endswith("1 of 40 names are cut at 25 tokens")


def test_every_published_flag_is_taken(result, required, tmp_path):
    flags = "--max_length 20 --seed 1 --draft --topk 4 --learning_rate 1e-5 --weight_decay 0.02 --train_batch_size 2"
    flags += " --epoch 1 --initial_sparse_weight 0.5 --dense_ratio 0.25 --save_checkpoint_all"
    assert result("train", required, *flags.split())["mentions"] == 10
    assert BioSyn().load_model(tmp_path / "out_draft" / "checkpoint_1").get_dense_encoder().max_length == 20
    settings = json.loads((tmp_path / "out_draft" / "biosyn.json").read_text())["trained"]["settings"]
    for flag, value in {"seed": 1, "weight_decay": 0.02, "train_batch_size": 2, "dense_ratio": 0.25, "topk": 4}.items():
        assert settings[flag] == value


def test_the_flags_of_time_and_memory_are_taken(result, required, tmp_path):
    flags = "--precision bfloat16 --search_memory 1 --train_batch_size 2"
    flags += " --gradient_accumulation_steps 3 --gradient_checkpointing"
    assert result("train", required, *flags.split())["epochs"][0]["loss"] > 0
    settings = json.loads((tmp_path / "out" / "biosyn.json").read_text())["trained"]["settings"]
    expected = {"gradient_accumulation_steps": 3, "gradient_checkpointing": True, "precision": "bfloat16"}
    assert {key: settings[key] for key in expected} == expected


def test_dev_flags_are_taken(result, required, tiny_queries, tiny_dictionary):
    dev = {"--dev_dir": tiny_queries, "--dev_dictionary_path": tiny_dictionary}
    assert [row["epoch"] for row in result("train", required, dev, "--keep_best")["epochs"]] == [0, 1]


@pytest.mark.parametrize("flags", ["--epoch -1", "--dense_ratio 2", "--keep_best"])
def test_a_bad_setting_is_one_line_and_exit_code_2(refused, required, tmp_path, flags):
    assert refused("train", required, *flags.split()).startswith("train.py: error: --")
    assert not (tmp_path / "out").exists()


def test_a_missing_flag_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["train"])
    assert "--model_name_or_path" in capsys.readouterr().err


def test_the_interrupt_key_ends_with_130_and_no_traceback(command, required, monkeypatch):
    def interrupt(config):
        raise KeyboardInterrupt

    monkeypatch.setattr("biosyn.training.train.train", interrupt)
    assert command("train", required) == (130, None, "train.py: stopped\n")


def test_an_error_of_our_own_keeps_its_traceback(command, required, monkeypatch):
    def fail(config):
        raise KeyError("ours")

    monkeypatch.setattr("biosyn.training.train.train", fail)
    with pytest.raises(KeyError, match="ours"):
        command("train", required)


# -- starting from a BioSyn model


def test_a_warm_start_takes_the_encoder_and_resets_w(result, required, tiny_checkpoint, tmp_path):
    result("train", required, "--model_name_or_path", tiny_checkpoint, "--epoch", "0")
    warm, start = BioSyn.from_pretrained(tmp_path / "out"), BioSyn.from_pretrained(tiny_checkpoint)
    assert np.array_equal(warm.embed_dense(["ataxia"]), start.embed_dense(["ataxia"]))
    assert warm.sparse_weight == 0.0


def test_a_warm_start_keeps_w_by_flag(result, required, tiny_checkpoint, tmp_path):
    start = BioSyn.from_pretrained(tiny_checkpoint)
    assert start.sparse_weight != 0.0
    result("train", required, "--model_name_or_path", tiny_checkpoint, "--epoch", "0", "--keep_sparse_weight")
    assert BioSyn.from_pretrained(tmp_path / "out").sparse_weight == start.sparse_weight


def test_a_warm_start_fits_the_tfidf_anew(result, required, tiny_checkpoint, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("".join(f"D{number}||xyz {number}\n" for number in range(10)))
    changed = {"--model_name_or_path": tiny_checkpoint, "--epoch": 0, "--train_dictionary_path": other}
    result("train", required | changed)
    assert "xy" in BioSyn.from_pretrained(tmp_path / "out").get_sparse_encoder().vocabulary
    assert "at" not in BioSyn.from_pretrained(tmp_path / "out").get_sparse_encoder().vocabulary


def test_the_w_of_a_plain_encoder_cannot_be_kept(refused, required):
    assert "is an encoder alone" in refused("train", required, "--keep_sparse_weight")


def test_the_manifest_says_what_it_was_trained_on(result, required, tiny_dictionary, tiny_queries, tmp_path):
    result("train", required, {"--seed": 3, "--dev_dir": tiny_queries, "--dev_dictionary_path": tiny_dictionary})
    manifest = load_manifest(tmp_path / "out")
    trained = manifest.trained
    assert trained["dictionary"] == {
        "name": "train_dictionary.txt",
        "sha256": hashlib.sha256(tiny_dictionary.read_bytes()).hexdigest(),
        "names": 40,
    }
    assert (trained["queries"]["documents"], trained["queries"]["mentions"]) == (3, 16)
    assert (trained["settings"]["seed"], trained["last_epoch"]["epoch"]) == (3, 1)
    assert str(tmp_path) not in json.dumps(trained), "paths of this machine are private"
    assert manifest.figures["dev"]["hybrid"] == trained["last_epoch"]["dev"]["hybrid"]
    assert manifest.figures["dev"]["queries"]["mentions"] == 21


def test_the_model_knows_how_often_each_concept_was_annotated(result, required, tiny_queries, tmp_path):
    result("train", required, "--epoch", 0)
    counts = BioSyn.from_pretrained(tmp_path / "out").annotations
    queries = read_queries(tiny_queries)
    assert counts == Annotations.of(queries)  # repeated and composite mentions too, which are not trained on
    assert counts != Annotations.of(QueryDataset(tiny_queries, True, True, True))
