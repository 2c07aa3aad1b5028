"""What is too much: bodies, and what waits."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from biosyn.web.backend import Backend
from biosyn.web.limits import Limits

HEAD = "POST /api/v1/normalize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def url(start_server, make_backend, tiny_dictionary):
    return start_server(make_backend(tiny_dictionary, body=1_000, file=2_000))[0]


@pytest.mark.parametrize("size", [1_001, 5_000, 500_000_000_000])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(url, size):
    head = f"{HEAD}Content-Length: {size}\r\n\r\n"
    with socket.create_connection(urlsplit(url).netloc.split(":"), timeout=60) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(10_000).decode()
    assert answer.startswith("HTTP/1.1 413 ")
    assert '"code": "too_large"' in answer
    assert "give 1,000 bytes at most" in answer


def test_a_body_in_chunks_that_grows_too_large_is_refused(url):
    head = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n"
    chunk = "64\r\n" + "a" * 0x64 + "\r\n"
    with socket.create_connection(urlsplit(url).netloc.split(":"), timeout=60) as connection:
        connection.sendall((head + 20 * chunk + "0\r\n\r\n").encode())
        assert connection.recv(10_000).decode().startswith("HTTP/1.1 413 ")


def test_a_file_may_be_larger_than_a_question(url, send):
    mention = b"ataxia\n" * 200  # 1,400 bytes
    assert send(url, "/api/v1/link", "POST", mention, kind="application/octet-stream")[0] == 200
    assert send(url, "/api/v1/link", "POST", 2 * mention, kind="application/octet-stream")[0] == 413


def test_when_the_queue_is_full_there_are_answers_and_503s_and_nothing_else(start_server, send, tiny_service):
    taken, go_on = threading.Event(), threading.Event()

    class SlowService:
        def answer(self, questions):
            taken.set()
            assert go_on.wait(60)
            return tiny_service.answer(questions)

    backend = Backend(topk=1, limits=Limits(batch=2, queue=6, window=0.0))
    backend.service = SlowService()
    url, _ = start_server(backend)
    with ThreadPoolExecutor(30) as pool:
        first = pool.submit(send, url, "/normalize/?string=first")
        assert taken.wait(60)
        others = [pool.submit(send, url, f"/normalize/?string=ataxia{number}") for number in range(20)]
        while sum(other.done() for other in others) < 14:  # 20 - 6 that wait
            assert not first.done()
        go_on.set()
        answers = [one.result() for one in [first, *others]]
    refused = [(headers, json.loads(body)) for status, headers, body in answers if status == 503]
    assert sorted(status for status, _, _ in answers) == [200] * 7 + [503] * 14
    assert all(headers["Retry-After"] == "1" for headers, _ in refused)
    assert {body["error"]["code"] for _, body in refused} == {"overloaded"}


def test_files_wait_in_a_short_row(start_server, send, make_backend, tiny_dictionary):
    backend = make_backend(tiny_dictionary, files=1)
    url, _ = start_server(backend)
    backend.files = 1
    assert send(url, "/api/v1/link", "POST", b"ataxia", kind="application/octet-stream")[0] == 503
    backend.files = 0
    assert send(url, "/api/v1/link", "POST", b"ataxia", kind="application/octet-stream")[0] == 200
    assert backend.files == 0
