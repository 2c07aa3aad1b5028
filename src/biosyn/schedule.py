"""Learning rates over the steps of a run."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warm_up_then_down(optimizer: Optimizer, *, steps: int, warmup: float) -> LambdaLR:
    """Return the schedule whose rate rises from 0 in a share of the steps, then falls to 0, both by a straight line.

    Parameters
    ----------
    steps
        Of the whole run.
    warmup
        Share of them in which the rate rises, between 0 and 1.

    Examples
    --------
    >>> import torch
    >>> optimizer = torch.optim.AdamW([torch.zeros(1)], lr=1.0)
    >>> schedule = warm_up_then_down(optimizer, steps=4, warmup=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(schedule.get_last_lr()[0])
    ...     optimizer.step(), schedule.step()  # doctest: +ELLIPSIS
    (...)
    (...)
    (...)
    (...)
    >>> rates
    [0.5, 1.0, 1.0, 0.5]
    """
    rising = max(1, round(steps * warmup)) if warmup else 0

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (steps - step) / max(1, steps - rising))

    return LambdaLR(optimizer, factor)
