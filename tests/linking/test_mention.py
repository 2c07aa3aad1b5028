import json

import numpy as np
import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.linking.mention import infer
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Linker
from biosyn.settings.verbs import InferenceConfig


@pytest.fixture(scope="module")
def linker(tiny_checkpoint, tiny_dictionary):
    return Linker(BioSyn().load_model(tiny_checkpoint), DictionaryDataset(tiny_dictionary))


def config(checkpoint, dictionary=None, **changes):
    path = None if dictionary is None else str(dictionary)
    settings = {"model_name_or_path": str(checkpoint), "mention": "Ataxia", "dictionary_path": path, "device": "cpu"}
    return InferenceConfig(**{**settings, **changes})


def test_scores_are_dense_plus_w_times_sparse_over_every_name(linker):
    biosyn, names = linker.biosyn, linker.dictionary.names
    mention = "spider vein"
    dense = biosyn.embed_dense(names) @ biosyn.embed_dense([mention])[0]
    sparse = biosyn.embed_sparse(names) @ biosyn.embed_sparse([mention])[0]
    scores = dense + biosyn.get_sparse_weight() * sparse  # (N,)
    best = np.argsort(-scores, kind="stable")[:4]
    found = linker.normalize([mention], topk=4)[0].candidates
    assert [candidate.name for candidate in found] == [names[row] for row in best]
    np.testing.assert_allclose([candidate.score for candidate in found], scores[best], rtol=1e-5)


def test_the_mention_is_cleaned_and_shown_as_typed(linker):
    typed, clean = linker.normalize(["ATAXIA-Telangiectasia!", "ataxia telangiectasia"], topk=3)
    assert typed.mention == "ATAXIA-Telangiectasia!"
    assert [candidate.name for candidate in typed.candidates] == [candidate.name for candidate in clean.candidates]


def test_many_mentions_give_what_each_gives_alone(linker):
    mentions = ["asthma", "breast tumour", "low blood count"]
    together = linker.normalize(mentions, topk=5)
    for mention, prediction in zip(mentions, together, strict=True):
        alone = linker.normalize([mention], topk=5)[0]
        assert [c.name for c in prediction.candidates] == [c.name for c in alone.candidates]
        np.testing.assert_allclose([c.score for c in prediction.candidates], [c.score for c in alone.candidates], 1e-5)


def test_no_mentions_give_no_predictions(linker):
    assert linker.normalize([], topk=5) == []


@pytest.mark.parametrize("mention", ["", "   ", "--- | ...", "\t\n"])
def test_an_empty_mention_is_refused(linker, mention):
    with pytest.raises(InputError, match="no letter or digit"):
        linker.normalize([mention], topk=5)


def test_predictions_with_a_dictionary_and_embeddings_without(tiny_checkpoint, tiny_dictionary):
    with_dictionary = infer(config(tiny_checkpoint, tiny_dictionary))
    assert list(with_dictionary) == ["mention", "predictions", "concept"]
    keys = ["name", "id", "score", "dense_score", "sparse_score"]
    assert [list(found) for found in with_dictionary["predictions"]] == [keys] * 5
    without = infer(config(tiny_checkpoint))
    assert list(without) == ["mention", "mention_sparse_embeds", "mention_dense_embeds"]
    assert len(without["mention_dense_embeds"]) == 32
    assert json.loads(json.dumps(without)) == without


@pytest.mark.parametrize(
    ("flags", "keys"),
    [
        ({"show_predictions": True}, ["mention", "predictions", "concept"]),
        ({"show_embeddings": True}, ["mention", "mention_sparse_embeds", "mention_dense_embeds"]),
        (
            {"show_predictions": True, "show_embeddings": True},
            ["mention", "mention_sparse_embeds", "mention_dense_embeds", "predictions", "concept"],
        ),
    ],
)
def test_flags_given_are_obeyed(tiny_checkpoint, tiny_dictionary, flags, keys):
    assert list(infer(config(tiny_checkpoint, tiny_dictionary, **flags))) == keys


def test_predictions_without_a_dictionary_are_refused(tiny_checkpoint):
    with pytest.raises(InputError, match="--dictionary_path"):
        config(tiny_checkpoint, show_predictions=True)


def test_topk_1_and_a_topk_above_the_dictionary(tiny_checkpoint, tiny_dictionary):
    assert len(infer(config(tiny_checkpoint, tiny_dictionary, topk=1))["predictions"]) == 1
    with pytest.raises(InputError, match="larger than the dictionary"):
        infer(config(tiny_checkpoint, tiny_dictionary, topk=41))


def test_a_mention_of_an_unknown_script_says_so_and_has_no_concept_at_any_threshold(
    calibrated_checkpoint, tiny_dictionary
):
    asked = {"mention": "糖尿病", "topk": 2}
    found = infer(config(calibrated_checkpoint, tiny_dictionary, **asked))
    assert len(found["predictions"]) == 2
    assert found["unsure"] == "most letters are CJK, a script that the model's tokenizer does not know"
    assert "probability" not in found
    for grouped in (False, True):
        refused = infer(
            config(calibrated_checkpoint, tiny_dictionary, **asked, threshold=0.0, group_by_concept=grouped)
        )
        assert refused["concept"] is None
        assert refused["unsure"] == found["unsure"]
    assert "unsure" not in infer(config(calibrated_checkpoint, tiny_dictionary, mention="α-ataxia"))


def test_an_explanation_says_so_too(tiny_checkpoint, tiny_dictionary):
    explained = infer(config(tiny_checkpoint, tiny_dictionary, mention="диабет", explain=True))
    assert explained["unsure"].startswith("most letters are Cyrillic")
