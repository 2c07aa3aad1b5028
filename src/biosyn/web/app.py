"""The demo's web application: the page, its static files, the API, and that for OpenRefine."""

from pathlib import Path
from typing import Any

from tornado.web import Application, StaticFileHandler

from biosyn.web.backend import Backend
from biosyn.web.base import Base, NotFound
from biosyn.web.files import AnnotateHandler, LinkHandler
from biosyn.web.handlers import (
    EmbedHandler,
    HealthHandler,
    InfoHandler,
    MetricsHandler,
    NamesHandler,
    NormalizeHandler,
    OpenApiHandler,
    ReadyHandler,
    UpstreamHandler,
)
from biosyn.web.reconcile import ReconcileHandler
from biosyn.web.suggest import PreviewHandler, ProposeHandler, SuggestHandler

WEB_ROOT = Path(__file__).parent


def make_app(backend: Backend) -> Application:
    """Return the application; any other path is a 404."""
    shared = {"backend": backend}
    return Application(
        [
            (r"/()", FileHandler, {**shared, "path": WEB_ROOT, "default_filename": "index.html"}),
            (r"/static/(\w+\.\w+)", FileHandler, {**shared, "path": WEB_ROOT / "static"}),
            (r"/normalize/?", UpstreamHandler, shared),
            (r"/api/v1/normalize", NormalizeHandler, shared),
            (r"/api/v1/embed", EmbedHandler, shared),
            (r"/api/v1/names", NamesHandler, shared),
            (r"/api/v1/link", LinkHandler, shared),
            (r"/api/v1/annotate", AnnotateHandler, shared),
            (r"/api/v1/info", InfoHandler, shared),
            (r"/api/v1/openapi\.json", OpenApiHandler, shared),
            (r"/reconcile", ReconcileHandler, shared),
            (r"/reconcile/suggest/entity", SuggestHandler, shared),
            (r"/reconcile/suggest/property", SuggestHandler, shared),
            (r"/reconcile/suggest/type", SuggestHandler, shared),
            (r"/reconcile/properties", ProposeHandler, shared),
            (r"/reconcile/preview", PreviewHandler, shared),
            (r"/healthz", HealthHandler, shared),
            (r"/readyz", ReadyHandler, shared),
            (r"/metrics", MetricsHandler, shared),
        ],
        default_handler_class=NotFound,
        default_handler_args=shared,
        log_function=lambda handler: None,  # Base.on_finish has counted and logged it
    )


class FileHandler(Base, StaticFileHandler):
    """The page and its static files, whose names are of letters and digits, in one folder."""

    route = "/static/"
    methods = ("GET", "HEAD")

    def initialize(self, backend: Backend, path: Path, default_filename: str | None = None) -> None:  # type: ignore[override]
        """Take the arguments of `make_app`."""
        Base.initialize(self, backend)
        StaticFileHandler.initialize(self, str(path), default_filename)

    def set_extra_headers(self, path: str) -> Any:
        """Keep `HEADERS` as they are."""
