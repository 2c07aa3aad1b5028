import hashlib
import json

import numpy as np
import pytest

from biosyn.checkpoint.manifest import load_manifest
from biosyn.cli.main import main as run_verb
from biosyn.model.biosyn import BioSyn


def main(argv):
    return run_verb(["train", *argv])


@pytest.fixture
def arguments(tiny_encoder, tiny_dictionary, tiny_queries, tmp_path):
    """Function: further flags -> argv of a run of a second into tmp_path/out."""

    def make(*flags):
        required = {
            "--model_name_or_path": tiny_encoder,
            "--train_dictionary_path": tiny_dictionary,
            "--train_dir": tiny_queries,
            "--output_dir": tmp_path / "out",
            "--topk": 6,
            "--device": "cpu",
        }
        return [*(str(part) for pair in required.items() for part in pair), *flags]

    return make


def test_stdout_is_one_json_object_and_nothing_else(arguments, capsys, tmp_path):
    assert main(arguments("--epoch", "1", "--learning_rate", "1e-4")) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output_dir"] == str(tmp_path / "out")
    assert [row["epoch"] for row in result["epochs"]] == [1]


def test_the_log_goes_to_stderr(arguments, capsys):
    main(arguments("--epoch", "1"))
    log = capsys.readouterr().err
    assert "16 mentions, 40 names, on cpu" in log
    assert "epoch=1 loss=" in log
    assert "the model is in" in log


def test_there_is_no_progress_bar_where_stderr_is_no_terminal(arguments, capsys):
    main(arguments("--epoch", "1"))
    log = capsys.readouterr().err
    assert "\r" not in log
    assert "%|" not in log


