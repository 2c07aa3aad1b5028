"""How far the loading of the model has come while the server answers already."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biosyn.data.dictionary import require_names
from biosyn.devices import resolve_device
from biosyn.model.biosyn import BioSyn
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.settings.verbs import DemoConfig
from biosyn.web.service import CONCEPTS, Question, Service

if TYPE_CHECKING:
    from torch import nn


class LoadingStoppedError(Exception):
    """The server is to end before the model is there."""


class Loading:
    """How far the loading has come: written by the thread that loads, read by the event loop."""

    def __init__(self) -> None:
        self.stage = "starting"
        self.done = 0
        self.total = 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the loading end at the next batch of names."""
        self._stopped.set()

    def step(self, stage: str, *, total: int = 0) -> None:
        """Begin a stage.

        Raises
        ------
        LoadingStoppedError
            If the server is to end.
        """
        self.stage, self.done, self.total = stage, 0, total
        self.add(0)

    def add(self, names: int) -> None:
        """Count names that are embedded; raises as `step` does."""
        if self._stopped.is_set():
            raise LoadingStoppedError
        self.done = min(self.done + names, self.total)

    def sentence(self) -> str:
        """Say where it stands.

        Examples
        --------
        >>> loading = Loading(); loading.step("embedding the dictionary", total=73_024); loading.add(4_096)
        >>> loading.sentence()
        'embedding the dictionary: 4,096 of 73,024 names'
        """
        return f"{self.stage}: {self.done:,} of {self.total:,} names" if self.total else self.stage


@contextmanager
def counted(encoder: "nn.Module", add: Callable[[int], None]) -> Iterator[None]:
    """Tell ``add`` the number of texts of each batch that the encoder embeds meanwhile."""

    def count(module: "nn.Module", args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        add(len(kwargs["input_ids"]))

    handle = encoder.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def load_service(config: DemoConfig, loading: Loading) -> Service:
    """Read the dictionary and the model and embed the names; the cheap checks come first.

    Raises
    ------
    InputError
        As `inference.load_linker`.
    LoadingStoppedError
        If the server is to end.
    """
    loading.step("reading the dictionary")
    device = resolve_device(config.device)
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    require_names(dictionary, config.topk)
    loading.step("loading the model")
    biosyn = BioSyn.from_pretrained(
        config.model_name_or_path,
        revision=config.revision,
        device=device,
        precision=config.precision,
        search_memory=config.search_memory,
    )
    loading.step("embedding the dictionary", total=len(dictionary))
    with counted(biosyn.get_dense_encoder().model, loading.add):
        linker = biosyn.load_dictionary(
            dictionary,
            cache_dir=config.cache_dir,
            index_precision=config.index_precision,
            ann=config.ann,
            show_progress=config.show_progress,
        )
    loading.step("reading the concepts")
    figures = biosyn.manifest.figures if biosyn.manifest else {}
    service = Service(linker, model_name=shown_name(config.model_name_or_path), figures=figures)
    _ = service.info  # hashes the dictionary's file: not while someone waits
    service.answer([Question("ataxia", CONCEPTS, config.topk)])  # the first answer is slow: its pages are not in memory
    return service


def shown_name(model_name_or_path: str) -> str:
    """Return what the page calls a model: a Hub id, or the folder's name without where it lies.

    Examples
    --------
    >>> shown_name("dmis-lab/biosyn-sapbert-bc2gn"), shown_name("/usr/")
    ('dmis-lab/biosyn-sapbert-bc2gn', 'usr')
    """
    return Path(model_name_or_path).name if Path(model_name_or_path).exists() else model_name_or_path
