"""A request under a foreign name is refused: a page elsewhere can have its name point to this machine."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from biosyn.errors import InputError
from biosyn.settings.verbs import DemoConfig
from biosyn.web.app import make_app
from biosyn.web.backend import Backend
from biosyn.web.hosts import Hosts, host_name

OURS = ["localhost", "LOCALHOST:8888", "localhost.", "localhost.:1", "127.0.0.1:80", "[::1]", "[::1]:8888", "[0:0::1]"]
FOREIGN = [
    "evil.example",
    "evil.example:8888",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.evil.example",
    "10.0.0.1",
    "127.1",
    "[::2]",
    "x",
    "localhost..",
    ":8888",
]


@pytest.fixture
def ask(start_server, tiny_service):
    """Function: bytes of a request, and maybe the names -> (status, JSON value of the body or None)."""

    def call(request, **more):
        backend = Backend(**more)
        backend.service = tiny_service
        url = urlsplit(start_server(backend)[0])
        with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"\r\nX-Content-Type-Options: nosniff\r\n" in head + b"\r\n"
        return int(answer.split(b" ", 2)[1]), json.loads(body) if b"application/json" in head else None

    return call


def get(host, path="/normalize/?string=ataxia"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize("host", OURS)
def test_it_answers_to_its_own_names(ask, host):
    assert ask(get(host))[0] == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_it_does_not_answer_to_another_name(ask, host):
    status, answer = ask(get(host))
    assert (status, answer["error"]["code"]) == (421, "misdirected")
    assert "predictions" not in answer


@pytest.mark.parametrize(
    "host", ["localhost@evil.example", "evil.example/localhost", "localhost:evil", "localhost, x", ""]
)
def test_what_is_no_name_is_refused(ask, host):
    status, answer = ask(get(host))
    assert (status, answer["error"]["code"]) in [(400, "bad_request"), (421, "misdirected")]


@pytest.mark.parametrize(
    "path", sorted({"/", "/static/app.js", "/none", "/healthz", "/readyz", "/metrics", "/api/v1/info"})
)
def test_no_address_answers_to_another_name(ask, path):
    assert ask(get("evil.example", path))[0] == 421


def test_every_route_asks_for_the_name():
    handlers = [rule.target for rule in make_app(Backend()).wildcard_router.rules]
    assert all(handler.prepare.__qualname__.split(".")[0] in ("Base", "ReadyBase") for handler in handlers)


def test_a_body_for_another_name_is_refused_before_it_comes(ask):
    head = b"POST /api/v1/normalize HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n"
    assert ask(head + b"Content-Length: 1000\r\n\r\n")[0] == 421


def test_two_hosts_are_refused(ask):
    status, answer = ask(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert (status, answer["error"]["code"]) == (400, "bad_request")


def test_http_1_0_needs_no_host_and_http_1_1_does(ask):
    assert ask(b"GET /healthz HTTP/1.0\r\n\r\n")[0] == 200
    assert ask(b"GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n")[0] == 421
    assert ask(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")[0] == 400


@pytest.mark.parametrize(
    ("target", "status"), [("http://evil.example/", 421), ("http://localhost/", 404), ("evil.example:80", 421)]
)
def test_a_whole_address_counts_too(ask, target, status):
    assert ask(get("localhost", target))[0] == status


def test_more_names_can_be_allowed(ask):
    more = {"hosts": Hosts(["127.0.0.1"], ["Demo.Example.org", "fd00::2"])}
    assert [ask(get(host), **more)[0] for host in ("demo.example.org:443", "[fd00::2]", "localhost")] == [200] * 3
    assert ask(get("evil.example"), **more)[0] == 421


def test_where_it_listens_everywhere_any_address_is_its_own_but_no_other_name(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Server1")
    for everywhere in ("0.0.0.0", "::"):
        hosts = Hosts([everywhere])
        assert all(map(hosts.allows, ["10.1.2.3:8888", "[fd00::1]", "localhost", "server1"]))
        assert not any(map(hosts.allows, ["evil.example", "server1.evil.example", "", "10.1.2.3.evil.example"]))
    assert Hosts(["192.168.1.5"]).allows("server1")
    assert not Hosts(["192.168.1.5"]).allows("192.168.1.6")
    assert not Hosts(["localhost", "127.0.0.1"]).allows("server1")


def test_a_name_is_compared_in_one_form():
    assert [host_name(host) for host in ("[FD00:0::1%eth0]:1", "A.b.", "[::1", "::1", "a b")] == [
        "fd00::1%eth0",
        "a.b",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize("name", ["http://demo.example.org", "demo.example.org/biosyn", "*", "", "a,b"])
def test_a_name_that_can_never_be_asked_for_is_an_error(name):
    with pytest.raises(InputError, match="--allowed_hosts takes names such as"):
        DemoConfig(model_name_or_path="m", dictionary_path="d", allowed_hosts=(name,))


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/9\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + 20_000 * b"y" + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET /?q=" + 20_000 * b"y" + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431, "head_too_large"),
        (b"GET /?q=" + 900_000 * b"y", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", 405, "method_not_allowed"),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
        *(
            (
                b"POST /api/v1/normalize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + rest,
                *answer,
            )
            for rest, *answer in [
                (b"Content-Length: x\r\n\r\n", 400, "bad_request"),
                (b"Content-Length: -1\r\n\r\n", 400, "bad_request"),
                (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
                (b"Content-Length: " + 5_000 * b"9" + b"\r\n\r\n", 413, "too_large"),
                (b"Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"),
                (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "bad_request"),
                (b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400, "bad_request"),
                (b"Transfer-Encoding: chunked\r\n\r\n1\r\naXX", 400, "bad_request"),
                (b"Transfer-Encoding: chunked\r\n\r\n" + 100 * b"1", 431, "head_too_large"),
            ]
        ),
    ],
)
def test_what_the_server_itself_refuses_is_json_too(ask, request_, status, code):
    found, answer = ask(request_)
    assert (found, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]
