"""The verb of biosyn index build: a dictionary embedded on disk, and an approximate index of it where one is wanted."""

import time
from typing import Any

from biosyn.data.concepts import ConceptTable
from biosyn.data.dictionary import require_names
from biosyn.devices import resolve_device
from biosyn.errors import InputError
from biosyn.index.approximate_build import build_ann
from biosyn.index.faiss_index import require_faiss
from biosyn.index.header import ann_summary
from biosyn.model.biosyn import BioSyn
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.model.linker import Linker, require_calibration
from biosyn.settings.verbs import SEARCH_MEMORY, IndexConfig


def build_index(config: IndexConfig) -> dict[str, Any]:
    """Run biosyn index build: return its JSON result, with the recall of the approximate index.

    What is there already is not made again, and a build that was killed goes on where it was.

    Raises
    ------
    InputError
        If a file is missing or bad, a package is missing, or the cache folder cannot be written to.
    """
    started = time.monotonic()
    if config.ann:
        require_faiss()  # before the hours that the embedding may take
    device = resolve_device(config.device)
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    biosyn = BioSyn.from_pretrained(
        config.model_name_or_path,
        revision=config.revision,
        device=device,
        precision=config.precision,
        search_memory=config.search_memory,
    )
    index = biosyn.index(
        dictionary,
        cache_dir=config.cache_dir,
        precision=config.index_precision,
        progress="dictionary" if config.show_progress else None,
    )
    if index.folder is None:
        raise InputError("the cache folder cannot be written to: name another --cache_dir", path=config.cache_dir)
    result: dict[str, Any] = {"folder": str(index.folder), "names": len(index)}
    if config.ann:
        header = build_ann(
            index,
            sparse_weight=biosyn.sparse_weight,
            embed=lambda texts: biosyn.embed(texts, what="queries"),
            memory=config.search_memory,
        )
        result["approximate"] = ann_summary(header.key, header.measured)
    return {**result, "seconds": round(time.monotonic() - started, 1)}


def load_linker(
    model_name_or_path: str,
    dictionary_path: str,
    *,
    topk: int,
    device: str,
    revision: str | None = None,
    cache_dir: str | None = None,
    precision: str = "float32",
    index_precision: str = "float32",
    search_memory: int = SEARCH_MEMORY,
    ann: bool = False,
    concepts: ConceptTable | None = None,
    calibrated: bool = False,
    show_progress: bool = False,
) -> Linker:
    """Read the dictionary and the model and embed the names; the cheap checks come first.

    Parameters
    ----------
    ann
        As `Linker`'s.
    calibrated
        Refuse a model without probabilities.

    Raises
    ------
    InputError
        If a file is missing or bad, the dictionary holds fewer than ``topk`` names, the device is not there, or the
        model should be calibrated and is not.
    """
    resolved = resolve_device(device)
    if ann:
        require_faiss()
    dictionary = open_dictionary(dictionary_path, cache_dir=cache_dir)
    require_names(dictionary, topk)
    biosyn = BioSyn.from_pretrained(
        model_name_or_path, revision=revision, device=resolved, precision=precision, search_memory=search_memory
    )
    if calibrated:
        require_calibration(biosyn, "hybrid")
    return Linker(
        biosyn,
        dictionary,
        concepts=concepts,
        cache_dir=cache_dir,
        index_precision=index_precision,
        ann=ann,
        show_progress=show_progress,
    )
