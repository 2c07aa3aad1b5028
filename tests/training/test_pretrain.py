import copy
import json
import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from biosyn.checkpoint.manifest import load_manifest
from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.model.biosyn import BioSyn
from biosyn.model.losses import synonym_nll
from biosyn.settings.verbs import PretrainConfig
from biosyn.training.epoch import Loop
from biosyn.training.pretrain import Aligner, AlignerSettings, pretrain, rate_factor
from biosyn.training.synonyms import SynonymSets, as_one


@pytest.fixture
def make_config(tiny_encoder, tiny_dictionary, tmp_path):
    def make(name="out", **changes):
        settings = {
            "model_name_or_path": str(tiny_encoder),
            "train_dictionary_path": (str(tiny_dictionary),),
            "output_dir": str(tmp_path / name),
            "device": "cpu",
            "train_batch_size": 4,
            "group_size": 2,
            "learning_rate": 1e-3,
            "epoch": 2,
        }
        return PretrainConfig(**{**settings, **changes})

    return make


@pytest.fixture
def make_aligner(tiny_encoder, tiny_dictionary):
    def make(dictionary=tiny_dictionary, **changes):
        dictionary = dictionary if isinstance(dictionary, DictionaryDataset) else DictionaryDataset(dictionary)
        biosyn = BioSyn(25, pooling="mean", similarity="cosine")
        biosyn.load_dense_encoder(tiny_encoder)
        biosyn.init_sparse_encoder(dictionary.names)
        settings = {
            "epoch": 2,
            "train_batch_size": 4,
            "group_size": 2,
            "temperature": 0.05,
            "learning_rate": 1e-3,
            "weight_decay": 0.01,
            "warmup": 0.5,
            "seed": 0,
        }
        return Aligner(biosyn, AlignerSettings(**{**settings, **changes}), dictionary=dictionary)

    return make


def weights_of(aligner):
    return {name: part.clone() for name, part in aligner.dense.model.state_dict().items()}


def same(first, second):
    return all(torch.equal(part, second[name]) for name, part in first.items())


# -- the loss


def test_the_loss_of_a_batch_is_the_sum_written_out():
    score = torch.tensor([[9.0, 1.0, 2.0, 0.5], [1.0, 9.0, 0.0, 3.0], [2.0, 0.0, 9.0, 1.0], [0.5, 3.0, 1.0, 9.0]])
    synonym = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]).bool()
    # names 0 and 1 are synonyms; each has the three others for candidates. 2 and 3 have none, and give no loss
    first = math.exp(1) / (math.exp(1) + math.exp(2) + math.exp(0.5))
    second = math.exp(1) / (math.exp(1) + math.exp(0) + math.exp(3))
    expected = -(math.log(first) + math.log(second)) / 2
    assert synonym_nll(score, synonym, excluded=torch.eye(4).bool()).item() == pytest.approx(expected, rel=1e-6)


def test_equal_names_of_two_concepts_are_neither_right_nor_wrong():
    score = torch.tensor([[0.0, 0.0, 50.0], [0.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    synonym = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    equal = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]]).bool()  # 0 and 2 are written alike
    found = synonym_nll(score, synonym, excluded=equal)
    assert found.item() == pytest.approx(math.log(2) / 2, rel=1e-6)  # 0 has 1 alone: log 1; 1 has 0 and 2: log 2


def test_names_without_a_synonym_give_no_loss():
    # all pairs of name 0 are excluded, so its softmax has no finite score; 1 and 2 have each other alone: log 1
    score = torch.zeros(3, 3, requires_grad=True)
    synonym = torch.tensor([[1, 0, 0], [0, 1, 1], [0, 1, 1]]).bool()
    excluded = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 1]]).bool()
    for of_a_concept in (synonym, torch.eye(3).bool()):  # a batch of nothing but such names, too
        loss = synonym_nll(score, of_a_concept, excluded=excluded)
        assert loss.item() == 0
        loss.backward()
        assert torch.isfinite(score.grad).all()


def test_a_batch_of_concepts_of_one_name_ends_no_run(make_config, write_dictionary):
    dictionary = write_dictionary("D1||a", "D1||b", "D2||c", "D3||d")
    (row,) = pretrain(make_config(train_dictionary_path=(str(dictionary),), train_batch_size=1, epoch=1))["epochs"]
    assert math.isfinite(row["loss"])


def test_a_step_sees_the_names_that_were_drawn(make_aligner, tiny_dictionary):
    aligner = make_aligner()
    aligner.dense.model.eval()  # no dropout
    dictionary = DictionaryDataset(tiny_dictionary)
    concepts, aligner.drawn = np.array([0, 2]), aligner.synonyms.draw(np.random.default_rng(0))
    names = [dictionary.names[row] for concept in concepts for row in aligner.drawn[concept]]
    vectors = aligner.dense.encode(names)  # (4, H)
    excluded, synonym = torch.eye(4).bool(), torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)).bool()
    expected = synonym_nll(vectors @ vectors.T / 0.05, synonym, excluded=excluded)
    torch.testing.assert_close(aligner.loss(concepts), expected, rtol=1e-5, atol=1e-5)


