import json
import shutil

import numpy as np
import pytest
import torch

import biosyn
from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.dense import DenseEncoder
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Linker
from biosyn.records import Name
from biosyn.retrieval.vectors import Vectors

NAMES = ["ataxia", "ataxia syndrome", "breast cancer", "anemia"]
MENTIONS = ["ataxias", "cancer of breast"]
METHODS = [
    "init_sparse_encoder",
    "init_sparse_weight",
    "load_model",
    "load_dense_encoder",
    "load_sparse_encoder",
    "load_sparse_weight",
    "save_model",
    "get_dense_encoder",
    "get_dense_tokenizer",
    "get_sparse_encoder",
    "get_sparse_weight",
    "embed_sparse",
    "embed_dense",
    "get_score_matrix",
    "retrieve_candidate",
]
PUBLIC_NAMES = [
    "BioSyn",
    "SparseEncoder",
    "RerankNet",
    "marginal_nll",
    "QueryDataset",
    "DictionaryDataset",
    "CandidateDataset",
    "TextPreprocess",
]


@pytest.fixture
def model(tiny_encoder):
    model = BioSyn(initial_sparse_weight=3.0)
    model.load_dense_encoder(tiny_encoder)
    model.init_sparse_encoder(NAMES)
    return model


@pytest.mark.parametrize("name", METHODS)
def test_the_methods_that_users_know_are_there(name):
    assert callable(getattr(BioSyn, name))


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_the_names_that_users_know_are_there(name):
    assert name in biosyn.__all__
    assert getattr(biosyn, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        biosyn.nothing  # noqa: B018


def test_sparse_embeddings_are_a_dense_array(model):
    found = model.embed_sparse(MENTIONS)
    assert isinstance(found, np.ndarray)
    assert np.array_equal(found, SparseEncoder().fit(NAMES)(MENTIONS))


def test_dense_embeddings_are_an_array(model, plain_model, encode_alone):
    found = model.embed_dense(MENTIONS)
    assert found.dtype == np.float32
    with torch.no_grad():
        expected = encode_alone(plain_model, model.get_dense_tokenizer(), MENTIONS).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["embed_dense", "embed_sparse"])
def test_embeddings_are_of_any_iterable_of_texts_and_not_of_one(model, method):
    embed = getattr(model, method)
    assert np.array_equal(embed(np.array(MENTIONS)), embed(MENTIONS))
    assert np.array_equal(embed(iter(MENTIONS)), embed(MENTIONS))
    for names, message in (
        ("asthma", "names is one text: give a list, ['asthma']"),
        (["asthma", None], "names[1] is None (NoneType), not a text"),
        (3, "names is 3 (int): give a list of texts"),
    ):
        with pytest.raises(InputError) as refused:
            embed(names)
        assert str(refused.value) == message


def test_vectors_of_one_text_are_refused(model):
    with pytest.raises(InputError, match=r"texts is one text: give a list, \['asthma'\]"):
        model.embed("asthma")


def test_the_score_matrix_holds_inner_products(model):
    # [1, 2] . [3, 4] = 11, [1, 2] . [0, 1] = 2
    queries, names = np.array([[1, 2]], dtype=np.float32), np.array([[3, 4], [0, 1]], dtype=np.float32)
    assert model.get_score_matrix(queries, names).tolist() == [[11.0, 2.0]]


def test_candidates_of_a_matrix_come_best_first_and_ties_by_column(model):
    scores = np.array([[1, 3, 2, 3], [0, 0, 0, 0]], dtype=np.float32)
    assert model.retrieve_candidate(scores, 3).tolist() == [[1, 3, 2], [0, 1, 2]]


