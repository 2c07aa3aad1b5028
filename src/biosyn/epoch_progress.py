"""How far an epoch of training is: what its remaining steps and its row of the log depend on."""

from dataclasses import dataclass, field

from torch import Tensor

from biosyn.training.candidates import CandidateDataset


@dataclass
class EpochProgress:
    """An epoch that is begun.

    Parameters
    ----------
    candidates
        Of its mentions.
    order
        The state of the generator from which the order of its mentions is drawn, before that.
    losses
        Of the steps taken, each of shape (), on the device: reading each would stall a GPU.
    retrieval_seconds, step_seconds
        What it has taken so far, in all the runs that worked on it.
    """

    candidates: CandidateDataset
    order: Tensor
    losses: list[Tensor] = field(default_factory=list)
    retrieval_seconds: float = 0.0
    step_seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many are taken."""
        return len(self.losses)

    def row(self) -> dict[str, float]:
        """Return the figures of an epoch whose steps are all taken, for the log."""
        return {
            "positive_share": self.candidates.positive_share,
            "seconds": round(self.retrieval_seconds + self.step_seconds, 1),
            "mentions_per_second": round(len(self.candidates) / self.step_seconds, 2),
        }