# -- the epochs


def test_training_draws_synonyms_together(make_aligner):
    torch.manual_seed(0)
    loop = Loop(make_aligner(epoch=20))
    losses = [loop.run_epoch()["loss"] for _ in range(20)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_the_rate_rises_and_falls_over_the_whole_run(make_aligner):
    aligner, rates = make_aligner(), []
    loop = Loop(aligner)
    for _ in range(2):
        loop.run_epoch(lambda taken: rates.append(aligner.optimizer.param_groups[0]["lr"]))
    assert aligner.steps == math.ceil(15 / 4)  # 15 concepts
    assert rates == pytest.approx([1e-3 * rate_factor(step, steps=8, warmup=0.5) for step in range(8)])


def test_the_same_seed_gives_the_same_model(make_config):
    rows = [pretrain(make_config(name))["epochs"] for name in ("first", "second")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]


@pytest.mark.parametrize("stop", [(0, 2), (1, 0), (1, 3)])  # complete epochs, steps of the next
def test_a_restored_run_ends_as_the_uninterrupted_one(make_aligner, stop):
    torch.manual_seed(0)
    whole, kept = Loop(make_aligner()), []

    def keep(taken):
        if (whole.epochs, taken) == stop:
            kept.append(copy.deepcopy(whole.state()))  # the run goes on changing the encoder's own tensors

    while whole.epochs < 2:
        keep(0)
        whole.run_epoch(keep)
    resumed = Loop(make_aligner())
    resumed.restore(kept[0])
    while resumed.epochs < 2:
        resumed.run_epoch()
    assert same(weights_of(whole.method), weights_of(resumed.method))


def test_a_dictionary_without_synonyms_is_refused(make_aligner, write_dictionary):
    with pytest.raises(InputError, match="no concept of the dictionary has two names"):
        make_aligner(write_dictionary("D1||a", "D2||b"))


# -- the run


def test_the_model_is_a_checkpoint_of_mean_vectors_and_cosines(make_config):
    result = pretrain(make_config(initial_sparse_weight=0.25))
    biosyn = BioSyn.from_pretrained(result["output_dir"])
    pooling = biosyn.get_dense_encoder().pooling
    assert (pooling.mode, pooling.similarity, biosyn.sparse_weight) == ("mean", "cosine", 0.25)
    np.testing.assert_allclose(np.linalg.norm(biosyn.embed_dense(["ataxia", "a"]), axis=1), 1.0, rtol=1e-5)
    assert biosyn.manifest.trained["dictionary"]["names"] == 40
    assert "queries" not in biosyn.manifest.trained


# -- several dictionaries


@pytest.fixture
def two_dictionaries(tmp_path):
    for name, lines in {
        "a": ("D1||cold", "D1||common cold", "D2||flu"),
        "b": ("HP:1||cold", "HP:1||feels cold"),
    }.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(tmp_path / "a.txt"), str(tmp_path / "b.txt")


def test_equal_names_of_two_dictionaries_have_no_part_in_the_loss(make_aligner, two_dictionaries):
    aligner = make_aligner(as_one([DictionaryDataset(path) for path in two_dictionaries]))
    aligner.dense.model.eval()  # no dropout
    aligner.drawn = [np.array([0, 1]), np.array([2]), np.array([3, 4])]
    vectors = aligner.dense.encode(["cold", "common cold", "flu", "cold", "feels cold"])
    score = (vectors @ vectors.T / 0.05).double()
    losses = []
    for name, synonym, others in ((0, 1, (2, 4)), (1, 0, (2, 3, 4)), (3, 4, (1, 2)), (4, 3, (0, 1, 2))):
        among = score[name, [synonym, *others]]  # neither 3 for 0 nor 0 for 3, which are both "cold"
        losses.append(torch.logsumexp(among, 0) - score[name, synonym])
    expected = torch.stack(losses).mean().float()
    torch.testing.assert_close(aligner.loss(np.arange(3)), expected, rtol=1e-5, atol=1e-5)


def test_a_model_of_several_dictionaries_names_each_and_resumes_with_these_alone(
    make_config, two_dictionaries, tmp_path
):
    settings = {"train_dictionary_path": two_dictionaries, "keep_last": 9, "save_every_steps": 1, "train_batch_size": 1}
    whole = pretrain(make_config(**settings))
    assert whole["names"] == 5
    manifest = load_manifest(whole["output_dir"])
    assert manifest.trained["dictionary"] == [
        {"name": name, "sha256": sha256_of(path), "names": names}
        for name, path, names in zip(("a.txt", "b.txt"), two_dictionaries, (3, 2), strict=True)
    ]
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert [line[:24] for line in card.splitlines() if line.startswith("- dictionary")] == [
        f"- dictionary: name {name}" for name in ("a.txt", "b.txt")
    ]
    for folder in (tmp_path / "out" / "training_state").iterdir():
        if folder.name != "0_2":
            shutil.rmtree(folder)
    for other in (two_dictionaries[:1], two_dictionaries[::-1]):
        with pytest.raises(InputError, match="the content of --train_dictionary_path has changed"):
            pretrain(make_config(**{**settings, "train_dictionary_path": other}, resume=True))
    (tmp_path / "vocabularies.json").write_text('{"vocabularies": ["NCBIGene"]}')
    with pytest.raises(InputError, match="the content of --train_dictionary_path has changed"):
        pretrain(make_config(**settings, resume=True))
    (tmp_path / "vocabularies.json").unlink()
    assert [row["loss"] for row in pretrain(make_config(**settings, resume=True))["epochs"]] == [
        row["loss"] for row in whole["epochs"]
    ]


# -- after it


def test_training_goes_on_from_it_in_its_own_way(make_config, tiny_config, tmp_path):
    from biosyn.training.train import train

    pretrained = pretrain(make_config("pretrained"))["output_dir"]
    train(tiny_config(tmp_path / "trained", model_name_or_path=pretrained, temperature=0.05))
    manifest = json.loads((tmp_path / "trained" / "biosyn.json").read_text(encoding="utf-8"))
    assert (manifest["pooling"], manifest["similarity"]) == ("mean", "cosine")


@pytest.mark.parametrize(("temperature", "warned"), [(1.0, True), (0.05, False)])
def test_cosines_without_a_temperature_are_warned_of(
    mean_checkpoint, tiny_config, tmp_path, caplog, temperature, warned
):
    from biosyn.training.train import train

    train(tiny_config(tmp_path / "out", model_name_or_path=str(mean_checkpoint), temperature=temperature, epoch=0))
    assert ("--temperature 0.05 suits them" in caplog.text) is warned


def test_a_dev_set_is_measured_before_and_after_each_epoch(make_config, tiny_queries, tiny_dictionary):
    rows = pretrain(make_config(dev_dir=str(tiny_queries), dev_dictionary_path=str(tiny_dictionary)))["epochs"]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert all(0 <= row["dev"]["dense"]["acc1"] <= 1 for row in rows)


def test_it_resumes_from_its_state_and_refuses_another_number_of_epochs(make_config, tmp_path):
    whole = pretrain(make_config("whole", keep_last=9, save_every_steps=1))
    for folder in (tmp_path / "whole" / "training_state").iterdir():
        if folder.name != "0_2":
            (folder / "state.json").unlink()
    with pytest.raises(InputError, match="epoch"):
        pretrain(make_config("whole", resume=True, epoch=3))
    again = pretrain(make_config("whole", resume=True, keep_last=9, save_every_steps=1))
    assert [row["loss"] for row in again["epochs"]] == [row["loss"] for row in whole["epochs"]]


def test_without_an_epoch_another_encoder_of_the_same_name_is_saved_too(make_config, tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "encoder")
    settings = make_config(model_name_or_path=str(tmp_path / "encoder"), epoch=0)
    first = BioSyn.from_pretrained(pretrain(settings)["output_dir"]).embed_dense(["ataxia"])
    weights = tmp_path / "encoder" / "model.safetensors"
    save_file({name: part.flip(0) for name, part in load_file(weights).items()}, weights, metadata={"format": "pt"})
    second = BioSyn.from_pretrained(pretrain(settings)["output_dir"]).embed_dense(["ataxia"])
    assert not np.allclose(first, second)


def test_homonyms_of_the_tiny_dictionary_share_an_id(tiny_dictionary):
    dictionary = DictionaryDataset(tiny_dictionary)
    sets = SynonymSets(dictionary.names, dictionary.cuis)
    concepts = np.array([sets.cuis.index("D001259"), sets.cuis.index("D001260|D001259")])
    assert sets.is_synonym(concepts).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_dictionary_path": ()}, "--train_dictionary_path is empty: name a file"),
        ({"train_dictionary_path": ("a", " ")}, "--train_dictionary_path is empty: name a file"),
        ({"group_size": 0}, "--group_size must be at least 1"),
        ({"warmup": 1.5}, "--warmup must be between 0 and 1"),
        ({"temperature": 0.0}, "--temperature must be above 0"),
        ({"temperature": math.nan}, "--temperature must be a finite number"),
        ({"pooling": "max"}, "--pooling must be one of cls, mean"),
        ({"learning_rate": -1.0}, "--learning_rate must be above 0"),
        ({"keep_best": True}, "--keep_best needs --dev_dir"),
    ],
)
def test_bad_settings_are_refused(make_config, changes, message):
    with pytest.raises(InputError, match=message):
        make_config(**changes)