def test_quiet_keeps_warnings_only(arguments, capsys):
    main(arguments("--epoch", "1", "--quiet"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("1 of 40 names are cut at 25 tokens")


def test_every_published_flag_is_taken(arguments, capsys, tmp_path):
    flags = "--max_length 20 --seed 1 --draft --topk 4 --learning_rate 1e-5 --weight_decay 0.02 --train_batch_size 2"
    flags += " --epoch 1 --initial_sparse_weight 0.5 --dense_ratio 0.25 --save_checkpoint_all"
    assert main(arguments(*flags.split())) == 0
    assert json.loads(capsys.readouterr().out)["mentions"] == 10
    assert BioSyn().load_model(tmp_path / "out_draft" / "checkpoint_1").get_dense_encoder().max_length == 20
    settings = json.loads((tmp_path / "out_draft" / "biosyn.json").read_text())["trained"]["settings"]
    for flag, value in {"seed": 1, "weight_decay": 0.02, "train_batch_size": 2, "dense_ratio": 0.25, "topk": 4}.items():
        assert settings[flag] == value


def test_the_flags_of_time_and_memory_are_taken(arguments, capsys, tmp_path):
    flags = "--epoch 1 --train_batch_size 2 --gradient_accumulation_steps 3 --gradient_checkpointing"
    assert main(arguments(*flags.split(), "--precision", "bfloat16", "--search_memory", "1")) == 0
    assert json.loads(capsys.readouterr().out)["epochs"][0]["loss"] > 0
    settings = json.loads((tmp_path / "out" / "biosyn.json").read_text())["trained"]["settings"]
    expected = {"gradient_accumulation_steps": 3, "gradient_checkpointing": True, "precision": "bfloat16"}
    assert {key: settings[key] for key in expected} == expected


def test_dev_flags_are_taken(arguments, capsys, tiny_queries, tiny_dictionary):
    flags = ["--epoch", "1", "--keep_best", "--dev_dir", tiny_queries, "--dev_dictionary_path", tiny_dictionary]
    assert main(arguments(*map(str, flags))) == 0
    assert [row["epoch"] for row in json.loads(capsys.readouterr().out)["epochs"]] == [0, 1]


@pytest.mark.parametrize(
    "flags",
    ["--epoch -1", "--topk 0", "--dense_ratio 2", "--learning_rate 0", "--keep_best", "--use_cuda --device cpu"],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(arguments, capsys, tmp_path, flags):
    argv = arguments()
    if "--use_cuda" in flags:
        del argv[argv.index("--device") : argv.index("--device") + 2]
    assert main([*argv, *flags.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("train.py: error: --")
    assert not (tmp_path / "out").exists()


def test_a_missing_flag_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "--model_name_or_path" in capsys.readouterr().err


def test_help_tells_every_flag_and_its_default(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for flag in ("--max_length", "--dense_ratio", "--use_cuda", "--draft", "--save_checkpoint_all", "--dev_dir"):
        assert flag in text
    assert "(default: 1e-05)" in text


def test_the_interrupt_key_ends_with_130_and_no_traceback(arguments, capsys, monkeypatch):
    def interrupt(config):
        raise KeyboardInterrupt

    monkeypatch.setattr("biosyn.training.train.train", interrupt)
    assert main(arguments()) == 130
    assert capsys.readouterr().err == "train.py: stopped\n"


def test_an_error_of_our_own_keeps_its_traceback(arguments, monkeypatch):
    def fail(config):
        raise KeyError("ours")

    monkeypatch.setattr("biosyn.training.train.train", fail)
    with pytest.raises(KeyError, match="ours"):
        main(arguments())


# -- starting from a BioSyn model


def test_a_warm_start_takes_the_encoder_and_resets_w(arguments, tiny_checkpoint, tmp_path):
    assert main(arguments("--model_name_or_path", str(tiny_checkpoint), "--epoch", "0")) == 0
    warm, start = BioSyn.from_pretrained(tmp_path / "out"), BioSyn.from_pretrained(tiny_checkpoint)
    assert np.array_equal(warm.embed_dense(["ataxia"]), start.embed_dense(["ataxia"]))
    assert warm.sparse_weight == 0.0


def test_a_warm_start_keeps_w_by_flag(arguments, tiny_checkpoint, tmp_path):
    start = BioSyn.from_pretrained(tiny_checkpoint)
    assert start.sparse_weight != 0.0
    flags = ("--model_name_or_path", str(tiny_checkpoint), "--epoch", "0", "--keep_sparse_weight")
    assert main(arguments(*flags)) == 0
    assert BioSyn.from_pretrained(tmp_path / "out").sparse_weight == start.sparse_weight


def test_a_warm_start_fits_the_tfidf_anew(arguments, tiny_checkpoint, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("".join(f"D{number}||xyz {number}\n" for number in range(10)))
    flags = ("--model_name_or_path", str(tiny_checkpoint), "--epoch", "0", "--train_dictionary_path", str(other))
    assert main(arguments(*flags)) == 0
    assert "xy" in BioSyn.from_pretrained(tmp_path / "out").get_sparse_encoder().vocabulary
    assert "at" not in BioSyn.from_pretrained(tmp_path / "out").get_sparse_encoder().vocabulary


def test_the_w_of_a_plain_encoder_cannot_be_kept(arguments, capsys):
    assert main(arguments("--epoch", "0", "--keep_sparse_weight")) == 2
    assert "is an encoder alone" in capsys.readouterr().err


def test_the_manifest_says_what_it_was_trained_on(arguments, tiny_dictionary, tiny_queries, tmp_path):
    dev = ("--dev_dir", str(tiny_queries), "--dev_dictionary_path", str(tiny_dictionary))
    assert main(arguments("--epoch", "1", "--seed", "3", *dev)) == 0
    manifest = load_manifest(tmp_path / "out")
    trained = manifest.trained
    assert trained["dictionary"] == {
        "name": "train_dictionary.txt",
        "sha256": hashlib.sha256(tiny_dictionary.read_bytes()).hexdigest(),
        "names": 40,
    }
    assert (trained["queries"]["documents"], trained["queries"]["mentions"]) == (3, 16)
    assert (trained["settings"]["seed"], trained["last_epoch"]["epoch"]) == (3, 1)
    assert str(tmp_path) not in json.dumps(trained), "paths of this machine are nobody's business"
    assert manifest.figures["dev"]["hybrid"] == trained["last_epoch"]["dev"]["hybrid"]
    assert manifest.figures["dev"]["queries"]["mentions"] == 21
