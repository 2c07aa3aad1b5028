"""A small Hub on 127.0.0.1, which answers what a download asks, with faults on demand; loaders of published files."""

import hashlib
import json
import os
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import close_session, constants

from biosyn.checkpoint.published import load_published_sparse_encoder, load_published_sparse_weight
from biosyn.errors import InputError

REPO = r"(?P<repo>[^/]+(?:/[^/]+)?)"
API = re.compile(rf"/api/models/{REPO}(?:/(?P<verb>revision|tree)/(?P<revision>[^/]+))?")
FILE = re.compile(rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Request:
    """One request as it came, and how it was answered."""

    method: str
    path: str
    range: str | None
    token: str | None
    status: int = 0


@dataclass
class Repository:
    """Commits, each a dict of file name -> bytes, and the branches and tags that name them."""

    private: bool = False
    gated: bool = False
    revisions: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)


class Hub:
    """The server: ``add`` a repository, give a process ``env``, look at ``requests``."""

    TOKEN = "hf_the_right_token"

    def __init__(self):
        self.requests = []
        self.repositories = {}
        self.breaks = None  # (bytes that are sent, how many times more, or None for ever)
        self.fault = None  # (status, headers, body, regular expression of the paths)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.running = True

    def add(self, repo_id, files, *, revision="main", private=False, gated=False, commit=None):
        """Commit a folder or a dict of name -> bytes under the revision; return the commit's hash.

        A file with None in place of bytes is listed but does not exist.
        """
        if not isinstance(files, dict):
            folder = Path(files)
            files = {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
        if commit is None:
            commit = hashlib.sha1(repr((repo_id, sorted(files.items()))).encode()).hexdigest()
        repository = self.repositories.setdefault(repo_id, Repository())
        repository.private, repository.gated = private, gated
        repository.commits[commit] = dict(files)
        repository.revisions[revision] = commit
        return commit

    def env(self, home, *, token=None):
        """Return the environment of a process that uses this Hub, with its own cache and no other Hub settings."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            variables.pop(name, None)
            variables.pop(name.upper(), None)
        variables |= {
            "HF_HOME": str(home),
            "HF_ENDPOINT": self.url,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
        }
        return variables | ({"HF_TOKEN": token} if token else {})

    def break_after(self, n_bytes, times=1):
        """Close the connection after ``n_bytes`` of a file, the next ``times`` times (None: always)."""
        self.breaks = (n_bytes, times)

    def fail(self, status, *, headers=None, body=b"", paths=".*"):
        """Give this answer to every later request with a matching path."""
        self.fault = (status, headers or {}, body, paths)

    def downloads(self):
        """Return the names of the files whose content was asked for, sorted, with repetitions."""
        paths = [FILE.fullmatch(request.path) for request in self.requests if request.method == "GET"]
        return sorted(path["file"] for path in paths if path)

    def stop(self):
        """Stop answering."""
        if self.running:
            self.running = False
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers the requests to a Hub."""

    protocol_version = "HTTP/1.1"
    timeout = 20  # seconds that a silent connection is kept
    hub: Hub

    def log_message(self, *args):
        """Keep stderr for the tests."""

    def do_HEAD(self):  # noqa: N802
        self.do_GET()

    def do_GET(self):  # noqa: N802
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        path = urlsplit(self.path).path
        self.request_seen = Request(self.command, unquote(path), self.headers.get("Range"), token)
        self.hub.requests.append(self.request_seen)
        fault = self.hub.fault
        if fault and re.fullmatch(fault[3], path):
            self.answer(fault[0], fault[2], fault[1])
        elif match := FILE.fullmatch(path):
            self.answer_file(match, token)
        elif match := API.fullmatch(path):
            self.answer_api(match, token)
        else:
            self.refuse(404, None)

    def answer(self, status, body, headers=None):
        self.request_seen.status = status
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def refuse(self, status, code, message="refused"):
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.answer(status, json.dumps({"error": message}).encode(), headers)

    def commit(self, match, token):
        """Return the repository, the commit and its files; or answer that there is none, and return None."""
        repository = self.hub.repositories.get(unquote(match["repo"]))
        if token not in (None, self.hub.TOKEN):
            return self.refuse(401, None, "Invalid credentials in Authorization header")
        if repository is None or (repository.private and token is None):
            # without a token the two cannot be told apart
            return self.refuse(401 if token is None else 404, "RepoNotFound", "Repository not found")
        revision = unquote(match["revision"] or "main")
        commit = revision if revision in repository.commits else repository.revisions.get(revision)
        if commit is None:
            return self.refuse(404, "RevisionNotFound", "Invalid rev id")
        return repository, commit, repository.commits[commit]

    def answer_api(self, match, token):
        found = self.commit(match, token)
        if found is None:
            return
        repository, commit, files = found
        if match["verb"] == "tree":
            value = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(content or b""),
                    "oid": hashlib.sha1(content or b"").hexdigest(),
                }
                for name, content in files.items()
            ]
        else:
            value = {
                "id": unquote(match["repo"]),
                "sha": commit,
                "private": repository.private,
                "gated": "manual" if repository.gated else False,
                "siblings": [{"rfilename": name} for name in files],
            }
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer_file(self, match, token):
        found = self.commit(match, token)
        if found is None:
            return
        repository, commit, files = found
        if repository.gated:
            self.refuse(401 if token is None else 403, "GatedRepo", "Access is restricted")
            return
        content = files.get(unquote(match["file"]))
        if content is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        status, start = 200, 0
        if wanted := re.fullmatch(r"bytes=([0-9]+)-", self.headers.get("Range", "")):
            status, start = 206, int(wanted[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        breaks = self.hub.breaks
        if self.command == "GET" and breaks and len(body) > breaks[0] and breaks[1] != 0:
            self.hub.breaks = (breaks[0], None if breaks[1] is None else breaks[1] - 1)
            headers["Content-Length"] = str(len(body))  # of which a part comes
            body = body[: breaks[0]]
            self.close_connection = True
        self.answer(status, body, headers)


@pytest.fixture
def hub():
    """A Hub for one test, stopped at its end."""
    hub = Hub()
    yield hub
    hub.stop()


@pytest.fixture
def home(tmp_path):
    """The folder HF_HOME; nothing may be written outside it."""
    return tmp_path / "world" / "home"


@pytest.fixture
def connected(hub, home, monkeypatch):
    """Make huggingface_hub, which has read its settings already, use the Hub and the cache of this test."""
    for name, value in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_DISABLE_PROGRESS_BARS": None,
    }.items():
        assert hasattr(constants, name)
        monkeypatch.setattr(constants, name, value)
    for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    yield hub
    close_session()


@pytest.fixture
def load(tmp_path):
    """Function: the bytes of sparse_encoder.pk -> SparseEncoder."""

    def write_and_load(data):
        (tmp_path / "sparse_encoder.pk").write_bytes(data)
        return load_published_sparse_encoder(tmp_path)

    return write_and_load


@pytest.fixture
def load_weight(tmp_path):
    """Function: the bytes of sparse_weight.pt -> w."""

    def write_and_load(data):
        (tmp_path / "sparse_weight.pt").write_bytes(data)
        return load_published_sparse_weight(tmp_path)

    return write_and_load


@pytest.fixture
def refused(tmp_path):
    """Function: load, bytes -> the error message without the path at its start."""

    def refuse(load, data):
        with pytest.raises(InputError) as raised:
            load(data)
        message = str(raised.value)
        where, _, what = message.partition(": ")
        assert Path(where).parent == tmp_path
        assert len(message.splitlines()) == 1
        assert len(what) < 300
        return what

    return refuse
