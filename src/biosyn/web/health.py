"""Whether the server lives, whether the model is there, and what to count."""

from biosyn.web.base import Base, ProblemError


class HealthHandler(Base):
    """``GET /healthz``: the process answers."""

    route = "/healthz"

    def get(self) -> None:
        """Answer."""
        self.finish({"status": "ok"})


class ReadyHandler(Base):
    """``GET /readyz``: 200 when mentions are answered, a 503 with the progress before."""

    route = "/readyz"

    def get(self) -> None:
        """Answer."""
        require_ready(self)
        self.finish({"status": "ready"})


class MetricsHandler(Base):
    """``GET /metrics``: Prometheus' text format."""

    route = "/metrics"

    def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(self.backend.metrics.text())


def require_ready(handler: Base) -> None:
    """Answer 503 with the progress while the model is loaded."""
    loading = handler.backend.loading
    if handler.backend.service is None:
        progress = {"stage": loading.stage, "done": loading.done, "total": loading.total}
        raise ProblemError(503, loading.sentence(), code="not_ready", more={"progress": progress})
