"""How far the loading of the model has come, while the server answers already."""

import threading


class LoadingStoppedError(Exception):
    """The server has to end before the model is loaded."""


class Loading:
    """The progress of the loading: written by the thread that loads, read by the event loop."""

    def __init__(self) -> None:
        self.stage = "starting"
        self.done = 0
        self.total = 0
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make the loading end at the next batch of names."""
        self._stopped.set()

    def step(self, stage: str, total: int = 0) -> None:
        """Begin a stage of so many names; raise `LoadingStoppedError` if the server has to end."""
        self.stage, self.done, self.total = stage, 0, total
        self.add(0)

    def add(self, names: int) -> None:
        """Count names that are embedded; raises as `step` does."""
        if self._stopped.is_set():
            raise LoadingStoppedError
        self.done = min(self.done + names, self.total)

    def sentence(self) -> str:
        """Return the progress as text.

        Examples
        --------
        >>> loading = Loading(); loading.step("embedding the dictionary", 73_024); loading.add(4_096)
        >>> loading.sentence()
        'embedding the dictionary: 4,096 of 73,024 names'
        """
        return f"{self.stage}: {self.done:,} of {self.total:,} names" if self.total else self.stage
