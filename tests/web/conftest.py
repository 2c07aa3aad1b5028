"""A server on a free port, and a Chromium that is driven through its DevTools pipe: no driver, no network."""

import asyncio
import json
import os
import select
import shutil
import subprocess
import threading
import time

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


@pytest.fixture(scope="session")
def make_linker(tiny_checkpoint):
    """Function: dictionary file -> Linker of the tiny checkpoint."""
    from biosyn.data.dictionary import DictionaryDataset
    from biosyn.model.biosyn import BioSyn
    from biosyn.model.linker import Linker

    biosyn = BioSyn().load_model(tiny_checkpoint)
    return lambda path: Linker(biosyn, DictionaryDataset(path))


@pytest.fixture
def start_server():
    """Function: application -> (its URL, a function that stops it)."""
    servers = []

    def start(app):
        servers.append(Server(app))
        return servers[-1].url, servers[-1].stop

    yield start
    for server in servers:
        server.stop()


class Server:
    """An application on a free port of 127.0.0.1, in a thread of its own."""

    def __init__(self, app):
        from tornado.netutil import bind_sockets

        self._sockets = bind_sockets(0, address="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}/"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(app)), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(PATIENCE)

    async def _serve(self, app):
        from tornado.httpserver import HTTPServer

        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = HTTPServer(app)
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
def page(chromium):
    """An empty page; the test fails at its end where the page wrote an error to its console."""
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
        deadline = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < deadline, (
                f"never true: {expression}; the page: {self.value('document.body.innerText')}"
            )
            time.sleep(0.02)

    def type(self, text):
        """Type where the focus is; the browser gives it to a field a moment after the page is complete."""
        self.wait_for("document.activeElement && document.activeElement !== document.body")
        self.call("Input.insertText", text=text)

    def press_enter(self):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def rows(self):
        """Return the text of the table's cells."""
        return self.value("[...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))")

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
            expected = "/normalize/" in url or "ERR_CONNECTION_REFUSED" in text
            if entry["level"] == "error" and not expected:
                self.errors.append(f"{text} ({url})")
