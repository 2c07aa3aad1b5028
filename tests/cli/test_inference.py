import json

from biosyn.cli.inference import main


def test_stdout_is_one_json_object(tiny_checkpoint, tiny_dictionary, capsys):
    model = ["--model_name_or_path", str(tiny_checkpoint), "--device", "cpu"]
    assert main([*model, "--dictionary_path", str(tiny_dictionary), "--mention", "Ataxia", "--topk", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["mention"] == "Ataxia"
    assert len(result["predictions"]) == 2


def test_an_empty_mention_ends_with_exit_2_and_one_line(tiny_checkpoint, capsys):
    assert main(["--model_name_or_path", str(tiny_checkpoint), "--mention", " - "]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "no letter or digit" in printed.err


def test_predictions_without_a_dictionary_end_with_exit_2(tiny_checkpoint, capsys):
    assert main(["--model_name_or_path", str(tiny_checkpoint), "--mention", "x", "--show_predictions"]) == 2
    assert "--dictionary_path" in capsys.readouterr().err


def test_a_cut_mention_is_counted_in_one_warning(tiny_checkpoint, tiny_dictionary, capsys):
    flags = ["--model_name_or_path", str(tiny_checkpoint), "--dictionary_path", str(tiny_dictionary)]
    assert main([*flags, "--mention", "ataxia " * 100, "--device", "cpu"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "mentions are cut at 25 tokens" in line]
    assert len(lines) == 1
    assert "1 of 1 mentions" in lines[0]