def test_the_search_agrees_with_upstreams_three_calls(model):
    # embed, score matrix, retrieve: what a user of upstream would write for the hybrid score
    hybrid = model.get_score_matrix(model.embed_dense(MENTIONS), model.embed_dense(NAMES))
    hybrid = hybrid + 3.0 * model.get_score_matrix(model.embed_sparse(MENTIONS), model.embed_sparse(NAMES))
    expected = model.retrieve_candidate(hybrid, 3)
    found = model.search(model.embed(MENTIONS), model.embed(NAMES), topk=3)
    assert found.rows.tolist() == expected.tolist()
    np.testing.assert_allclose(found.scores.numpy(), np.take_along_axis(hybrid, expected, 1), rtol=1e-5)


@pytest.mark.parametrize(("mode", "has_dense", "has_sparse"), [("hybrid", 1, 1), ("dense", 1, 0), ("sparse", 0, 1)])
def test_a_mode_embeds_what_it_needs_and_nothing_else(model, mode, has_dense, has_sparse):
    found = model.embed(NAMES, score_mode=mode)
    assert (found.dense is not None, found.sparse is not None) == (has_dense, has_sparse)


def test_the_sparse_mode_does_not_multiply_by_the_weight(model):
    model.init_sparse_weight(-1.0)
    names = model.embed(NAMES, score_mode="sparse")
    found = model.search(model.embed(["ataxia"], score_mode="sparse"), names, topk=1)
    assert found.rows.tolist() == [[0]]
    assert found.scores.item() == pytest.approx(1.0, abs=1e-6)


def test_the_sparse_mode_needs_no_dense_encoder():
    model = BioSyn()
    model.init_sparse_encoder(NAMES)
    assert model.embed(NAMES, score_mode="sparse").count == 4


@pytest.mark.parametrize("call", ["get_dense_encoder", "get_dense_tokenizer", "get_sparse_encoder"])
def test_a_part_that_is_not_there_yet_is_named(call):
    with pytest.raises(RuntimeError, match="encoder yet: call"):
        getattr(BioSyn(), call)()


def test_the_weight_can_be_set(model):
    assert model.get_sparse_weight() == 3.0
    assert model.init_sparse_weight(0.5) == 0.5
    assert model.get_sparse_weight() == 0.5


def test_a_saved_model_gives_the_same_vectors_and_scores(model, tmp_path):
    model.save_model(tmp_path)
    again = BioSyn().load_model(tmp_path)
    assert again.get_sparse_weight() == 3.0
    assert np.array_equal(again.embed_dense(MENTIONS), model.embed_dense(MENTIONS))
    assert np.array_equal(again.embed_sparse(MENTIONS), model.embed_sparse(MENTIONS))
    before = model.search(model.embed(MENTIONS), model.embed(NAMES), topk=4)
    after = again.search(again.embed(MENTIONS), again.embed(NAMES), topk=4)
    assert torch.equal(before.rows, after.rows)
    assert torch.equal(before.scores, after.scores)


def test_parts_can_be_loaded_one_by_one(model, tmp_path):
    model.save_model(tmp_path)
    again = BioSyn()
    assert again.load_sparse_weight(tmp_path) == 3.0
    assert isinstance(again.load_sparse_encoder(tmp_path), SparseEncoder)
    assert isinstance(again.load_dense_encoder(tmp_path), DenseEncoder)
    assert np.array_equal(again.embed_sparse(MENTIONS), model.embed_sparse(MENTIONS))


@pytest.mark.parametrize(("given", "used"), [(None, 9), (5, 5)])
def test_max_length_is_the_checkpoints_unless_given(tiny_encoder, tmp_path, given, used):
    model = BioSyn(max_length=9)
    model.load_dense_encoder(tiny_encoder)
    model.init_sparse_encoder(NAMES)
    model.save_model(tmp_path)
    assert BioSyn(max_length=given).load_model(tmp_path).get_dense_encoder().max_length == used


def test_max_length_is_25_where_nobody_says_otherwise(tiny_encoder):
    assert BioSyn().load_dense_encoder(tiny_encoder).max_length == 25


