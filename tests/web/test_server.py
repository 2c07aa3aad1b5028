import asyncio
import http.client
import json
import logging
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from biosyn.errors import InputError
from biosyn.settings.verbs import DemoConfig
from biosyn.web.backend import Backend
from biosyn.web.limits import Limits
from biosyn.web.server import demo, open_sockets, serve

CLIENTS = 16


class WaitingService:
    """Takes questions and keeps them until it is told to answer."""

    def __init__(self):
        self.asked, self.released = threading.Event(), threading.Event()

    def answer(self, questions):
        self.asked.set()
        assert self.released.wait(60)
        return [{"predictions": [{"name": question.mention}]} for question in questions]


@contextmanager
def stopped_by(number, when):
    """Send this process a signal as soon as ``when`` returns; the thread is waited for."""

    def send_signal():
        when()
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send_signal)
    thread.start()
    yield
    thread.join(60)


def backend_of(service, **limits):
    backend = Backend(topk=1, limits=Limits(**limits))
    backend.service = service
    return backend


def open_server():
    sockets = open_sockets("127.0.0.1", 0)
    return sockets, sockets[0].getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_when_what_is_in_flight_is_answered(number, send, caplog):
    service, answers = WaitingService(), []
    sockets, port = open_server()
    url = f"http://127.0.0.1:{port}/"
    client = threading.Thread(target=lambda: answers.append(send(url, "/normalize/?string=ataxia")))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def when():
        client.start()
        assert service.asked.wait(60)
        threading.Timer(0.5, service.released.set).start()  # long after the signal

    with caplog.at_level(logging.INFO, logger="biosyn.web.server"), stopped_by(number, when):
        asyncio.run(serve(backend_of(service), sockets, host="127.0.0.1"))
    client.join(60)
    ((status, headers, body),) = answers
    assert (status, json.loads(body)) == (200, {"predictions": [{"name": "ataxia"}]})
    assert [record.message for record in caplog.records if record.name == "biosyn.web.server"] == [
        f"serving {url}",
        "stopped",
    ]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=60)


def test_what_takes_too_long_is_given_up(send, caplog):
    service, answers = WaitingService(), []
    sockets, port = open_server()

    def ask():
        with pytest.raises(OSError):  # the connection is closed, with no answer
            answers.append(send(f"http://127.0.0.1:{port}/", "/normalize/?string=ataxia"))

    client = threading.Thread(target=ask)

    def when():
        client.start()
        assert service.asked.wait(60)

    with caplog.at_level(logging.INFO), stopped_by(signal.SIGTERM, when):
        asyncio.run(serve(backend_of(service, grace=0.3), sockets, host="127.0.0.1"))
        service.released.set()
    client.join(60)
    assert answers == []
    assert "1 requests are given up" in caplog.text


def test_stopping_under_load_loses_no_request_that_was_taken(tiny_service, monkeypatch, caplog):
    monkeypatch.setattr("biosyn.web.server.QUIET", 2)  # longer than a client of a busy machine waits for its turn
    sockets, port = open_server()
    answered, lost, seen = [], [], set()
    warm = [threading.Semaphore(0) for _ in range(CLIENTS)]
    told_too_early = []

    class Recording:
        def answer(self, questions):
            seen.update(question.mention for question in questions)
            return tiny_service.answer(questions)

        def __getattr__(self, name):
            return getattr(tiny_service, name)

    def was_taken(mention, error, headers):
        # the system resets a fresh connection that no server has accepted by the time the socket is closed
        return "Connection" not in headers or not isinstance(error, ConnectionResetError) or mention in seen

    def ask_until_it_ends(client):
        headers = {} if client % 2 else {"Connection": "close"}  # every second one opens a connection for each request
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        told_to_leave = False
        for number in range(100_000):
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                return  # nobody listens any more: nothing was taken
            if told_to_leave:
                told_too_early.append(number)
            try:
                connection.request("GET", f"/normalize/?string=ataxia%20{client}x{number}", headers=headers)
                response = connection.getresponse()
                answered.append((response.status, len(json.loads(response.read())["predictions"])))
                told_to_leave = response.will_close and not headers  # by the server, of its own accord
            except (OSError, http.client.HTTPException, ValueError) as error:
                if was_taken(f"ataxia {client}x{number}", error, headers):
                    lost.append(repr(error))
                connection.close()
            warm[client].release()

    clients = [threading.Thread(target=ask_until_it_ends, args=(client,)) for client in range(CLIENTS)]

    def when():
        for client in clients:
            client.start()
        for semaphore in warm:
            for _ in range(10):
                assert semaphore.acquire(timeout=60)

    with stopped_by(signal.SIGTERM, when):
        asyncio.run(serve(backend_of(Recording()), sockets, host="127.0.0.1"))
    for client in clients:
        client.join(60)
    assert set(answered) == {(200, 1)}
    assert len(answered) >= 10 * CLIENTS
    assert len(seen) >= len(answered)
    assert lost == []
    assert told_too_early == []  # who is sent away comes back by a new connection, which nobody might accept
    assert "given up" not in caplog.text


def test_it_listens_before_the_model_is_loaded_and_a_bad_file_ends_it(monkeypatch, tmp_path, send):
    asked, seen = threading.Event(), []

    def load_service(config, loading):
        assert asked.wait(60)
        raise InputError("no such model", path="model")

    monkeypatch.setattr("biosyn.web.service.load_service", load_service)
    (free,) = open_sockets("127.0.0.1", 0)
    port = free.getsockname()[1]
    free.close()

    def ask():
        while not seen:
            try:
                seen.append(send(f"http://127.0.0.1:{port}/", "/readyz"))
            except OSError:
                continue
        asked.set()

    client = threading.Thread(target=ask)
    client.start()
    with pytest.raises(InputError, match="model: no such model"):
        demo(DemoConfig(model_name_or_path="model", dictionary_path="dictionary", port=port))
    client.join(60)
    status, _, body = seen[0]
    assert (status, json.loads(body)["error"]["code"]) == (503, "not_ready")


def test_a_signal_ends_the_loading(monkeypatch, caplog):
    loading_has_begun = threading.Event()

    def load_service(config, loading):
        loading.step("embedding the dictionary", 10**9)
        loading_has_begun.set()
        while True:
            loading.add(1)

    monkeypatch.setattr("biosyn.web.service.load_service", load_service)
    with caplog.at_level(logging.INFO), stopped_by(signal.SIGTERM, lambda: loading_has_begun.wait(60)):
        demo(DemoConfig(model_name_or_path="model", dictionary_path="dictionary", port=0))
    assert "stopped before the model was loaded" in caplog.text


def test_a_port_is_taken_once():
    (taken,) = open_sockets("127.0.0.1", 0)
    with taken, pytest.raises(InputError, match="choose another --port"):
        open_sockets("127.0.0.1", taken.getsockname()[1])


def test_the_url_in_the_log_is_one_that_a_browser_takes(caplog):
    sockets, port = open_server()
    with caplog.at_level(logging.INFO), stopped_by(signal.SIGTERM, lambda: caplog_has(caplog, "serving")):
        asyncio.run(serve(Backend(), sockets, host="127.0.0.1"))
    url = next(record.message for record in caplog.records if "serving" in record.message).split()[1]
    assert urlsplit(url).port == port


def caplog_has(caplog, text, seconds=60):
    until = time.monotonic() + seconds
    while text not in caplog.text and time.monotonic() < until:
        time.sleep(0.01)
