"""Clients that are slow, silent or many, on real sockets; real processes for descriptors and signals."""

import json
import logging
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from biosyn.web.backend import Backend
from biosyn.web.connections import Connections, most_connections
from biosyn.web.limits import Limits

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /api/v1/link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
PROCESS = """
import asyncio, json, logging, os, resource, sys, time
from biosyn.web.backend import Backend
from biosyn.web.limits import Limits
from biosyn.web.server import open_sockets, serve
limits, descriptors, taken = json.loads(sys.argv[1])
logging.basicConfig(level=logging.INFO, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(taken)]
class Service:
    def link_file(self, path, *, check, **_):
        print("linking", flush=True)
        while True:
            check()
            time.sleep(0.01)
backend = Backend(limits=Limits(**limits))
backend.service = Service()
sockets = open_sockets("127.0.0.1", 0)
print(sockets[0].getsockname()[1], flush=True)
asyncio.run(serve(backend, sockets, host="127.0.0.1"))
"""


class Large:
    """Gives a file of 20 MB back, which is more than the system's buffers take."""

    def link_file(self, path, **_):
        return {"file": bytes(20_000_000)}


def connect(url):
    return socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=60)


def status(answer):
    return int(answer.split(b" ", 2)[1])


def all_of(connection):
    """Return what comes until the server closes; a reset also closes."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def start(start_server, tiny_service):
    """Function: limits -> (URL, backend) of a demo whose model is loaded."""

    def call(**limits):
        backend = Backend(topk=1, limits=Limits(**limits))
        backend.service = tiny_service
        return start_server(backend)[0], backend

    return call


@pytest.fixture
def process():
    """Function: limits, descriptors, those that something else has taken -> (the process, the URL) of a demo."""
    with ExitStack() as stack:

        def call(descriptors=1024, taken=0, **limits):
            command = [sys.executable, "-c", PROCESS, json.dumps([limits, descriptors, taken])]
            one = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.callback(one.communicate)
            stack.callback(one.kill)
            return one, f"http://127.0.0.1:{int(one.stdout.readline())}/"

        yield call


# -- time


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: local", GET], ids=["nothing", "half a head", "idle"])
def test_who_sends_no_request_is_left(start, sent):
    url, backend = start(idle=0.2)
    with connect(url) as connection:
        connection.sendall(sent)
        assert all_of(connection).count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")  # and then it was closed
    assert len(backend.connections) == 0


def test_a_head_that_comes_by_drops_has_no_more_time(start):
    url, _ = start(idle=0.3)
    drops = iter(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1_000)
    with connect(url) as connection:
        while not select.select([connection], [], [], 0.05)[0]:  # until it is closed: nothing is answered
            connection.sendall(bytes([next(drops)]))
        assert all_of(connection) == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 4000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n7\r\n"])
def test_a_body_that_does_not_come_is_a_408(start, framing):
    url, backend = start(receiving=0.2)
    with connect(url) as connection:
        connection.sendall(POST + framing + b"ataxia\n")
        answer = all_of(connection)
    assert status(answer) == 408
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"
    wait_until(lambda: not backend.active)


def test_who_does_not_take_an_answer_is_left(start):
    url, backend = start(sending=0.2, idle=600, waiting_bytes=100_000_000)
    backend.service = Large()
    with connect(url) as connection:
        connection.sendall(POST + b"Content-Length: 7\r\n\r\nataxia\n")
        assert connection.recv(1) == b"H"
        wait_until(lambda: not backend.connections and not backend.active)
    assert backend.connections.held == 0


def test_answers_that_nobody_takes_hold_a_bounded_number_of_bytes(start, send):
    url, backend = start(sending=600, waiting_bytes=60_000_000)
    backend.service = Large()
    with ExitStack() as stack:
        for _ in range(4):  # 27 MB each
            connection = stack.enter_context(connect(url))
            connection.sendall(POST + b"Content-Length: 7\r\n\r\nataxia\n")
            assert connection.recv(1) == b"H"
            assert backend.connections.held <= 60_000_000
        assert send(url, "/healthz")[0] == 200
        assert len(backend.connections) <= 3


# -- number and bytes


def test_a_new_client_gets_in_and_who_has_waited_longest_leaves(start, send, caplog):
    url, backend = start(connections=5)
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        silent = [stack.enter_context(connect(url)) for _ in range(20)]
        assert [send(url, "/healthz")[0] for _ in range(3)] == [200, 200, 200]
        assert all_of(silent[0]) == b""
        assert len(backend.connections) <= 5
        silent[-1].sendall(GET)  # the youngest has stayed
        assert status(silent[-1].recv(100)) == 200
    assert caplog.text.count("the one that waits longest is closed") == 1


def test_a_connection_that_is_worked_for_does_not_leave(start_altered, send, tiny_service):
    asked, released, answers = threading.Event(), threading.Event(), []

    def answer(questions):
        asked.set()
        assert released.wait(60)
        return tiny_service.answer(questions)

    url = start_altered(answer, connections=3)
    client = threading.Thread(target=lambda: answers.append(send(url, "/normalize/?string=ataxia")[0]))
    client.start()
    assert asked.wait(60)
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connect(url))
        assert send(url, "/healthz")[0] == 200
        released.set()
        client.join(60)
    assert answers == [200]


def test_where_all_connections_are_worked_for_a_new_one_gets_a_503(start_altered, send, tiny_service):
    asked, released = threading.Event(), threading.Event()

    def answer(questions):
        asked.set()
        assert released.wait(60)
        return tiny_service.answer(questions)

    url = start_altered(answer, connections=1)
    client = threading.Thread(target=lambda: send(url, "/normalize/?string=ataxia"))
    client.start()
    assert asked.wait(60)
    code, headers, body = send(url, "/healthz")
    released.set()
    client.join(60)
    assert (code, headers["Retry-After"], json.loads(body)["error"]["code"]) == (503, "1", "overloaded")


def test_unfinished_bodies_hold_a_bounded_number_of_bytes_and_the_oldest_gets_a_503(start, send):
    url, backend = start(waiting_bytes=1_000_000)
    head = POST + b"Content-Length: 400000\r\n\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(url)) for _ in range(6)]
        for connection in slow:
            connection.sendall(head + b"a" * 390_000)
            assert send(url, "/healthz")[0] == 200
            assert backend.connections.held <= 1_000_000
        assert status(all_of(slow[0])) == 503
        assert send(url, "/api/v1/link", "POST", b"ataxia\n", kind="application/octet-stream")[0] == 200
    wait_until(lambda: not backend.active)
    assert backend.connections.held == 0


def test_the_order_is_that_of_waiting():
    told = []

    class Stream:
        closed = False

        def close(self):
            self.closed = True

    first, second, third = Stream(), Stream(), Stream()
    connections = Connections(most=2, most_bytes=10)
    assert connections.add(first, 60)
    assert connections.add(second, 60)
    connections.waits(first, 60, give_up=lambda status: told.append(("first", status)))
    connections.waits(second, 60, give_up=lambda status: told.append(("second", status)))
    connections.waits(first, 60, give_up=lambda status: told.append(("first", status)))  # its next request
    assert connections.add(third, 60)
    assert told == [("second", 503)]
    assert (first.closed, second.closed) == (False, True)
    connections.holds(first, 11)
    assert told[1:] == [("first", 503)]
    connections.waits(third, 0)
    connections.sweep()
    assert third.closed
    assert (len(connections), connections.held) == (0, 0)


# -- processes


def test_half_of_the_descriptors_are_for_connections(monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda which: (1024, 4096))
    assert [most_connections(wanted) for wanted in (100, 1_000)] == [100, 512]


@pytest.mark.parametrize("taken", [0, 38])
def test_a_process_that_runs_out_of_descriptors_answers_and_says_so_once(process, send, taken):
    one, url = process(descriptors=64, taken=taken)  # 64 are enough for 32 connections, but not beside 38 files
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(url))
        assert [send(url, "/healthz")[0] for _ in range(20)] == [200] * 20
    assert send(url, "/healthz")[0] == 200
    one.send_signal(signal.SIGTERM)
    _, log = one.communicate(timeout=60)
    assert one.returncode == 0
    assert log.count("waits longest is closed") <= 2  # again after it had recovered, at most
    assert "Traceback" not in log


def test_work_on_a_file_ends_with_the_server_and_with_its_client(process, send):
    one, url = process(grace=0.3, files=1)
    with connect(url) as connection:
        connection.sendall(POST + b"Content-Length: 7\r\n\r\nataxia\n")
        assert one.stdout.readline() == "linking\n"
        assert send(url, "/api/v1/link", "POST", b"ataxia\n", kind="application/octet-stream")[0] == 503
    with connect(url) as connection:  # the place is free again, as the first client has left
        for _ in range(1_000):
            connection.sendall(POST + b"Content-Length: 7\r\n\r\nataxia\n")
            if not select.select([connection], [], [], 0.02)[0]:
                break
            connection.recv(10_000)
        assert one.stdout.readline() == "linking\n"
        one.send_signal(signal.SIGTERM)
        _, log = one.communicate(timeout=20)
    assert one.returncode == 0
    assert "1 requests are given up" in log
    assert "Traceback" not in log