def test_a_second_checkpoint_brings_its_own_max_length(tiny_encoder, tmp_path):
    for length in (9, 12):
        model = BioSyn(max_length=length)
        model.load_dense_encoder(tiny_encoder)
        model.init_sparse_encoder(NAMES)
        model.save_model(tmp_path / str(length))
    model = BioSyn().load_model(tmp_path / "9")
    assert model.load_model(tmp_path / "12").get_dense_encoder().max_length == 12


# -- the dictionary index


@pytest.fixture
def dictionary(tiny_dictionary):
    return DictionaryDataset(tiny_dictionary)


def test_an_index_holds_the_vectors_that_embed_gives(tiny_checkpoint, dictionary, tmp_path):
    biosyn = BioSyn.from_pretrained(tiny_checkpoint)
    found, expected = biosyn.index(dictionary, cache_dir=tmp_path).vectors(), biosyn.embed(dictionary.names)
    assert torch.equal(found.dense, expected.dense)
    assert torch.equal(found.sparse.matrix().to_dense(), expected.sparse.matrix().to_dense())


def test_another_model_length_or_dictionary_is_another_index(tiny_checkpoint, dictionary, tmp_path, write_dictionary):
    same = BioSyn.from_pretrained(tiny_checkpoint)
    shorter = BioSyn.from_pretrained(tiny_checkpoint, max_length=5)
    other = BioSyn.from_pretrained(tiny_checkpoint)
    with torch.no_grad():
        next(other.get_dense_encoder().model.parameters()).mul_(2)
    other.save_model(tmp_path / "other")
    models = [same, shorter, BioSyn.from_pretrained(tmp_path / "other")]
    indexes = [model.index(dictionary, cache_dir=tmp_path / "cache") for model in models]
    renamed = DictionaryDataset(write_dictionary(*(f"X{row}||{name.name}" for row, name in enumerate(dictionary))))
    indexes.append(same.index(renamed, cache_dir=tmp_path / "cache"))
    assert len({index.key.folder_name() for index in indexes}) == 4
    for model, index in zip(models, indexes, strict=False):
        assert torch.equal(index.vectors().dense, model.embed(dictionary.names).dense)


def test_names_that_came_to_a_dictionary_are_all_that_is_embedded(tiny_checkpoint, dictionary, tmp_path, caplog):
    biosyn = BioSyn.from_pretrained(tiny_checkpoint)
    biosyn.index(dictionary, cache_dir=tmp_path)
    grown = dictionary.with_names([*dictionary, Name("brand new syndrome", "D999999")])
    with caplog.at_level("INFO", logger="biosyn"):
        index = biosyn.index(grown, cache_dir=tmp_path)
    assert "embedding 1 names" in caplog.text
    torch.testing.assert_close(index.vectors().dense, biosyn.embed(grown.names).dense)


def test_a_model_that_is_trained_has_no_index_of_the_files_it_came_from(tiny_checkpoint, dictionary, tmp_path):
    biosyn = BioSyn.from_pretrained(tiny_checkpoint)
    biosyn.encoder_will_change()
    with pytest.raises(RuntimeError, match="save it, and load it again"):
        biosyn.index(dictionary, cache_dir=tmp_path)


# -- mentions in, names and concepts out


def test_a_dictionary_gives_a_linker(tiny_checkpoint, dictionary):
    biosyn = BioSyn.from_pretrained(tiny_checkpoint)
    expected = Linker(biosyn, dictionary).normalize(MENTIONS, topk=5)
    for given in (dictionary, dictionary.path, str(dictionary.path)):
        assert biosyn.load_dictionary(given).normalize(MENTIONS) == expected


