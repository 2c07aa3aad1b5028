"""The vectors of the names that an evaluation searches, which may be some of a dictionary's."""

import torch

from biosyn.evaluation.hidden import Hidden
from biosyn.model.biosyn import BioSyn
from biosyn.retrieval.vectors import NameVectors


def embed_searched(
    biosyn: BioSyn,
    searched: Hidden,
    *,
    score_mode: str,
    cache_dir: str | None,
    index_precision: str,
    show_progress: bool,
) -> NameVectors:
    """Return the vectors of the names searched; where some are hidden, those of the whole dictionary are kept on disk.

    Parameters
    ----------
    cache_dir, index_precision
        As for `BioSyn.index`.
    """
    if score_mode == "sparse":  # a second of work, and no encoder in it
        return biosyn.embed(searched.dictionary.names, score_mode="sparse")
    progress = "dictionary" if show_progress else None
    index = biosyn.index(searched.whole, cache_dir=cache_dir, precision=index_precision, progress=progress)
    names = index.vectors(biosyn.device, score_mode=score_mode)
    return names.take(torch.tensor(searched.rows, device=names.device)) if searched.concepts else names
