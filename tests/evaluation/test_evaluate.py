import json

import numpy as np
import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.errors import InputError
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.evaluation.evaluate import evaluate
from biosyn.model.biosyn import BioSyn
from biosyn.model.predict import predict
from biosyn.settings.verbs import EvalConfig

CONCEPTS = {"D001943": "Breast Neoplasms", "D009369": "Neoplasms"}
NAMES = ("D1||ataxia", "D2|D9||breast cancer", "D3||ovarian cancer", "D4||asthma")


@pytest.fixture
def sparse_predictions(write_dictionary, write_queries):
    """Function: (mention, cui) pairs and k -> predictions by the sparse score over NAMES, where a name finds itself."""

    def make(*pairs, topk=4):
        dictionary = DictionaryDataset(write_dictionary(*NAMES))
        biosyn = BioSyn()
        biosyn.init_sparse_encoder(dictionary.names)
        names = biosyn.embed(dictionary.names, score_mode="sparse")
        return predict(biosyn, QueryDataset(write_queries(*pairs)).queries, dictionary, names, topk=topk)

    return make


@pytest.fixture
def config_of(tiny_checkpoint, tiny_dictionary, tiny_queries, tmp_path):
    def make(**changes):
        settings = {
            "model_name_or_path": str(tiny_checkpoint),
            "dictionary_path": str(tiny_dictionary),
            "data_dir": str(tiny_queries),
            "device": "cpu",
            "topk": 5,
            "output_dir": str(tmp_path / "out"),
        }
        return EvalConfig(**{**settings, **changes})

    return make


@pytest.fixture
def saved(config_of, tmp_path):
    """Function: changed settings -> the content of predictions_eval.json."""

    def run(**changes):
        evaluate(config_of(save_predictions=True, output_dir=str(tmp_path), **changes))
        return json.loads((tmp_path / "predictions_eval.json").read_text(encoding="utf-8"))

    return run


# -- mentions and their parts


def test_a_query_has_a_prediction_for_each_part_in_order(sparse_predictions):
    (prediction,) = sparse_predictions(("ovarian cancer|breast cancer", "D3|D2"))
    assert [mention.mention for mention in prediction.mentions] == ["ovarian cancer", "breast cancer"]
    assert [mention.candidates[0].name for mention in prediction.mentions] == ["ovarian cancer", "breast cancer"]


@pytest.mark.parametrize("cui", ["D2|D3", "D2+D3", "D3+D2", "D9|D3"])
def test_a_composite_query_counts_when_each_part_finds_any_of_the_ids(sparse_predictions, cui):
    assert accuracy_at_k(sparse_predictions(("breast cancer|ovarian cancer", cui)), 1) == {"acc1": 1.0}


def test_a_composite_query_with_one_wrong_part_does_not_count(sparse_predictions):
    # "asthma" finds D4 first, which is none of the gold ids
    figures = accuracy_at_k(sparse_predictions(("breast cancer|asthma", "D2|D3")), 1)
    assert figures == {"acc1": 0.0}


def test_the_denominator_holds_every_query(sparse_predictions):
    # right, wrong (the nearest name is another concept), without concept, composite and right: 2 of 4
    pairs = [("ataxia", "D1"), ("asthma", "D1"), ("ataxia", "-1"), ("breast cancer|asthma", "D2+D4")]
    assert accuracy_at_k(sparse_predictions(*pairs), 1) == {"acc1": 0.5}


def test_a_mention_that_comes_twice_gets_the_same_candidates(sparse_predictions):
    first, second = sparse_predictions(("ataxia", "D1"), ("ataxia", "D4"))
    assert first.mentions == second.mentions
    assert (first.query.cui, second.query.cui) == ("D1", "D4")


def test_candidates_come_best_first_with_their_scores(sparse_predictions):
    (prediction,) = sparse_predictions(("breast cancers", "D2"))
    scores = [candidate.score for candidate in prediction.mentions[0].candidates]
    assert scores == sorted(scores, reverse=True)
    assert prediction.mentions[0].candidates[0].cui == "D2|D9"


