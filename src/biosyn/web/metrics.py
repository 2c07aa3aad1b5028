"""The figures that /metrics gives Prometheus: counts and times, never a mention."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The demo's figures, in a registry of their own.

    Parameters
    ----------
    waiting
        Returns the number of mentions that wait.
    ready
        Returns whether the model is loaded.
    """

    def __init__(self, waiting: Callable[[], int], ready: Callable[[], bool]):
        self.registry = to = CollectorRegistry()
        self.requests = Counter("biosyn_requests", "Requests answered.", ["route", "status"], registry=to)
        self.seconds = Histogram("biosyn_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=to)
        self.mentions = Counter("biosyn_mentions", "Mentions asked for.", registry=to)
        self.recent = Counter("biosyn_recent_hits", "Mentions answered from memory.", registry=to)
        self.batches = Histogram("biosyn_batch_size", "Mentions of a batch.", buckets=SIZES, registry=to)
        Gauge("biosyn_waiting_mentions", "Mentions that wait.", registry=to).set_function(lambda: float(waiting()))
        Gauge("biosyn_ready", "Whether the model is loaded.", registry=to).set_function(lambda: float(ready()))

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
