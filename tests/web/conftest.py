"""A server on a free port, and a Chromium that is driven through its DevTools pipe: no driver, no network."""

import asyncio
import http.client
import json
import os
import select
import shutil
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # the page has to work with no network
    "--remote-debugging-pipe",  # DevTools commands on descriptor 3, answers on descriptor 4
)
PATIENCE = 60  # seconds
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), " ": (32, " ")}
EXPECTED = ("/api/v1/normalize", "/api/v1/link", "/readyz")  # may be answered by an error that the page shows


@pytest.fixture(scope="session")
def make_linker(tiny_checkpoint):
    """Function: dictionary file, and maybe another checkpoint than the tiny one -> Linker."""
    from biosyn.data.dictionary import DictionaryDataset
    from biosyn.model.biosyn import BioSyn
    from biosyn.model.linker import Linker

    tiny = BioSyn().load_model(tiny_checkpoint)

    def make(path, checkpoint=None):
        return Linker(tiny if checkpoint is None else BioSyn().load_model(checkpoint), DictionaryDataset(path))

    return make


@pytest.fixture(scope="session")
def make_backend(make_linker):
    """Function: dictionary file, limits and other settings -> Backend whose model is loaded."""
    from biosyn.web.backend import Backend
    from biosyn.web.limits import Limits
    from biosyn.web.service import Service

    def make(dictionary, *, topk=10, log_queries=False, **limits):
        backend = Backend(topk=topk, limits=Limits(**limits), log_queries=log_queries)
        backend.service = Service(make_linker(dictionary), model_name="tiny")
        return backend

    return make


@pytest.fixture(scope="session")
def tiny_service(make_backend, tiny_dictionary):
    """A Service of the tiny dictionary, for backends of a test's own."""
    return make_backend(tiny_dictionary).service


@pytest.fixture
def start_altered(start_server, tiny_service):
    """Function: another `answer`, and maybe limits -> the URL of a demo that answers by it, else as the tiny one."""
    from biosyn.web.backend import Backend
    from biosyn.web.limits import Limits

    class Altered:
        def __init__(self, answer):
            self.answer = answer

        def __getattr__(self, name):
            return getattr(tiny_service, name)

    def start(answer, **limits):
        backend = Backend(limits=Limits(**limits))
        backend.service = Altered(answer)
        return start_server(backend)[0]

    return start


@pytest.fixture
def start_server():
    """Function: backend -> (its URL, a function that stops it)."""
    servers = []

    def start(backend, port=0):
        servers.append(Server(backend, port))
        return servers[-1].url, servers[-1].stop

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def send():
    """Function: URL, path, and maybe method, body, its type -> (status, headers, body), on a connection of its own."""

    def call(url, path, method="GET", body=None, kind="application/json"):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)  # unlike request(), sends any path as it is
            if body is not None:
                connection.putheader("Content-Type", kind)
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    return call


class Server:
    """A demo on a port of 127.0.0.1, in a thread of its own."""

    def __init__(self, backend, port):
        from biosyn.web.listening import open_sockets

        self._sockets = open_sockets("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}/"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(backend)), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(PATIENCE)

    async def _serve(self, backend):
        from biosyn.web.listening import Server as HTTPServer

        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = HTTPServer(backend)
        server.add_sockets(self._sockets)
        self._ready.set()
        await self._stopped.wait()
        server.stop()
        await server.close_all_connections()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A running Chromium with an empty profile; the tests that need one are skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def page(chromium, start_server):
    """An empty page, closed before the servers; the test fails at its end where it wrote an error to its console."""
    page = Page(chromium)
    yield page
    page.close()
    assert page.errors == []


class Chromium:
    """Chromium's DevTools protocol over two pipes: JSON messages, each ended by a zero byte."""

    def __init__(self, profile):
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        os.set_blocking(self._read, False)
        self._process = subprocess.Popen(
            # the shell moves our two ends to descriptors 3 and 4, by way of numbers that neither can have yet
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{commands} 4>&{answers}',
                "bash",
                CHROMIUM,
                *FLAGS,
                f"--user-data-dir={profile}",
            ],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._received, self._number = b"", 0
        self.on_event = lambda message: None

    def call(self, method, session=None, **params):
        """Send a command, wait for its answer, return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next_message()).get("id") != self._number:
            self.on_event(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def close(self):
        self.call("Browser.close")
        self._process.wait(PATIENCE)

    def _next_message(self):
        while b"\0" not in self._received:
            assert select.select([self._read], [], [], PATIENCE)[0], "chromium does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "chromium has ended"
            self._received += part
        message, self._received = self._received.split(b"\0", 1)
        return json.loads(message)


class Page:
    """One tab: open a URL, type, press Enter, click, read values."""

    def __init__(self, chromium):
        self._chromium = chromium
        self.errors = []
        chromium.on_event = self._note
        self._target = chromium.call("Target.createTarget", url="about:blank")["targetId"]
        attached = chromium.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        return self._chromium.call(method, self._session, **params)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")

    def value(self, expression):
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression):
        """Wait until the expression is true."""
        self.wait_until(lambda: self.value(f"Boolean({expression})"), expression)

    def wait_until(self, condition, what="the condition"):
        """Wait until a function returns true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"never true: {what}; the page: {self.value('document.body.innerText')}"
            time.sleep(0.02)

    def type(self, text):
        """Type where the focus is; the browser gives it to a field a moment after the page is complete."""
        self.wait_for("document.activeElement && document.activeElement !== document.body")
        self.call("Input.insertText", text=text)

    def press(self, name):
        """Press a key: Enter, Tab, Escape or a character."""
        code, text = KEYS.get(name, (ord(name[0]), name))
        key = {"key": name, "code": name if name in KEYS else "", "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def choose_file(self, path):
        """Choose a file in the page's field for one, as a user does in the dialogue."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        field = self.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=field, files=[str(path)])

    def texts(self, selector):
        """Return the text of each element."""
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent.trim())")

    def close(self):
        self._chromium.call("Target.closeTarget", targetId=self._target)
        self._chromium.on_event = lambda message: None

    def _note(self, message):
        if message["method"] == "Runtime.exceptionThrown":
            self.errors.append(message["params"]["exceptionDetails"])
        if message["method"] == "Log.entryAdded":
            entry = message["params"]["entry"]
            text, url = entry["text"], entry.get("url", "")
            # a query may be refused, and a server that a test has stopped may be missed (the icon is asked for late)
            expected = any(part in url for part in EXPECTED) or "ERR_CONNECTION_REFUSED" in text
            if entry["level"] == "error" and not expected:
                self.errors.append(f"{text} ({url})")
