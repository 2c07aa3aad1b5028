import math

import pytest
import torch

from biosyn.model.losses import marginal_nll


def loss_of(exponentials, target):
    """Scores are given by their exponentials, so that the softmax can be read off."""
    return marginal_nll(torch.log(torch.tensor(exponentials)), torch.tensor(target, dtype=torch.float32)).item()


def test_probabilities_of_all_synonyms_are_added():
    # softmax(log[1, 1, 2]) = [1/4, 1/4, 1/2]; positives {0, 2} -> -log 3/4
    assert loss_of([[1.0, 1.0, 2.0]], [[1, 0, 1]]) == pytest.approx(-math.log(3 / 4))


def test_mentions_are_averaged():
    # [1/4, 3/4], positive {0} -> -log 1/4; [1/2, 1/2], positive {1} -> -log 1/2; mean (log 4 + log 2) / 2
    assert loss_of([[1.0, 3.0], [1.0, 1.0]], [[1, 0], [0, 1]]) == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_a_mention_without_a_positive_is_left_out_of_the_mean():
    # the second mention has none: -log 1/4 of the first alone, not half of it
    assert loss_of([[1.0, 3.0], [1.0, 1.0]], [[1, 0], [0, 0]]) == pytest.approx(math.log(4))


def test_all_candidates_positive_gives_no_loss():
    # the sum is 1 or a rounding error above it, and is clamped to 1: -log 1 = 0, never below
    assert loss_of([[1.0, 3.0, 7.0]], [[1, 1, 1]]) == pytest.approx(0.0, abs=1e-6)
    assert loss_of([[1.0, 3.0, 7.0]], [[1, 1, 1]]) >= 0


def test_a_tiny_probability_is_clamped():
    # softmax([-30, 0]) = [9.4e-14, 1 - 9.4e-14]; clamped to 1e-9
    loss = marginal_nll(torch.tensor([[-30.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx(-math.log(1e-9))


def test_a_clamped_mention_gives_no_gradient():
    score = torch.tensor([[-30.0, 0.0]], requires_grad=True)
    marginal_nll(score, torch.tensor([[1.0, 0.0]])).backward()
    assert score.grad.tolist() == [[0.0, 0.0]]


def test_a_probability_of_zero_is_left_out():
    # softmax([-200, 0]) = [0, 1] in float32: the first mention is left out, the second has -log 1/2
    score = torch.tensor([[-200.0, 0.0], [0.0, 0.0]])
    assert marginal_nll(score, torch.tensor([[1.0, 0.0], [1.0, 0.0]])).item() == pytest.approx(math.log(2))


def test_a_batch_with_nothing_left_gives_zero_and_a_zero_gradient():
    score = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    loss = marginal_nll(score, torch.zeros(2, 2))
    assert loss.item() == 0
    loss.backward()
    assert score.grad is None or torch.count_nonzero(score.grad) == 0


def test_large_scores_do_not_overflow():
    score = torch.tensor([[1000.0, 1000.0]])
    assert marginal_nll(score, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(math.log(2))


def test_a_constant_added_to_a_mentions_scores_changes_nothing():
    score, target = torch.tensor([[0.3, -1.2, 2.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    assert marginal_nll(score + 5, target).item() == pytest.approx(marginal_nll(score, target).item(), rel=1e-6)


def test_half_precision_scores_are_summed_in_float32():
    score, target = torch.tensor([[0.5, -1.25, 2.0]]), torch.tensor([[1, 1, 0]])
    assert marginal_nll(score.half(), target).dtype == torch.float32
    assert marginal_nll(score.half(), target).item() == pytest.approx(marginal_nll(score, target).item(), rel=1e-6)


def test_value_and_gradient_equal_a_naive_float64_computation():
    generator = torch.Generator().manual_seed(0)
    score = torch.randn(5, 7, generator=generator)
    target = (torch.rand(5, 7, generator=generator) < 0.3).float()
    target[3] = 0  # one mention without a positive

    found, expected = score.clone().requires_grad_(), score.double().requires_grad_()
    marginal_nll(found, target).backward()
    terms = []
    for row, positives in zip(expected, target.bool(), strict=True):
        if positives.any():
            terms.append(-torch.log(torch.exp(row[positives]).sum() / torch.exp(row).sum()))
    (sum(terms) / len(terms)).backward()
    torch.testing.assert_close(found.grad, expected.grad.float(), rtol=1e-5, atol=1e-7)
    assert marginal_nll(score, target).item() == pytest.approx((sum(terms) / len(terms)).item(), rel=1e-6)