# -- the figures


@pytest.mark.parametrize("mode", ["hybrid", "dense", "sparse"])
def test_figures_equal_a_naive_computation(config_of, mode, tiny_checkpoint, tiny_dictionary, tiny_queries):
    biosyn = BioSyn().load_model(tiny_checkpoint)
    dictionary = DictionaryDataset(tiny_dictionary)
    a, b = {"hybrid": (1.0, biosyn.get_sparse_weight()), "dense": (1.0, 0.0), "sparse": (0.0, 1.0)}[mode]
    dense, sparse = biosyn.embed_dense(dictionary.names), biosyn.embed_sparse(dictionary.names)
    ranks = []
    for query in QueryDataset(tiny_queries):
        gold = set(query.cui.replace("+", "|").split("|")) - {"-1"}
        worst = 0
        for part in query.mention.replace("+", "|").split("|"):
            score = a * biosyn.embed_dense([part]) @ dense.T + b * biosyn.embed_sparse([part]) @ sparse.T
            order = np.argsort(-score[0], kind="stable")
            hits = [rank for rank, row in enumerate(order, 1) if gold & set(dictionary.cuis[row].split("|"))]
            worst = max(worst, hits[0] if hits else 10**9)
        ranks.append(worst)
    result = evaluate(config_of(score_mode=mode))
    assert {key: result[key] for key in ("queries", "names", "score_mode")} == {
        "queries": 21,
        "names": 40,
        "score_mode": mode,
    }
    for k in range(1, 6):
        assert result[f"acc{k}"] == sum(rank <= k for rank in ranks) / 21


def test_topk_1_works(config_of):
    result = evaluate(config_of(topk=1))
    assert "acc1" in result
    assert "acc2" not in result


def test_topk_may_be_the_whole_dictionary(config_of):
    # every query is found somewhere, but for the one without a concept
    assert evaluate(config_of(topk=40))["acc40"] == 20 / 21


def test_the_first_and_the_fifth_accuracy_are_logged(config_of, caplog):
    with caplog.at_level("INFO", logger="biosyn"):
        result = evaluate(config_of(topk=7))
    messages = [record.getMessage() for record in caplog.records]
    assert f"acc@1={result['acc1']}" in messages
    assert f"acc@5={result['acc5']}" in messages


@pytest.mark.parametrize(
    ("flags", "queries"),
    [
        ({}, 21),
        ({"filter_composite": True}, 19),
        ({"filter_duplicate": True}, 19),
        ({"filter_composite": True, "filter_duplicate": True}, 17),
    ],
)
def test_filters_are_off_unless_given(config_of, flags, queries):
    assert evaluate(config_of(**flags))["queries"] == queries


def test_max_length_can_be_set(config_of, caplog):
    evaluate(config_of(max_length=5))
    assert "names are cut at 5 tokens" in caplog.text


# -- predictions_eval.json


def test_the_predictions_are_not_written_unless_asked_for(config_of, tmp_path):
    evaluate(config_of())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["metrics.json"]


def test_the_known_keys_come_first_and_in_order(saved):
    predictions = saved(topk=3)
    assert list(predictions) == ["queries", "acc1", "acc2", "acc3"]
    query = predictions["queries"][0]
    assert list(query) == ["mentions", "pmid", "start", "end"]
    assert list(query["mentions"][0]) == ["mention", "golden_cui", "candidates"]
    scores = ["score", "dense_score", "sparse_score"]
    assert list(query["mentions"][0]["candidates"][0]) == ["name", "cui", "label", *scores]


def test_there_is_an_entry_a_query_and_as_many_candidates_as_asked_for(saved):
    predictions = saved(topk=3)
    assert len(predictions["queries"]) == 21
    assert all(len(m["candidates"]) == 3 for query in predictions["queries"] for m in query["mentions"])


def test_the_figures_in_the_file_are_the_ones_returned(saved, config_of):
    predictions = saved()
    result = evaluate(config_of())
    assert {key: predictions[key] for key in predictions if key != "queries"} == {
        key: value for key, value in result.items() if key.startswith("acc")
    }


