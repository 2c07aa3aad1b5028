import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from biosyn.concept_ids import covers_all
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.queries import QueryDataset
from biosyn.encoders.sparse import SparseEncoder
from biosyn.errors import InputError
from biosyn.evaluation.evaluate import evaluate
from biosyn.model.biosyn import BioSyn
from biosyn.settings.verbs import EvalConfig
from biosyn.training.candidates import CandidateRetriever
from biosyn.training.epoch import Loop
from biosyn.training.train import train
from biosyn.training.trainer import Trainer, TrainerSettings, make_optimizer

TOPK = 6


@pytest.fixture
def corpus(tiny_queries, tiny_dictionary):
    return QueryDataset(tiny_queries, True, True, True).queries, DictionaryDataset(tiny_dictionary)


SETTINGS = {
    "topk": TOPK,
    "dense_ratio": 0.5,
    "fixed_candidates": False,
    "temperature": 1.0,
    "train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "gradient_checkpointing": False,
    "seed": 0,
}


@pytest.fixture
def make_trainer(corpus, tiny_encoder):
    queries, dictionary = corpus

    def make(encoder=tiny_encoder, precision="float32", **changes):
        biosyn = BioSyn(25, precision=precision)
        biosyn.load_dense_encoder(encoder)
        biosyn.init_sparse_encoder(dictionary.names)
        settings = TrainerSettings(**{**SETTINGS, **changes})
        return Trainer(biosyn, settings, queries=queries, dictionary=dictionary)

    return make


@pytest.fixture
def make_loop(make_trainer):
    return lambda *args, **changes: Loop(make_trainer(*args, **changes))


def losses_of(result):
    return [row["loss"] for row in result["epochs"]]


def weights_of(folder):
    return AutoModel.from_pretrained(folder).state_dict()


# -- the optimizer


def test_it_is_adam_with_decay_on_the_encoder_and_none_on_w(make_trainer):
    net = make_trainer().net
    optimizer = make_optimizer(net, learning_rate=1e-5, weight_decay=0.02)
    encoder, w = optimizer.param_groups
    assert type(optimizer) is torch.optim.Adam  # not AdamW: the decay is L2, inside the gradient
    assert not optimizer.defaults.get("decoupled_weight_decay")
    assert (encoder["lr"], encoder["weight_decay"]) == (1e-5, 0.02)
    assert (w["lr"], w["weight_decay"]) == (0.01, 0.0)
    assert optimizer.defaults["betas"] == (0.9, 0.999)
    assert optimizer.defaults["eps"] == 1e-8


def test_every_parameter_is_trained_once(make_trainer):
    net = make_trainer().net
    encoder, w = make_optimizer(net, learning_rate=1e-5, weight_decay=0.0).param_groups
    assert [id(parameter) for parameter in w["params"]] == [id(net.sparse_weight)]
    assert {id(parameter) for parameter in encoder["params"]} == {id(p) for p in net.encoder.parameters()}


def test_biases_and_layer_norms_decay_too(make_trainer):
    # upstream makes no exception: with no gradient of its own, a parameter p gets the gradient decay * p
    net = make_trainer().net
    bias = net.encoder.embeddings.LayerNorm.weight  # all ones
    optimizer = make_optimizer(net, learning_rate=1e-3, weight_decay=0.01)
    bias.grad = torch.zeros_like(bias)
    optimizer.step()
    # Adam's first step is lr * g / (|g| + eps) = 1e-3 towards zero
    torch.testing.assert_close(bias.detach(), torch.full_like(bias, 1 - 1e-3), rtol=0, atol=1e-6)


# -- the epoch


@pytest.fixture
def still_encoder(tiny_encoder, tmp_path):
    """The tiny encoder without dropout: then training has no randomness but the order of the mentions."""
    model = AutoModel.from_pretrained(tiny_encoder)
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.0
    folder = tmp_path / "still_encoder"
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(folder)
    return folder


