"""The API against its own description: schemathesis makes requests, good and bad ones, and checks every answer."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS
from schemathesis.generation import GenerationMode

from biosyn.web.app import make_app
from biosyn.web.backend import Backend
from biosyn.web.handlers import OPENAPI
from biosyn.web.limits import Limits

DESCRIBED = json.loads(OPENAPI.read_bytes())
OPERATIONS = [(path, method.upper()) for path, methods in DESCRIBED["paths"].items() for method in methods]
# A text without a letter or digit is a 400, and no schema can say so.
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
def test_every_answer_is_as_described(start_server, make_backend, tiny_dictionary, path, method, mode):
    takes_something = {"parameters", "requestBody"} & DESCRIBED["paths"][path][method.lower()].keys()
    if mode is GenerationMode.NEGATIVE and not takes_something:
        return  # nothing can be wrong about it
    url, _ = start_server(make_backend(tiny_dictionary))
    check(url, path, method, mode=mode, examples=15 if takes_something else 1)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), [("/api/v1/normalize", "POST"), ("/api/v1/link", "POST")])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
def test_a_thousand_answers_are_as_described(start_server, make_backend, tiny_dictionary, path, method, mode):
    url, _ = start_server(make_backend(tiny_dictionary))
    check(url, path, method, mode=mode, examples=1_000)


def check(url, path, method, *, mode, examples):
    """Make requests to an operation and check the answers: status, type, headers and body."""
    operation = schemathesis.openapi.from_dict(DESCRIBED)[path][method]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        case.call_and_validate(base_url=url, checks=CHECKED)

    run()


def test_everything_that_is_served_is_described():
    rules = make_app(Backend()).wildcard_router.rules
    patterns = [rule.matcher.regex.pattern for rule in rules]
    served = {pattern.removesuffix("$").replace("\\", "").removesuffix("?") for pattern in patterns}
    assert {path for path in served if "(" not in path and path != ".*"} == DESCRIBED["paths"].keys()


def test_the_limits_are_those_of_the_code():
    question = DESCRIBED["components"]["schemas"]["Question"]["properties"]
    limits = Limits()
    assert question["mentions"]["maxItems"] == limits.mentions
    assert question["mentions"]["items"]["maxLength"] == limits.mention
    assert question["topk"]["maximum"] == limits.topk