def test_concepts_are_read_beside_the_dictionary_when_they_are_asked_for(tiny_checkpoint, write_dictionary):
    path = write_dictionary("D1|D2||ataxia", "D1|D2||at", "D3||asthma")
    path.with_name("concepts.jsonl").write_text("broken")
    linker = BioSyn.from_pretrained(tiny_checkpoint).load_dictionary(path)
    for method in (linker.normalize, linker.normalize_to_concepts):
        with pytest.raises(InputError, match="concepts.jsonl:1: expected"):
            method(["ataxia"])
    path.with_name("concepts.jsonl").write_text('{"ids": ["D1", "D2"], "preferred_name": "Ataxia", "names": ["AT"]}')
    (prediction,) = linker.normalize_to_concepts(["ataxia"], topk=3)
    assert {concept.ids for concept in prediction.concepts} == {("D1", "D2"), ("D3",)}


def test_a_model_that_is_in_memory_only_takes_no_dictionary(model, dictionary):
    model.encoder_will_change()
    with pytest.raises(RuntimeError, match="save it, and load it again"):
        model.load_dictionary(dictionary)


# -- numbers that are none


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_w_that_no_score_can_have_is_refused(number, model):
    for set_w in (lambda: BioSyn(initial_sparse_weight=number), lambda: model.init_sparse_weight(number)):
        with pytest.raises(InputError, match="w, the sparse weight, must be a number"):
            set_w()
    assert model.sparse_weight == 3.0


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_an_encoder_that_gives_no_numbers_is_refused_where_it_embeds(number, model):
    with torch.no_grad():
        model.get_dense_encoder().model.embeddings.LayerNorm.bias[3] = number  # as a training that diverged
    for embed in (model.embed_dense, model.embed):
        with pytest.raises(InputError, match="vectors that are not finite numbers"):
            embed(NAMES)


def test_scores_that_overflow_are_refused(model):
    names, mentions = model.embed(NAMES), model.embed(MENTIONS)
    huge = Vectors(names.dense * 1e30, names.sparse)
    with pytest.raises(InputError, match="a score is not a finite number"):
        model.search(Vectors(mentions.dense * 1e30, mentions.sparse), huge, topk=2)
    damaged = Vectors(names.dense.index_fill(0, torch.tensor([2]), float("nan")), names.sparse)
    with pytest.raises(InputError, match="a score is not a finite number"):
        model.search(mentions, damaged, topk=1)


def test_a_network_that_diverged_is_not_saved(model, tmp_path):
    model.save_model(tmp_path)
    net = model.rerank_net()
    for weight in (net.sparse_weight, net.encoder.pooler.dense.bias):
        with torch.no_grad():
            before = weight.clone()
            weight[0] = float("nan")
        with pytest.raises(InputError, match="not finite"):
            model.save_model(tmp_path)
        with torch.no_grad():
            weight.copy_(before)
    assert BioSyn.from_pretrained(tmp_path).sparse_weight == 3.0  # the one that was there


def test_a_sentence_transformers_start_with_a_dense_module_is_refused(tiny_encoder, tmp_path):
    folder = shutil.copytree(tiny_encoder, tmp_path / "start")
    kinds = ["models.Transformer", "models.Pooling", "base.modules.dense.Dense"]
    modules = [
        {"idx": row, "name": str(row), "type": f"sentence_transformers.{kind}"} for row, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InputError, match=r"modules\.json: the model has the module .*Dense', which is not applied"):
        BioSyn().load_dense_encoder(folder)
    modules[2]["type"] = "custom_st.Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InputError, match=r"custom_st\.Transformer"):
        BioSyn().load_dense_encoder(folder)


@pytest.mark.parametrize(
    "pooling", [{"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, {"pooling_mode": "mean"}]
)
def test_a_sentence_transformers_start_with_another_pooling_says_so(pooling, tiny_encoder, tmp_path, caplog):
    folder = shutil.copytree(tiny_encoder, tmp_path / "start")
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in ("Transformer", "Pooling", "Normalize")]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    BioSyn(pooling="mean", similarity="cosine").load_dense_encoder(folder)
    assert not caplog.records
    BioSyn().load_dense_encoder(folder)
    assert "made with --pooling mean --similarity cosine; here with cls and inner" in caplog.text
