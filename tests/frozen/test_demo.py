"""What the demo answers over HTTP, on the calibrated and uncalibrated routes that a program may call."""

import json
import os
import signal
import socket
import threading
import time
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

UNSTABLE = ("version", "encoder_sha256", "sha256")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def asked(url, body=None, kind="application/json"):
    """Return the status and the JSON value; a body makes it a POST."""
    content = json.dumps(body).encode() if kind == "application/json" and body is not None else body
    try:
        with urlopen(Request(url, content, {"Content-Type": kind}), timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def is_ready(url):
    try:
        return urlopen(f"{url}/readyz", timeout=30).status == 200
    except (HTTPError, URLError):
        return False


QUESTIONS = {
    "upstream's address": ["/normalize/?" + urlencode({"string": "Louis-Bar syndrome"})],
    "names": ["/api/v1/normalize", {"mentions": ["ovarian tumours", "anaemias"], "topk": 2}],
    "concepts": ["/api/v1/normalize", {"mentions": ["louis-bar syndrome"], "topk": 2, "group_by_concept": True}],
    "vectors": ["/api/v1/embed", {"mentions": ["ataxia"]}],
    "other names": ["/api/v1/names?" + urlencode({"name": "ataxia syndrome", "id": "D001260|D001259"})],
    "a file": ["/api/v1/link?filename=a.csv", b"id,mention\n1,spider vein\n", "application/octet-stream"],
    "what it is": ["/api/v1/info"],
    "no mention": ["/api/v1/normalize", {"mentions": ["-"]}],
    "no JSON": ["/api/v1/normalize", b"{", "text/plain"],
    "no such page": ["/api/v1/none"],
}


@pytest.fixture
def answers(run, model):
    """Answers of the demo, which runs in this thread until another has asked all and sends Ctrl-C."""
    port, found = free_port(), {}
    url = f"http://127.0.0.1:{port}"

    def ask():
        try:
            end = time.monotonic() + 60
            while not is_ready(url) and time.monotonic() < end:
                time.sleep(0.05)
            for name, (path, *rest) in QUESTIONS.items():
                found[name] = asked(url + path, *rest)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=ask)
    thread.start()
    code, out, err = run("demo", *model(), "--port", port)
    thread.join()
    assert (code, out) == (0, ""), err
    return found


def test_answers(answers, golden, masked):
    for name in ("no mention", "no JSON", "no such page"):
        assert 400 <= answers[name][0] < 500
        answers[name] = answers[name][0], dict.fromkeys(answers[name][1], "...")
    golden("demo", masked(answers, *UNSTABLE))
