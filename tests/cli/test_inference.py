import pytest

from biosyn.model.answers import answer_json, concept_answer_json, explanation_json
from biosyn.model.biosyn import BioSyn


@pytest.fixture
def model(tiny_checkpoint):
    return {"--model_name_or_path": tiny_checkpoint, "--device": "cpu"}


@pytest.fixture
def printed(result, model, tiny_dictionary):
    """Function: flags -> the JSON that inference.py prints for them, with the tiny model and dictionary."""
    return lambda *flags: result("inference", model, "--dictionary_path", tiny_dictionary, *flags)


def test_a_cut_mention_is_counted_in_one_warning(command, model, tiny_dictionary):
    _, _, log = command("inference", model, "--dictionary_path", tiny_dictionary, "--mention", "ataxia " * 100)
    (line,) = [line for line in log.splitlines() if "mentions are cut at 25 tokens" in line]
    assert "1 of 1 mentions" in line


def test_the_command_gives_what_the_python_api_gives(printed, tiny_checkpoint, tiny_dictionary):
    linker = BioSyn.from_pretrained(tiny_checkpoint).load_dictionary(tiny_dictionary)
    mention, topk = "Ataxia-Telangiectasia", ["--topk", "4"]
    names = answer_json(linker.normalize([mention], topk=4)[0])
    assert printed("--mention", mention, *topk) == {"mention": mention, **names}
    concepts = concept_answer_json(linker.normalize_to_concepts([mention], topk=4)[0])
    assert printed("--mention", mention, *topk, "--group_by_concept") == {"mention": mention, **concepts}
    reasons = explanation_json(linker.explain(mention, topk=4))
    assert printed("--mention", mention, *topk, "--explain") == {"mention": mention, **reasons}


def test_the_shares_add_up_to_the_score(printed):
    for found in printed("--mention", "cancer of the breasts", "--topk", "40")["predictions"]:
        assert found["dense_score"] + found["sparse_score"] == pytest.approx(found["score"], rel=1e-5)


def test_concepts_come_with_their_best_names(printed):
    concepts = printed("--mention", "ataxia syndrome", "--topk", "3", "--group_by_concept")["concepts"]
    keys = ["ids", "preferred_name", "name", "score", "dense_score", "sparse_score", "homonym"]
    assert [list(found) for found in concepts] == [[*keys, "curie", "alternative_ids", "reason"]] * 3
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
        "concept",
    ]
    explained = printed("--mention", "ataxia", "--show_embeddings", "--explain")
    assert list(explained) == ["mention", *embeddings, "cleaning", "sparse_weight", "predictions", "concept"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--mention", " - "], "no letter or digit"),
        (["--show_predictions"], "--show_predictions needs --dictionary_path"),
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
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(refused, model, flags, said, tiny_dictionary):
    flags = [tiny_dictionary if flag == "D" else flag for flag in flags]
    assert said in refused("inference", model, "--mention", "ataxia", *flags)


@pytest.mark.parametrize("flag", ["--group_by_concept", "--explain"])
def test_damaged_concepts_are_found_before_the_model_is_loaded(refused, flag, write_dictionary):
    dictionary = write_dictionary("D1||ataxia", "D2||asthma")
    dictionary.with_name("concepts.jsonl").write_text('{"ids": ["D1"]}\n')
    flags = {"--model_name_or_path": "no_such_model", "--mention": "x", "--dictionary_path": dictionary, "--topk": 1}
    assert "concepts.jsonl:1: expected {" in refused("inference", flags, flag)
