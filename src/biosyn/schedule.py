"""Learning rates over the steps of a run."""

from torch.optim import Optimizer


def rate_factor(step: int, *, steps: int, warmup: float) -> float:
    """Return the share of the highest rate at a step: up to 1 by a straight line, then down towards 0 by another.

    Parameters
    ----------
    step
        Counted from 0.
    steps
        Of the whole run.
    warmup
        Share of them in which the rate rises, between 0 and 1.

    Examples
    --------
    >>> [rate_factor(step, steps=6, warmup=1 / 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    rising = round(steps * warmup)
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
