"""How far the loading of the model has come while the server answers already."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # importing torch takes seconds: the page is to be there before
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
