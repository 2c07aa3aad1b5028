import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

import biosyn

ROOT = Path(__file__).parents[2]
URL = r"serving (http://127\.0\.0\.1:[1-9]\d*/)$"
READY = r"^\d\d:\d\d:\d\d (ready)$"
PATIENCE = 300  # seconds; importing torch takes ten on a quiet machine, minutes on a busy one


@pytest.fixture
def start(tmp_path, tiny_checkpoint, tiny_dictionary):
    """Function: flags -> (running demo.py, function that reads its log)."""
    processes = []
    log = tmp_path / "log"
    tiny = ("--model_name_or_path", tiny_checkpoint, "--dictionary_path", tiny_dictionary)

    def run(*flags):
        command = [sys.executable, ROOT / "demo.py", *tiny, "--device", "cpu", "--precision", "float32", *flags]
        environment = {**os.environ, "PYTHONPATH": str(Path(biosyn.__file__).parents[1])}
        with log.open("w") as file:
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, env=environment))
        return processes[-1], log.read_text

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def busy_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_stop(start):
    process, log = start("--port", "0", "--topk", "3", "--show_predictions")
    url = wait_for(process, log, URL)
    with urlopen(url, timeout=PATIENCE) as response:  # before the model is there
        assert b"<title>BioSyn</title>" in response.read()
    wait_for(process, log, READY)
    with urlopen(f"{url}normalize/?string=ataxia", timeout=PATIENCE) as response:
        assert len(json.load(response)["predictions"]) == 3
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE)[0] == b""
    assert process.returncode == 0, log()
    assert "Traceback" not in log()


@pytest.mark.slow
def test_killed_and_started_again_it_is_ready_from_the_warm_index(start):
    process, log = start("--port", "0")
    url = wait_for(process, log, URL)
    wait_for(process, log, READY)
    before = answer_of(url)
    process.kill()
    process.wait(PATIENCE)
    process, log = start("--port", url.split(":")[2].strip("/"))
    wait_for(process, log, READY)
    assert "embedding" not in log()
    assert answer_of(url) == before


def test_with_no_arguments_it_serves_what_the_quickstart_made(command, tmp_path, monkeypatch):
    model, dictionary = Path("quickstart", "model"), Path("quickstart", "data", "test_dictionary.txt")
    monkeypatch.chdir(tmp_path)
    for path in (model, dictionary):
        path.mkdir(parents=True)
    served = []
    monkeypatch.setattr("biosyn.web.server.demo", served.append)
    assert command("demo", "--show_predictions") == (0, None, "")
    assert [(config.model_name_or_path, config.dictionary_path) for config in served] == [(str(model), str(dictionary))]


def test_with_no_arguments_and_no_quickstart_it_says_what_to_do(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "quickstart/model: not there: run make quickstart, or give" in refused("demo")


def test_a_port_in_use_is_found_before_anything_is_loaded(refused, busy_port):
    flags = {"--model_name_or_path": "no_such_model", "--dictionary_path": "no_such_file", "--port": busy_port}
    assert refused("demo", flags).startswith(f"demo.py: error: cannot listen on http://127.0.0.1:{busy_port}/ (")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--model_name_or_path and --dictionary_path go together"),
        (["--dictionary_path", "d", "--host", ""], "--host is empty"),
        (["--dictionary_path", "d", "--host", "192.0.2.1"], "cannot listen on http://192.0.2.1:0/"),
        (["--dictionary_path", "d", "--host", f"{'a' * 100}.b"], "cannot listen on"),
        (["--dictionary_path", "d", "--topk", "0"], "--topk must be at least 1"),
        (["--dictionary_path", "d", "--port", "65536"], "--port must be between 0 and 65535"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(refused, flags, said):
    assert said in refused("demo", "--model_name_or_path", "no_such_model", "--port", "0", *flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dictionary_path", "no_such_file"], "no_such_file: cannot be read"),
        (["--topk", "99"], "--topk 99 is larger than the dictionary"),
        (["--device", "tpu"], "unknown device 'tpu'"),
    ],
)
def test_what_is_found_while_loading_ends_the_server_with_one_line(refused, flags, said, tiny_dictionary):
    given = {"--model_name_or_path": "m", "--dictionary_path": tiny_dictionary, "--port": 0}
    assert said in refused("demo", given, "--quiet", *flags)


def wait_for(process, log, pattern):
    """Wait for a line of the log; return what the pattern's group finds."""
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, log(), re.MULTILINE)):
        assert process.poll() is None, log()
        assert time.monotonic() < deadline, log()
        time.sleep(0.05)
    return found[1]


def answer_of(url):
    with urlopen(f"{url}normalize/?string=ataxia", timeout=PATIENCE) as response:
        return json.load(response)
