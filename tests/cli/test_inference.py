import json

import pytest

from biosyn.cli.inference import main
from biosyn.model.answers import concepts_json, explanation_json, predictions_json
from biosyn.model.biosyn import BioSyn


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


@pytest.fixture
def printed(tiny_checkpoint, tiny_dictionary, capsys):
    """Function: flags -> the JSON that inference.py prints for them, with the tiny model and dictionary."""

    def run(*flags):
        model = ["--model_name_or_path", str(tiny_checkpoint), "--dictionary_path", str(tiny_dictionary)]
        assert main([*model, "--device", "cpu", *flags]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_command_gives_what_the_python_api_gives(printed, tiny_checkpoint, tiny_dictionary):
    linker = BioSyn.from_pretrained(tiny_checkpoint).load_dictionary(tiny_dictionary)
    mention, topk = "Ataxia-Telangiectasia", ["--topk", "4"]
    names = predictions_json(linker.normalize([mention], topk=4)[0])
    assert printed("--mention", mention, *topk) == {"mention": mention, "predictions": names}
    concepts = concepts_json(linker.normalize_to_concepts([mention], topk=4)[0])
    assert printed("--mention", mention, *topk, "--group_by_concept") == {"mention": mention, "concepts": concepts}
    reasons = explanation_json(linker.explain(mention, topk=4))
    assert printed("--mention", mention, *topk, "--explain") == {"mention": mention, **reasons}


def test_the_shares_add_up_to_the_score(printed):
    for found in printed("--mention", "cancer of the breasts", "--topk", "40")["predictions"]:
        assert found["dense_score"] + found["sparse_score"] == pytest.approx(found["score"], rel=1e-5)


def test_concepts_come_with_their_best_names(printed):
    concepts = printed("--mention", "ataxia syndrome", "--topk", "3", "--group_by_concept")["concepts"]
    keys = ["ids", "preferred_name", "name", "score", "dense_score", "sparse_score", "homonym"]
    assert [list(found) for found in concepts] == [keys] * 3
    assert concepts[0]["ids"] == ["D001260"]
    assert concepts[1]["ids"] == ["D001259"]
    assert concepts[0]["name"] == concepts[1]["name"] == "ataxia syndrome"
    assert concepts[0]["homonym"] is concepts[1]["homonym"] is True


def test_abbreviations_of_the_document_and_spelling_are_steps_of_the_explanation(printed, tmp_path):
    document, typos = tmp_path / "document.txt", tmp_path / "typos.txt"
    document.write_text("Ataxia telangiectasia (AT) is rare.\n\nIn AT patients.\n", encoding="utf-8")
    typos.write_text("synrome||syndrome\n", encoding="utf-8")
    flags = ["--explain", "--topk", "1", "--document", str(document), "--typo_path", str(typos)]
    found = printed("--mention", "AT synrome", *flags)
    assert found["mention"] == "AT synrome"
    assert [step["step"] for step in found["cleaning"]] == [
        "as typed",
        "abbreviations",
        "lower case",
        "spelling",
        "punctuation",
    ]
    assert found["cleaning"][-1]["text"] == "ataxia telangiectasia syndrome"
    assert found["predictions"][0]["name"] == "ataxia telangiectasia syndrome"


def test_both_answers_can_come_with_the_embeddings(printed):
    embeddings = ["mention_sparse_embeds", "mention_dense_embeds"]
    assert list(printed("--mention", "ataxia", "--show_embeddings", "--group_by_concept")) == [
        "mention",
        *embeddings,
        "concepts",
    ]
    explained = printed("--mention", "ataxia", "--show_embeddings", "--explain")
    assert list(explained) == ["mention", *embeddings, "cleaning", "sparse_weight", "predictions"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--group_by_concept"], "--group_by_concept needs --dictionary_path"),
        (["--explain"], "--explain needs --dictionary_path"),
        (["--dictionary_path", "D", "--explain", "--group_by_concept"], "choose one"),
        (["--dictionary_path", "D", "--document", "F"], "--document needs --explain"),
        (["--dictionary_path", "D", "--typo_path", "F"], "--typo_path needs --explain"),
        (["--dictionary_path", "D", "--split_composites"], "--split_composites needs --explain"),
        (["--dictionary_path", "D", "--explain", "--topk", "41"], "--topk 41 is larger than the dictionary (40 names)"),
        (
            ["--dictionary_path", "D", "--group_by_concept", "--topk", "17"],
            "train_dictionary.txt: --topk 17 is larger than the number of concepts (15)",
        ),
        (["--dictionary_path", "D", "--explain", "--document", "missing.txt"], "missing.txt: cannot be read"),
        (["--dictionary_path", "D", "--explain", "--typo_path", "missing.txt"], "missing.txt: cannot be read"),
        (["--dictionary_path", "D", "--group_by_concept", "--topk", "0"], "--topk must be at least 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(flags, said, tiny_checkpoint, tiny_dictionary, capsys):
    flags = [str(tiny_dictionary) if flag == "D" else flag for flag in flags]
    assert main(["--model_name_or_path", str(tiny_checkpoint), "--mention", "ataxia", "--device", "cpu", *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert said in line


@pytest.mark.parametrize("flag", ["--group_by_concept", "--explain"])
def test_damaged_concepts_are_found_before_the_model_is_loaded(flag, write_dictionary, capsys):
    dictionary = write_dictionary("D1||ataxia", "D2||asthma")
    dictionary.with_name("concepts.jsonl").write_text('{"ids": ["D1"]}\n')
    arguments = ["--model_name_or_path", "no_such_model", "--mention", "x", "--dictionary_path", str(dictionary)]
    assert main([*arguments, "--topk", "1", flag]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "concepts.jsonl:1: expected {" in line