def paper(corpus, encoder, encode_alone, *, epochs, learning_rate, weight_decay, train_batch_size):
    """The method written out without any of our parts: whole matrices, pair by pair; yield loss and w of each epoch."""
    queries, dictionary = corpus
    model, tokenizer = AutoModel.from_pretrained(encoder), AutoTokenizer.from_pretrained(encoder)
    mentions, names = [query.mention for query in queries], dictionary.names
    tfidf = SparseEncoder().fit(names)
    sparse_scores = tfidf(mentions) @ tfidf(names).T  # (M, N)
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam(
        [
            {"params": model.parameters(), "lr": learning_rate, "weight_decay": weight_decay},
            {"params": [w], "lr": 0.01, "weight_decay": 0.0},
        ]
    )
    shuffle = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        with torch.no_grad():
            dense = encode_alone(model, tokenizer, mentions) @ encode_alone(model, tokenizer, names).T  # (M, N)
        by_sparse = np.argsort(-sparse_scores, axis=1, kind="stable")[:, : TOPK // 2]
        by_dense = np.argsort(-dense.numpy(), axis=1, kind="stable")
        losses = []
        for batch in torch.randperm(len(queries), generator=shuffle).split(train_batch_size):
            terms = []
            for m in batch.tolist():
                chosen = by_sparse[m].tolist()
                chosen += [n for n in by_dense[m].tolist() if n not in chosen][: TOPK - len(chosen)]
                positive = torch.tensor([covers_all(queries[m].cui, dictionary.cuis[n]) for n in chosen])
                vectors = encode_alone(model, tokenizer, [mentions[m], *(names[n] for n in chosen)])
                score = vectors[1:] @ vectors[0] + w * torch.from_numpy(sparse_scores[m, chosen])  # (K,)
                marginal = torch.softmax(score, 0)[positive].sum()
                if marginal > 0:
                    terms.append(-torch.log(marginal.clamp(1e-9, 1)))
            loss = torch.stack(terms).mean() if terms else w.sum() * 0
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield sum(losses) / len(losses), w.item()


def test_epochs_equal_the_paper_written_out(corpus, make_loop, still_encoder, encode_alone):
    settings = {"learning_rate": 1e-4, "weight_decay": 0.01, "train_batch_size": 4}
    loop = make_loop(still_encoder, **settings)
    for loss, w in paper(corpus, still_encoder, encode_alone, epochs=3, **settings):
        row = loop.run_epoch()
        assert row["loss"] == pytest.approx(loss, rel=1e-5)  # seen: 1e-6, here and at other learning rates
        assert row["w"] == pytest.approx(w, rel=1e-5)


@pytest.fixture
def retrieved(monkeypatch):
    """The candidate rows (M, K) of each retrieval, in order."""
    retrieve, found = CandidateRetriever.retrieve, []

    def remember(*args):
        dataset = retrieve(*args)
        found.append(dataset.candidates)
        return dataset

    monkeypatch.setattr(CandidateRetriever, "retrieve", remember)
    return found


def test_candidates_are_found_anew_each_epoch_and_the_sparse_ones_stay(make_loop, retrieved):
    loop = make_loop(learning_rate=1e-2)
    for _ in range(3):
        loop.run_epoch()
    first, second, third = retrieved
    assert np.array_equal(first[:, : TOPK // 2], third[:, : TOPK // 2])
    assert not np.array_equal(first[:, TOPK // 2 :], second[:, TOPK // 2 :])
    assert not np.array_equal(second[:, TOPK // 2 :], third[:, TOPK // 2 :])


def test_fixed_candidates_are_those_of_the_first_epoch(make_loop, retrieved):
    torch.manual_seed(0)  # of the dropout
    loop, used = make_loop(fixed_candidates=True), []
    losses = [loop.run_epoch(lambda taken: used.append(loop.method.candidates.candidates))["loss"] for _ in range(3)]
    assert len(retrieved) == 1
    assert len(used) == 3 * loop.method.steps
    assert all(np.array_equal(rows, retrieved[0]) for rows in used)
    assert losses[1] != losses[0]
    torch.manual_seed(0)
    assert losses[0] == make_loop().run_epoch()["loss"]


def test_candidates_are_those_of_the_encoder_as_it_then_is(make_loop, corpus, retrieved):
    loop = make_loop(learning_rate=1e-2)
    loop.run_epoch()
    queries, dictionary = corpus
    dense = loop.method.dense
    scores = dense.encode([q.mention for q in queries]) @ dense.encode(dictionary.names).T  # (M, N)
    loop.run_epoch()
    for row, candidates in enumerate(retrieved[1].tolist()):
        rest = [n for n in np.argsort(-scores[row].numpy(), kind="stable").tolist() if n not in candidates[:3]]
        assert candidates[3:] == rest[:3]


def test_every_mention_is_shown_once_an_epoch_in_a_new_order(make_trainer, corpus):
    trainer = make_trainer(train_batch_size=5)
    first, second = ([rows.tolist() for rows in trainer.shuffled()] for _ in range(2))
    assert [len(rows) for rows in first] == [5, 5, 5, 1]  # the last short batch is kept
    assert sorted(sum(first, [])) == list(range(len(corpus[0])))
    assert first != second


@pytest.mark.parametrize(("batch_size", "accumulation"), [(1, 5), (3, 2)])
def test_accumulated_batches_are_one_larger_batch(make_loop, still_encoder, batch_size, accumulation):
    loops = (
        make_loop(still_encoder, train_batch_size=batch_size * accumulation),
        make_loop(still_encoder, train_batch_size=batch_size, gradient_accumulation_steps=accumulation),
    )
    whole, parts = ([loop.run_epoch() for _ in range(2)] for loop in loops)
    for key in ("loss", "w"):
        assert [row[key] for row in parts] == pytest.approx([row[key] for row in whole], rel=1e-5)


def test_the_gradient_of_accumulated_batches_is_that_of_one(make_trainer, still_encoder):
    gradients = []
    for batch_size in (9, 4):  # 9 mentions: 4, 4 and 1, of which one batch may have no positive
        trainer = make_trainer(still_encoder, train_batch_size=batch_size, gradient_accumulation_steps=3)
        trainer.add_gradients(trainer.retrieve(), np.arange(9))
        gradients.append({name: part.grad for name, part in trainer.net.named_parameters() if part.grad is not None})
    whole, parts = gradients
    assert parts.keys() == whole.keys()
    largest = max(gradient.norm() for gradient in whole.values())
    for name, expected in whole.items():  # a key's bias has no gradient but rounding: hence the second term
        assert (parts[name] - expected).norm() <= 1e-5 * expected.norm() + 1e-6 * largest, name


def test_checkpointing_computes_the_layers_again_and_changes_nothing(make_loop):
    rows, calls = [], []
    for checkpointing in (False, True):
        loop, called = make_loop(gradient_checkpointing=checkpointing), []
        layer = loop.method.dense.model.encoder.layer[0].attention
        layer.register_forward_hook(lambda *_, called=called: called.append(torch.is_grad_enabled()))
        torch.manual_seed(0)  # of the dropout, whose masks must be drawn again too
        rows.append(loop.run_epoch())
        calls.append(sum(called))  # those of the steps, not of the embedding
    assert rows[0]["loss"] == rows[1]["loss"]
    assert rows[0]["w"] == rows[1]["w"]
    assert 0 < 2 * calls[0] == calls[1]


def test_an_encoder_that_cannot_checkpoint_is_named(make_trainer, monkeypatch):
    monkeypatch.setattr("transformers.BertModel.supports_gradient_checkpointing", False)
    with pytest.raises(InputError, match="--gradient_checkpointing"):
        make_trainer(gradient_checkpointing=True)


def test_bfloat16_trains_nearly_the_same(make_loop, still_encoder):
    rows = [make_loop(still_encoder, precision=precision).run_epoch() for precision in ("float32", "bfloat16")]
    assert rows[1]["loss"] == pytest.approx(rows[0]["loss"], rel=0.05)
    assert rows[1]["loss"] != rows[0]["loss"]


def test_the_loss_falls_and_w_moves_on_a_task_small_enough_to_learn_by_heart(make_loop, still_encoder):
    loop = make_loop(still_encoder, learning_rate=1e-3)
    rows = [loop.run_epoch() for _ in range(4)]  # seen: 2.59, 1.01, 0.69, 0.59
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert rows[-1]["w"] != 0


def test_the_model_has_the_w_of_the_network_after_every_step(make_loop):
    loop, weights = make_loop(), []
    biosyn, net = loop.method.biosyn, loop.method.net
    row = loop.run_epoch(lambda taken: weights.append((biosyn.get_sparse_weight(), net.sparse_weight.item())))
    assert all(model == trained for model, trained in weights)
    assert len({model for model, _ in weights}) == len(weights)  # it moves with every step
    assert biosyn.get_sparse_weight() == row["w"]


def test_an_epoch_tells_what_it_did(make_loop):
    row = make_loop().run_epoch()
    assert list(row) == ["loss", "w", "positive_share", "seconds", "mentions_per_second"]
    assert math.isfinite(row["loss"])
    assert 0 < row["positive_share"] <= 1


def test_no_mention_with_a_positive_candidate_moves_no_weight_by_its_loss(make_loop, corpus):
    loop = make_loop(weight_decay=0.0, draft=True)
    loop.method.retriever.cuis = ["D0"] * len(corpus[0])  # a concept that no name has
    before = {name: value.clone() for name, value in loop.method.net.state_dict().items()}
    row = loop.run_epoch()
    assert row["loss"] == 0
    assert row["positive_share"] == 0
    assert all(torch.equal(value, before[name]) for name, value in loop.method.net.state_dict().items())


def test_python_and_numpy_draw_nothing_so_a_state_has_none_of_their_generators(make_loop):
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    make_loop().run_epoch()
    assert (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before


@pytest.mark.parametrize("fixed", [True, False])
def test_a_trainer_restored_within_an_epoch_goes_on_as_the_first(make_loop, fixed):
    settings = {"fixed_candidates": fixed, "learning_rate": 1e-2}
    first, other, states = make_loop(**settings), make_loop(**settings, seed=9), {}

    def keep(taken):
        if taken == 2:
            state = first.state()
            states[taken] = replace(state, tensors={name: part.clone() for name, part in state.tensors.items()})

    torch.manual_seed(0)
    first.run_epoch()
    rows = [first.run_epoch(keep), first.run_epoch()]
    torch.manual_seed(1)
    other.restore(states[2])
    assert (other.epochs, len(other.losses)) == (1, 2)
    assert other.seconds == pytest.approx(sum(states[2].values.values()))
    for row in rows:
        found = other.run_epoch()
        assert {key: found[key] for key in row if "second" not in key} == {
            key: row[key] for key in row if "second" not in key
        }
    expected = first.method.net.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in other.method.net.state_dict().items())


# -- the run


def test_the_same_seed_gives_the_same_losses_and_the_same_weights(tiny_config, tmp_path):
    first = train(tiny_config(tmp_path / "a", epoch=2, seed=3, learning_rate=1e-3))
    torch.rand(5)  # what was drawn before does not matter
    second = train(tiny_config(tmp_path / "b", epoch=2, seed=3, learning_rate=1e-3))
    assert losses_of(first) == losses_of(second)
    theirs = weights_of(tmp_path / "b")
    assert all(torch.equal(value, theirs[name]) for name, value in weights_of(tmp_path / "a").items())


def test_another_seed_gives_other_losses(tiny_config, tmp_path):
    first = train(tiny_config(tmp_path / "a", seed=0))
    second = train(tiny_config(tmp_path / "b", seed=1))
    assert losses_of(first) != losses_of(second)


def test_the_result_and_the_log_say_the_same(tiny_config, tmp_path):
    result = train(tiny_config(tmp_path, epoch=2))
    # 21 queries less 2 composite ones, one -1 and 2 duplicates
    assert (result["mentions"], result["names"]) == (16, 40)
    assert result["output_dir"] == str(tmp_path)
    lines = (tmp_path / "train_log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == result["epochs"]
    assert [row["epoch"] for row in result["epochs"]] == [1, 2]


def test_epoch_0_saves_the_encoder_as_it_was(tiny_config, tiny_encoder, tmp_path):
    result = train(tiny_config(tmp_path, epoch=0, initial_sparse_weight=0.5))
    assert result["epochs"] == []
    assert BioSyn().load_model(tmp_path).get_sparse_weight() == 0.5
    theirs = weights_of(tiny_encoder)
    assert all(torch.equal(value, theirs[name]) for name, value in weights_of(tmp_path).items())


def test_the_sparse_encoder_is_fitted_on_the_train_dictionary(tiny_checkpoint, tiny_dictionary):
    fitted = SparseEncoder().fit(DictionaryDataset(tiny_dictionary).names)
    loaded = BioSyn().load_sparse_encoder(tiny_checkpoint)
    assert loaded.vocabulary == fitted.vocabulary
    assert np.array_equal(loaded.idf, fitted.idf)


@pytest.mark.parametrize("given", ["out", "out/"])
def test_draft_writes_beside_the_output_folder(tiny_config, tmp_path, given):
    result = train(tiny_config(f"{tmp_path}/{given}", draft=True))
    assert (result["mentions"], result["names"]) == (10, 40)
    assert [path.name for path in tmp_path.iterdir()] == ["out_draft"]
    BioSyn().load_model(tmp_path / "out_draft")


def test_save_checkpoint_all_saves_every_epoch(tiny_config, tmp_path):
    result = train(tiny_config(tmp_path, epoch=2, save_checkpoint_all=True, learning_rate=1e-3))
    for epoch, row in enumerate(result["epochs"], 1):
        assert BioSyn().load_model(tmp_path / f"checkpoint_{epoch}").get_sparse_weight() == row["w"]
    last = weights_of(tmp_path / "checkpoint_2")
    assert all(torch.equal(value, last[name]) for name, value in weights_of(tmp_path).items())
    assert any(not torch.equal(value, last[name]) for name, value in weights_of(tmp_path / "checkpoint_1").items())


def test_a_run_whose_loss_is_no_longer_a_number_stops_and_saves_nothing(tiny_config, tmp_path):
    with pytest.raises(InputError, match="--learning_rate"):
        train(tiny_config(tmp_path, epoch=2, learning_rate=1e30))
    assert not (tmp_path / "biosyn.json").exists()


def test_without_the_flag_one_checkpoint_is_saved(tiny_checkpoint):
    assert sorted(path.name for path in tiny_checkpoint.iterdir() if path.is_dir()) == ["1_Pooling", "training_state"]


@pytest.mark.parametrize(("keep_best", "kept"), [(True, 2), (False, 3)])
def test_keep_best_keeps_the_epoch_that_is_best_on_dev(
    tiny_config, tiny_queries, tiny_dictionary, tmp_path, monkeypatch, keep_best, kept
):
    figures = iter([0.9, 0.3, 0.5, 0.4])  # before training, then epochs 1 to 3
    monkeypatch.setattr(Trainer, "dev_accuracy", lambda self: {"dev": {"hybrid": {"acc1": next(figures)}}})
    settings = {"dev_dir": str(tiny_queries), "dev_dictionary_path": str(tiny_dictionary), "keep_best": keep_best}
    train(tiny_config(tmp_path, epoch=3, save_checkpoint_all=True, learning_rate=1e-3, **settings))
    same = weights_of(tmp_path / f"checkpoint_{kept}")
    assert all(torch.equal(value, same[name]) for name, value in weights_of(tmp_path).items())
    manifest = json.loads((tmp_path / "biosyn.json").read_text(encoding="utf-8"))
    assert manifest["trained"]["last_epoch"]["epoch"] == kept


def test_dev_figures_equal_eval_on_the_saved_checkpoint(tiny_config, tiny_queries, tiny_dictionary, tmp_path):
    settings = {"dev_dir": str(tiny_queries), "dev_dictionary_path": str(tiny_dictionary)}
    result = train(tiny_config(tmp_path, epoch=2, save_checkpoint_all=True, learning_rate=1e-3, **settings))
    assert [row["epoch"] for row in result["epochs"]] == [0, 1, 2]
    for row in result["epochs"][1:]:
        for mode, figures in row["dev"].items():
            config = EvalConfig(
                model_name_or_path=str(tmp_path / f"checkpoint_{row['epoch']}"),
                dictionary_path=str(tiny_dictionary),
                data_dir=str(tiny_queries),
                device="cpu",
                score_mode=mode,
                output_dir=str(tmp_path),
            )
            measured = evaluate(config)
            assert figures == {"acc1": measured["acc1"], "acc5": measured["acc5"]}, (row["epoch"], mode)


def test_a_dev_set_does_not_change_the_training(tiny_config, tiny_queries, tiny_dictionary, tmp_path):
    settings = {"dev_dir": str(tiny_queries), "dev_dictionary_path": str(tiny_dictionary)}
    without = train(tiny_config(tmp_path / "a", epoch=2))
    beside = train(tiny_config(tmp_path / "b", epoch=2, **settings))
    assert losses_of(without) == [row["loss"] for row in beside["epochs"] if row["epoch"] > 0]


def test_the_manifest_tells_how_it_was_trained(tiny_checkpoint):
    trained = json.loads((tiny_checkpoint / "biosyn.json").read_text(encoding="utf-8"))["trained"]
    assert trained["settings"]["topk"] == TOPK
    assert trained["settings"]["initial_sparse_weight"] == 1.0
    assert trained["last_epoch"]["epoch"] == 1


@pytest.mark.cuda
def test_cuda_gives_the_losses_of_the_cpu(tiny_config, still_encoder, tmp_path):
    on_cpu = train(tiny_config(tmp_path / "a", epoch=2, model_name_or_path=str(still_encoder)))
    on_cuda = train(tiny_config(tmp_path / "b", epoch=2, model_name_or_path=str(still_encoder), device="cuda"))
    assert losses_of(on_cuda) == pytest.approx(losses_of(on_cpu), rel=1e-3)
