"""Which of several processes this one is, as torchrun tells it; nothing of torch is imported for it."""

import os


class RankLostError(Exception):
    """Another rank of the run has ended before its time; the message, if any, is this rank's to tell."""


def launched() -> int:
    """Return how many processes the run was started with; 1 without torchrun."""
    return _number("WORLD_SIZE", 1)


def launched_rank() -> int:
    """Return which of them this one is, from 0."""
    return _number("RANK", 0)


def local_rank() -> int:
    """Return which of the processes on this machine this one is, from 0: the number of its GPU."""
    return _number("LOCAL_RANK", 0)


def restarts() -> int:
    """Return how often torchrun (``--max_restarts``) has started this process anew."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0)


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default
