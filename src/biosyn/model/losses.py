"""The marginal likelihood of synonyms: scores in, loss out."""

import torch
from torch import Tensor

PROBABILITY_FLOOR = 1e-9


def marginal_nll(score: Tensor, target: Tensor) -> Tensor:
    """Return the mean over mentions of ``-log(sum of P(candidate) over the positive candidates)``.

    P is the softmax over a mention's K candidates in float32, the sum is clamped to [1e-9, 1]; a mention
    without a positive candidate is left out, and a batch with none left gives 0.
    Source: Sung et al., ACL 2020, section 3.2 (marginal maximum likelihood).

    Parameters
    ----------
    score
        The scores of the candidates, shape (B, K).
    target
        1 where the candidate is a synonym of the mention, else 0; shape (B, K).

    Examples
    --------
    The scores log[1, 1, 2] give P = [1/4, 1/4, 1/2]; positives {0, 2} have 3/4, and -log 3/4 = 0.2877.

    >>> score = torch.log(torch.tensor([[1.0, 1.0, 2.0]]))
    >>> round(marginal_nll(score, torch.tensor([[1, 0, 1]])).item(), 4)
    0.2877
    """
    total, count = marginal_nll_sum(score, target)
    return total / count.clamp(min=1)


def marginal_nll_sum(score: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum that `marginal_nll` divides, and the number of mentions in it, each of shape ()."""
    probability = torch.softmax(score.float(), dim=-1)  # (B, K)
    marginal = (probability * target).sum(dim=-1)  # (B,)
    counted = marginal > 0  # (B,); where, not an index: an index has to wait for a GPU's numbers
    count = counted.sum().float()
    total = -marginal.where(counted, 1.0).clamp(PROBABILITY_FLOOR, 1.0).log().sum()
    # none left: 0 with a graph, so that backward() works; but nan where the scores are nan
    return torch.where(count > 0, total, score.float().sum() * 0.0), count


def synonym_nll(score: Tensor, synonym: Tensor, *, excluded: Tensor) -> Tensor:
    """Return `marginal_nll` of T names, each with all the others as its candidates.

    Parameters
    ----------
    score
        The score of each pair of names, shape (T, T).
    synonym
        True for two names of one concept, bool of shape (T, T).
    excluded
        True for pairs that are neither right nor wrong, bool of shape (T, T): a name and itself, names that are equal.

    Examples
    --------
    The first two of three names are synonyms; all scores are 0, so each of the two has P = 1/2 for the other: log 2.

    >>> one = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    >>> round(synonym_nll(torch.zeros(3, 3), one, excluded=torch.eye(3).bool()).item(), 4)
    0.6931
    """
    right = synonym & ~excluded
    rows = right.any(dim=1)  # the other rows may have no pair that is not excluded: their softmax would be nan
    return marginal_nll(score.masked_fill(excluded, -torch.inf)[rows], right[rows])
