"""Every file that a command writes has the mode that the umask asks for."""

import os
import shutil
import stat

import pytest

from biosyn.cli.main import main


@pytest.fixture(params=[0o027, 0o002])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_every_file_and_folder_has_the_mode_of_the_umask(
    umask, tiny_encoder, tiny_dictionary, tiny_queries, tmp_path, capsys
):
    out = tmp_path / "out"
    mentions = tmp_path / "mentions.txt"
    mentions.write_text("ataxia\n--\n")
    cpu = ["--device", "cpu", "--quiet"]
    train = ["--model_name_or_path", tiny_encoder, "--train_dictionary_path", tiny_dictionary, "--topk", "2"]
    model = ["--model_name_or_path", out / "model", "--dictionary_path", tiny_dictionary]
    searched = [*model, "--cache_dir", out / "cache"]
    for words in (
        ["train", *cpu, *train, "--train_dir", tiny_queries, "--epoch", "1", "--output_dir", out / "model"],
        ["calibrate", *cpu, *searched, "--data_dir", tiny_queries],
        ["eval", *cpu, *searched, "--data_dir", tiny_queries, "--topk", "2", "--save_predictions", "--output_dir", out],
        ["inference", *cpu, *searched, "--input", mentions, "--output", out / "linked", "--on_error", "skip"],
        ["convert", "--model_name_or_path", out / "model", "--to", "upstream", "--output_dir", out / "upstream"],
    ):
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err
    assert (out / "model" / "training_state" / "1_0" / "tensors.safetensors").exists()
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (out, *out.rglob("*")) if path.suffix != ".lock"}
    wrong = {path: oct(mode) for path, mode in modes.items() if mode != (0o777 if path.is_dir() else 0o666) & ~umask}
    assert wrong == {}
    shutil.rmtree(out)
