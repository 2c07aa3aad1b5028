"""The one way to open a model, and a model on a dictionary; and the verb biosyn index build."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

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
from biosyn.places import Inputs
from biosyn.settings.groups import Compute, Index
from biosyn.settings.verbs import DemoConfig, IndexConfig, InferenceConfig, LinkConfig, MapConfig, McpConfig, TextConfig

Searching = InferenceConfig | LinkConfig | TextConfig | MapConfig | DemoConfig | McpConfig


def open_model(
    model_name_or_path: str,
    compute: Compute,
    *,
    revision: str | None = None,
    max_length: int | None = None,
    calibrated_for: str | None = None,
) -> BioSyn:
    """Load a model onto its device.

    Parameters
    ----------
    calibrated_for
        A score mode: refuse a model that has no probabilities for it.
    """
    biosyn = BioSyn.from_pretrained(
        model_name_or_path,
        revision=revision,
        max_length=max_length,
        device=resolve_device(compute.device),
        precision=compute.precision,
        search_memory=compute.search_memory,
    )
    if calibrated_for is not None:
        require_calibration(biosyn, calibrated_for)
    return biosyn


def load_linker(
    model_name_or_path: str,
    dictionary_path: str,
    compute: Compute | None = None,
    index: Index | None = None,
    *,
    revision: str | None = None,
    topk: int = 1,
    ann: bool = False,
    exact_first: bool = True,
    rerank: int = 0,
    calibrated: bool = False,
    whole_concepts: bool = False,
    on_stage: Callable[[str, int], object] = lambda stage, total: None,
    on_names: Callable[[int], object] = lambda names: None,
) -> Linker:
    """Open a model on a dictionary: read both and embed the names, after the cheap checks.

    Parameters
    ----------
    compute
        The device, the precision and the memory of a search; None uses the defaults of the flags.
    index
        Where and how the embedded dictionary is kept; None uses the defaults of the flags.
    topk
        The number of names that the dictionary must have at least.
    ann
        See `Linker`.
    exact_first, rerank
        See `Linker`.
    calibrated
        Refuse a model without probabilities.
    whole_concepts
        Keep the obsolete concepts and the cross-references too.
    on_stage
        Called at the beginning of each stage with its name and the number of names in it, or 0. It may raise.
    on_names
        Called with the number of names of each batch before it is embedded. It may raise.
    """
    compute, index = compute or Compute(), index or Index()
    resolve_device(compute.device)
    if calibrated and rerank:
        raise InputError("scores after --rerank have no probability: leave it out")
    if ann:
        require_faiss()
    on_stage("reading the dictionary", 0)
    dictionary = open_dictionary(dictionary_path, cache_dir=index.cache_dir)
    require_names(dictionary, topk)
    on_stage("reading the concepts", 0)
    concepts = ConceptTable.beside(dictionary_path, whole=whole_concepts)
    on_stage("loading the model", 0)
    biosyn = open_model(model_name_or_path, compute, revision=revision, calibrated_for="hybrid" if calibrated else None)
    on_stage("embedding the dictionary", len(dictionary))
    with _counted(biosyn.get_dense_encoder().model, on_names):
        return Linker(
            biosyn,
            dictionary,
            concepts=concepts,
            cache_dir=index.cache_dir,
            index_precision=index.index_precision,
            ann=ann,
            exact_first=exact_first,
            rerank=rerank,
            show_progress=compute.show_progress,
        )


def open_linker(config: Searching, **others: Any) -> Linker:
    """Open the model of a verb on its dictionary, as its flags say; ``others`` are more settings of `load_linker`."""
    return load_linker(
        config.model_name_or_path,
        str(config.dictionary_path),
        config,
        config,
        revision=config.revision,
        ann=config.ann,
        exact_first=config.exact_first,
        rerank=config.rerank,
        **others,
    )


@contextmanager
def _counted(encoder: nn.Module, add: Callable[[int], object]) -> Iterator[None]:
    """Call ``add`` with the number of texts of each batch that the encoder embeds meanwhile."""

    def count(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        add(len(kwargs["input_ids"]))

    handle = encoder.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def build_index(config: IndexConfig) -> dict[str, Any]:
    """Run biosyn index build: return its JSON result, with the recall of the approximate index.

    What is there already is not made again, and a build that was killed is resumed.
    """
    started = time.monotonic()
    if config.ann:
        require_faiss()  # before the hours that the embedding may take
    resolve_device(config.device)
    inputs = Inputs.of(config)
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    biosyn = open_model(config.model_name_or_path, config, revision=config.revision)
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
    inputs.warn_of_changes()
    return {**result, "seconds": round(time.monotonic() - started, 1)}
