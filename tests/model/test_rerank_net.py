import copy

import numpy as np
import pytest
import torch

from biosyn.encoders.pooling import Pooling
from biosyn.model.losses import marginal_nll
from biosyn.model.rerank_net import RerankNet
from biosyn.training.candidates import CandidateDataset

MENTIONS = ["ataxia", "cancer of breast", "anemic", "ataxia telangiectasia"]
NAMES = ["ataxia", "ataxia syndrome", "breast cancer", "cancer", "ovarian cancer disease", "anemia", "a b c d e f g h"]
CANDIDATES = np.array([[0, 1, 5, 2], [2, 3, 4, 6], [5, 0, 1, 3], [1, 0, 6, 5]])
LABELS = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], dtype=np.float32)
SPARSE = np.random.default_rng(0).random((4, 4), dtype=np.float32)
W = 0.7


@pytest.fixture
def batch(tiny_dense):
    tokens = tiny_dense.tokenize(MENTIONS).followed_by(tiny_dense.tokenize(NAMES))
    dataset = CandidateDataset(tokens, candidates=CANDIDATES, sparse_scores=SPARSE, labels=LABELS)
    return dataset.batch(np.arange(4))


@pytest.fixture
def pairwise_scores(tiny_dense, encode_alone):
    """Function: the scores with each mention and each candidate encoded by a call of its own, pair by pair."""

    def scores(model, w):
        rows = []
        for mention, columns, sparse_row in zip(MENTIONS, CANDIDATES, SPARSE, strict=True):
            row = []
            for column, sparse_score in zip(columns, sparse_row, strict=True):
                pair = encode_alone(model, tiny_dense.tokenizer, [mention, NAMES[column]])  # (2, H)
                row.append(pair[0] @ pair[1] + w * float(sparse_score))
            rows.append(torch.cat([score.reshape(1) for score in row]))
        return torch.stack(rows)  # (B, K)

    return scores


def test_scores_equal_each_pair_scored_alone(batch, tiny_dense, plain_model, pairwise_scores):
    with torch.no_grad():
        found = RerankNet(tiny_dense.model, W).eval()(batch)
        expected = pairwise_scores(plain_model, W)
    assert found.shape == (4, 4)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_scores_are_divided_by_the_temperature(batch, tiny_dense):
    with torch.no_grad():
        plain = RerankNet(tiny_dense.model, W).eval()(batch)
        found = RerankNet(tiny_dense.model, W, temperature=0.05).eval()(batch)
    torch.testing.assert_close(found, plain / 0.05)


def test_cosines_are_between_minus_1_and_1(batch, tiny_dense):
    with torch.no_grad():
        found = RerankNet(tiny_dense.model, 0.0, pooling=Pooling("cls", "cosine")).eval()(batch)
    assert found.abs().max() <= 1 + 1e-5


def test_loss_and_gradients_equal_each_pair_scored_alone(batch, tiny_dense, plain_model, pairwise_scores):
    # small weights first: random ones give a softmax of zeros and ones, which has hardly a gradient to compare
    for model in (tiny_dense.model, plain_model):
        model.double().eval()
        with torch.no_grad():
            model.encoder.layer[-1].output.LayerNorm.weight.mul_(0.2)
    net = RerankNet(tiny_dense.model, W)
    loss = marginal_nll(net(batch), batch.target)
    loss.backward()

    w = torch.tensor([W], requires_grad=True)
    expected = marginal_nll(pairwise_scores(plain_model, w), torch.from_numpy(LABELS))
    expected.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss.item() > 0.1
    torch.testing.assert_close(net.sparse_weight.grad, w.grad, rtol=1e-5, atol=1e-8)
    theirs = dict(plain_model.named_parameters())
    for name, parameter in net.encoder.named_parameters():
        if parameter.grad is None:
            assert theirs[name].grad is None
            continue
        difference = (parameter.grad - theirs[name].grad).norm()
        assert difference <= 1e-5 * theirs[name].grad.norm() + 1e-9, name


def test_the_weight_multiplies_the_sparse_score(batch, tiny_dense):
    net = RerankNet(tiny_dense.model, 0.0).eval()
    with torch.no_grad():
        without = net(batch)
        net.sparse_weight.fill_(2.0)
        torch.testing.assert_close(net(batch), without + 2 * torch.from_numpy(SPARSE), rtol=1e-5, atol=1e-5)


def test_the_gradient_of_the_weight_is_the_sparse_score(batch, tiny_dense):
    net = RerankNet(tiny_dense.model, W)
    net(batch)[2, 1].backward()
    assert net.sparse_weight.grad.item() == pytest.approx(float(SPARSE[2, 1]))


def test_the_weight_is_one_trainable_scalar(tiny_dense):
    net = RerankNet(tiny_dense.model, 0.25)
    assert net.sparse_weight.shape == (1,)
    assert net.sparse_weight.item() == 0.25
    assert "sparse_weight" in dict(net.named_parameters())
    assert RerankNet(tiny_dense.model).sparse_weight.item() == 0


def test_dropout_is_on_in_training_and_off_in_evaluation(batch, tiny_dense):
    net = RerankNet(copy.deepcopy(tiny_dense.model))
    with torch.no_grad():
        assert torch.equal(net.eval()(batch), net(batch))
        assert not torch.allclose(net.train()(batch), net(batch))


def test_a_step_reads_no_number_from_the_device(batch, tiny_dense):
    # the meta device has shapes and no numbers: to read one there, or to mix devices, is an error
    net = RerankNet(tiny_dense.model.to("meta"), W).train()
    marginal_nll(net(batch), batch.target.to("meta")).backward()
    assert net.sparse_weight.grad.shape == (1,)


@pytest.mark.cuda
def test_cuda_gives_the_same_scores(batch, tiny_dense, plain_model, pairwise_scores):
    with torch.no_grad():
        expected = pairwise_scores(plain_model, W)
        found = RerankNet(tiny_dense.model.cuda(), W).eval()(batch)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)
