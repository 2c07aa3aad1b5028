"""Made-up evaluations with probabilities, and the browser of tests/web."""

import importlib.util
from pathlib import Path

import pytest

from biosyn.data.concepts import ConceptTable
from biosyn.evaluation.outcomes import metrics_json
from biosyn.evaluation.reliability import confidence_json
from biosyn.evaluation.report.errors import error_rows
from biosyn.evaluation.report.page import Subject, report_html
from biosyn.records import QueryPrediction

TESTS = Path(__file__).parents[2]
RESAMPLES, SEED = 300, 3


def _load(path):
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_web, _metrics = _load(TESTS / "web" / "conftest.py"), _load(TESTS / "evaluation" / "conftest.py")
chromium, page, start_server = _web.chromium, _web.page, _web.start_server  # one driver for all pages
world, naive = _metrics.world, _metrics.naive


class Report:
    """A made-up evaluation and its page."""

    resamples, seed = RESAMPLES, SEED

    def __init__(self, made, *, threshold=0.5, training=(), model="tiny"):
        made.predictions = [_with_probabilities(found, made) for found in made.predictions]
        self.world, self._training = made, training
        self._subject = Subject(model, "processed_test", {"score": "hybrid"})
        self.outcomes = made.outcomes()
        figures = self.outcomes.figures(resamples=RESAMPLES, seed=SEED)
        self.metrics = {
            "score_mode": "hybrid",
            "names": len(made.dictionary),
            **metrics_json(self.outcomes, figures),
            "confidence": confidence_json(made.predictions, self.outcomes, threshold=threshold),
        }
        self.errors = error_rows(made.predictions, self.outcomes, ConceptTable(_metrics.concepts()))
        self.html = self.render()

    def render(self):
        return report_html(self._subject, self.metrics, self.errors, self._training)


def _with_probabilities(found, made):
    """Give each mention a probability, of few values so that some are equal."""
    chooser = made.chooser
    mentions = (m._replace(probability=chooser.choice([0.05, 0.3, 0.5, 0.55, 0.8, 0.9, 0.97])) for m in found.mentions)
    return QueryPrediction(found.query, tuple(mentions))


@pytest.fixture
def report(world):
    """Function: seed and settings -> Report."""
    return lambda seed=0, **settings: Report(world(seed), **settings)