def test_each_part_of_a_composite_query_has_the_whole_gold_field_with_bars(saved):
    composites = [query["mentions"] for query in saved()["queries"] if len(query["mentions"]) > 1]
    assert [[m["mention"] for m in mentions] for mentions in composites] == [
        ["breast cancer", "ovarian cancer"],
        ["breast cancer", "zzz"],
    ]
    assert {m["golden_cui"] for mentions in composites for m in mentions} == {"D001943|D010051"}


def test_labels_tell_whether_an_id_is_shared(saved):
    for query in saved()["queries"]:
        for mention in query["mentions"]:
            gold = set(mention["golden_cui"].split("|")) - {"-1"}
            for candidate in mention["candidates"]:
                assert candidate["label"] == int(bool(gold & set(candidate["cui"].split("|"))))


def test_a_query_without_concept_has_no_right_candidate(saved):
    (mention,) = [m for q in saved()["queries"] for m in q["mentions"] if m["golden_cui"] == "-1"]
    assert mention["mention"] == "mystery illness"
    assert [candidate["label"] for candidate in mention["candidates"]] == [0] * 5


def test_the_place_in_the_document_is_kept(saved):
    first = saved()["queries"][0]
    assert (first["pmid"], first["start"], first["end"]) == ("10021369", "0", "21")


def test_letters_beyond_ascii_are_written_as_they_are(config_of, write_dictionary, write_queries, tmp_path):
    dictionary = write_dictionary("D1||sjögren syndrome", "D2||β thalassemia")
    queries = write_queries(("sjögren", "D1"))
    settings = {"dictionary_path": str(dictionary), "data_dir": str(queries), "topk": 2}
    evaluate(config_of(save_predictions=True, output_dir=str(tmp_path), **settings))
    text = (tmp_path / "predictions_eval.json").read_text(encoding="utf-8")
    assert "sjögren syndrome" in text
    assert "β thalassemia" in text


def test_an_output_folder_that_cannot_be_written_is_refused_before_the_work(config_of, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(BioSyn, "load_model", lambda *_: pytest.fail("the model was loaded first"))
    with pytest.raises(InputError, match="cannot be written"):
        evaluate(config_of(output_dir=str(tmp_path / "file" / "out")))


# -- concepts


def test_names_are_resolved_by_what_the_model_knows(
    config_of, tiny_dictionary, tiny_queries, tiny_checkpoint, tmp_path
):
    """The names of D009369 are of two concepts here."""
    dictionary = tmp_path / "dictionary.txt"
    dictionary.write_text(tiny_dictionary.read_text().replace("D009369||", "D001943|D009369||"))
    rows = [{"ids": [cui], "preferred_name": name, "names": [name], "source": ""} for cui, name in CONCEPTS.items()]
    (tmp_path / "concepts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    config = config_of(dictionary_path=str(dictionary), score_mode="sparse", save_predictions=True)
    evaluate(config)
    written = json.loads((tmp_path / "out" / "predictions_eval.json").read_text())["queries"]
    found = [m for query in written for m in query["mentions"] if m["candidates"][0]["cui"] == "D001943|D009369"]
    assert found
    assert {m["concept"]["reason"] for m in found} == {"annotated 4 times"}  # D001943: 4 times, D009369: twice
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())["protocols"]
    assert metrics["strict"]["acc1"]["total"] > metrics["strict_unresolved"]["acc1"]["total"]


def test_a_damaged_vocabularies_json_is_refused_before_the_model_is_read(config_of, tiny_dictionary, tmp_path):
    dictionary = tmp_path / "dictionary.txt"
    dictionary.write_bytes(tiny_dictionary.read_bytes())
    (tmp_path / "vocabularies.json").write_text('["MESH"]')
    with pytest.raises(InputError, match="vocabularies.json: is not a JSON object"):
        evaluate(config_of(dictionary_path=str(dictionary), model_name_or_path=str(tmp_path / "none")))
