"""Hub models over real HTTP to a small server in this process; one test starts a process with its own environment."""

import errno
import logging
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import close_session, constants, file_download
from huggingface_hub.utils import are_progress_bars_disabled
from huggingface_hub.utils import logging as hub_logging

from biosyn.checkpoint import hub as hub_module
from biosyn.checkpoint.hub import needed_files, resolve_folder
from biosyn.errors import InputError

SOURCE = Path(__file__).parents[2] / "src"
ENCODER = {"config.json": b"{}", "model.safetensors": b"the weights", "vocab.txt": b"[PAD]\n", "README.md": b"# x"}
ASKS_ONCE = not hasattr(huggingface_hub, "get_cached_repo_tree")  # before 1.25: no list of files, no second try
NEEDED = {name: content for name, content in ENCODER.items() if name != "README.md"}


def files_of(name, *, revision=None):
    """Resolve the Hub id and return the files of its folder, name -> bytes."""
    folder = resolve_folder(name, revision=revision)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(name="owner/enc", *, revision=None):
    """Return the message of the InputError, which is one line, without the name at its start."""
    with pytest.raises(InputError) as raised:
        resolve_folder(name, revision=revision)
    message = str(raised.value)
    assert message.startswith(f"{name}: ")
    assert len(message.splitlines()) == 1
    return message.removeprefix(f"{name}: ")


@pytest.fixture
def offline(monkeypatch):
    """Function: switch offline mode on or off."""
    return lambda on=True: monkeypatch.setattr(constants, "HF_HUB_OFFLINE", on)


# -- before the Hub is asked


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_is_returned_as_it_is(kind, tmp_path, monkeypatch):
    (tmp_path / "owner" / "enc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_folder(kind("owner/enc")) == Path("owner/enc")


def test_a_folder_has_no_revision(tmp_path):
    with pytest.raises(InputError, match="a revision belongs to a Hub id, and this is a folder"):
        resolve_folder(tmp_path, revision="main")


@pytest.mark.parametrize("name", ["", "../x", "~/x", "/no/where", "a/b/c", "owner/", "a--b", "a\\b", "x.git", "x" * 97])
def test_what_is_neither_folder_nor_hub_id_is_no_model_folder(name):
    with pytest.raises(InputError) as refused:
        resolve_folder(name)
    assert str(refused.value) == f"{name}: no such model folder"


@pytest.mark.parametrize("revision", ["", " ", "../../../x", "/x", "a..b"])
def test_what_cannot_be_a_git_revision_is_refused(revision):
    with pytest.raises(InputError, match="is not a revision"):
        resolve_folder("owner/enc", revision=revision)


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["model.safetensors"]),
        (["pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"], ["pytorch_model.bin"]),
        (
            [
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "model.safetensors.index.json",
                "pytorch_model.bin",
            ],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
        ),
        (
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "pytorch_model-1-of-1.bin"],
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
        ),
        (["model-00001-of-00001.safetensors"], []),  # without an index a shard is not used
        (["sparse_encoder.pk", "sparse_weight.pt"], ["sparse_encoder.pk", "sparse_weight.pt"]),
        (["sparse_encoder.pk", "biosyn.json", "sparse_encoder.json"], ["biosyn.json", "sparse_encoder.json"]),
        (["annotations.json", "biosyn.json"], ["annotations.json", "biosyn.json"]),
        (["special_tokens_map.json", "tokenizer_config.json"], ["special_tokens_map.json", "tokenizer_config.json"]),
        (
            ["1_Pooling/config.json", "modules.json", "README.md", "onnx/model.safetensors", "run.py", ".env"],
            ["1_Pooling/config.json", "modules.json"],
        ),
        (["2_Dense/config.json", "2_Dense/model.safetensors", "x/1_Pooling/config.json"], []),
        (["../config.json", "/config.json", "x/../config.json", "..\\config.json", "Config.json", "config.json\n"], []),
        (["model-00001-of-00002.safetensors/../../x", "model-٠٠٠٠١-of-٠٠٠٠١.safetensors"], []),
    ],
)
def test_the_needed_files(names, needed):
    assert needed_files(reversed(names)) == needed


def test_huggingface_hub_is_as_loud_afterwards_as_before():
    before = hub_logging.get_verbosity(), are_progress_bars_disabled()
    with pytest.raises(InputError, match="offline mode is on"):
        resolve_folder("owner/enc")
    assert (hub_logging.get_verbosity(), are_progress_bars_disabled()) == before


# -- download and cache


def test_a_download_brings_the_needed_files_alone_and_a_second_use_none(connected, home, capfd):
    files = NEEDED | {"README.md": b"# x", "pytorch_model.bin": b"old", "run.py": b"", "2_Dense/config.json": b"{}"}
    commit = connected.add("owner/enc", files)
    assert files_of("owner/enc") == NEEDED
    assert resolve_folder("owner/enc") == home / "hub" / "models--owner--enc" / "snapshots" / commit
    assert capfd.readouterr() == ("", "")  # neither progress bars nor log lines of huggingface_hub
    assert connected.downloads() == sorted(NEEDED)


def test_the_environment_is_huggingface_hubs_own(hub, home):
    hub.add("bert", ENCODER, private=True)  # a name without an owner is a Hub id too
    program = "import sys; from biosyn.checkpoint.hub import resolve_folder; print(resolve_folder(sys.argv[1]))"
    environment = hub.env(home, token=hub.TOKEN) | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", program, "bert"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.rstrip()).parent == home / "hub" / "models--bert" / "snapshots"


def test_branch_tag_and_commit_name_their_own_files_and_what_is_the_same_comes_once(connected):
    old = connected.add("owner/enc", ENCODER, revision="v1")
    connected.add("owner/enc", ENCODER | {"model.safetensors": b"new weights"})
    connected.add("owner/enc", ENCODER | {"vocab.txt": b"[UNK]\n"}, revision="refs/pr/1")
    assert files_of("owner/enc")["model.safetensors"] == b"new weights"
    assert files_of("owner/enc", revision="v1") == NEEDED
    assert connected.downloads() == ["config.json", "model.safetensors", "model.safetensors", "vocab.txt"]
    assert files_of("owner/enc", revision=old) == NEEDED
    assert files_of("owner/enc", revision="refs/pr/1")["vocab.txt"] == b"[UNK]\n"
    assert refusal(revision="v2") == "the model has no revision 'v2': give a branch, a tag or a commit"


def test_a_branch_that_has_moved_is_followed(connected):
    connected.add("owner/enc", ENCODER)
    files_of("owner/enc")
    connected.add("owner/enc", ENCODER | {"config.json": b'{"new": 1}'})
    connected.requests.clear()
    assert files_of("owner/enc") == NEEDED | {"config.json": b'{"new": 1}'}
    assert connected.downloads() == ["config.json"]


# -- broken connections


@pytest.fixture
def _no_waiting(monkeypatch):
    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)


@pytest.mark.usefixtures("_no_waiting")
def test_a_connection_broken_half_way_is_resumed(connected):
    weights = bytes(range(256)) * 48_000  # 12 MB; huggingface_hub keeps the received data in pieces of 10 MiB
    connected.add("owner/enc", ENCODER | {"model.safetensors": weights})
    connected.break_after(11_000_000, times=1)
    if ASKS_ONCE:
        assert refusal().endswith("check the connection and run again")
    assert files_of("owner/enc") == NEEDED | {"model.safetensors": weights}
    asked = [request for request in connected.requests if request.method == "GET" and "safetensors" in request.path]
    assert [(request.range, request.status) for request in asked] == [(None, 200), ("bytes=10485760-", 206)]


@pytest.mark.usefixtures("_no_waiting")
def test_a_connection_that_always_breaks_is_an_error_and_leaves_no_file_that_looks_whole(connected, home, offline):
    connected.add("owner/enc", ENCODER | {"model.safetensors": bytes(1000)})
    connected.break_after(500, times=None)
    said = refusal()
    assert said.startswith(f"the download failed ({connected.url}: ")
    assert said.endswith("): check the connection and run again")
    assert not [path for path in home.rglob("*") if path.is_file() and path.stat().st_size in (500, 1000)]
    assert not list(home.rglob("model.safetensors"))

    # the incomplete folder is not taken for a model, and the next run fetches the missing file
    offline()
    assert refusal() == (
        "the cached copy is incomplete (model.safetensors or pytorch_model.bin is missing), and offline mode is on: "
        "unset HF_HUB_OFFLINE and run again"
    )
    offline(False)
    connected.break_after(0, times=0)
    connected.requests.clear()
    assert files_of("owner/enc") == NEEDED | {"model.safetensors": bytes(1000)}
    assert connected.downloads() == ["model.safetensors"]


# -- without the Hub


def test_offline_the_cached_model_is_used_and_nothing_asked(connected, offline, caplog):
    connected.add("owner/enc", ENCODER)
    connected.add("owner/enc", ENCODER, revision="v1")
    offline()
    assert refusal() == (
        "no such folder, the model is not in the cache, and offline mode is on: unset HF_HUB_OFFLINE and run again"
    )
    offline(False)
    files_of("owner/enc")
    connected.requests.clear()
    offline()
    assert files_of("owner/enc") == NEEDED
    assert "revision 'v1' is not in the cache" in refusal(revision="v1")
    assert connected.requests == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_with_the_hub_gone_the_cached_model_is_used_with_a_warning(connected, caplog):
    commit = connected.add("owner/enc", ENCODER)
    online = resolve_folder("owner/enc")
    connected.stop()
    close_session()  # the server would still answer on an open connection
    assert resolve_folder("owner/enc") == online
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "biosyn.checkpoint.hub")
    assert re.fullmatch(
        rf"owner/enc: the Hub cannot be reached \({connected.url}: .*refused\); "
        rf"using the cached copy of commit {commit}",
        record.getMessage(),
    )
    assert files_of("owner/enc", revision=commit) == NEEDED  # also by the hash of the commit
    assert re.fullmatch(
        rf"no such folder, the model is not in the cache, and the Hub cannot be reached "
        rf"\({connected.url}: .*refused\): check the connection and run again",
        refusal("owner/other"),
    )


@pytest.mark.parametrize(("status", "body"), [(503, b""), (200, b"<p>Sign in first")])
def test_a_hub_out_of_order_is_treated_as_unreachable(status, body, connected, caplog):
    connected.add("owner/enc", ENCODER)
    connected.fail(status, body=body)
    assert f"the Hub cannot be reached ({connected.url}" in refusal()
    connected.fail(status, paths="nothing")
    files_of("owner/enc")
    connected.fail(status, body=body)
    assert files_of("owner/enc") == NEEDED
    (record,) = [record for record in caplog.records if record.name.startswith("biosyn")]
    assert "using the cached copy" in record.getMessage()


def test_a_cache_filled_by_another_program_file_by_file_is_used_when_it_holds_a_model(hub, home, connected, offline):
    hub.add("owner/enc", ENCODER)
    for name in NEEDED:  # without a list of all files in the cache
        folder = Path(file_download.hf_hub_download("owner/enc", name)).parent
    offline()
    assert files_of("owner/enc") == NEEDED
    (folder / "config.json").unlink()
    assert "incomplete (config.json is missing)" in refusal()


# -- what the Hub refuses


def test_a_private_model_needs_the_right_token(connected, home, monkeypatch):
    connected.add("owner/enc", ENCODER, private=True)
    assert refusal() == (
        "no such folder, and no such model on the Hub: check the name; "
        "for a private model run 'hf auth login' or set HF_TOKEN"
    )
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert refusal() == "the Hub refuses access (401): check the token, run 'hf auth login' or set HF_TOKEN"
    monkeypatch.setenv("HF_TOKEN", connected.TOKEN)
    assert "no such folder, and no such model on the Hub" in refusal("owner/none")
    assert files_of("owner/enc") == NEEDED
    shutil.rmtree(home / "hub")
    monkeypatch.delenv("HF_TOKEN")
    home.mkdir(exist_ok=True)
    (home / "token").write_text(connected.TOKEN)  # where hf auth login puts it
    assert files_of("owner/enc") == NEEDED
    (home / "token").unlink()
    assert "no such model on the Hub" in refusal()  # the cached copy is not used where the Hub refuses access


def test_a_gated_model_says_where_to_ask(connected, monkeypatch):
    connected.add("owner/enc", ENCODER, gated=True)
    monkeypatch.setenv("HF_TOKEN", connected.TOKEN)
    assert refusal() == (
        f"the model is gated: ask for access at {connected.url}/owner/enc, then run 'hf auth login' or set HF_TOKEN"
    )


@pytest.mark.parametrize(
    ("lacking", "said"),
    [("config.json", "config.json"), ("model.safetensors", "model.safetensors or pytorch_model.bin")],
)
def test_a_repository_that_is_no_encoder_is_refused_before_anything_is_fetched(lacking, said, connected):
    connected.add("owner/enc", {name: content for name, content in ENCODER.items() if name != lacking})
    assert refusal() == f"the Hub's model has no {said}: no encoder can be loaded from it"
    assert connected.downloads() == []


def test_a_file_that_is_listed_but_not_there_is_named(connected):
    commit = connected.add("owner/enc", ENCODER | {"vocab.txt": None})
    assert refusal() == (
        f"the Hub lists a file that it does not have (/owner/enc/resolve/{commit}/vocab.txt): try another revision"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((403, {}, b"", "/api.*"), "the Hub refuses access (403): check the token"),
        ((403, {}, b"", "/owner/.*"), "the Hub refuses access (403): check the token"),
        ((404, {}, b"", ".*"), "the Hub answers 404"),
        ((418, {}, b"", ".*"), "the Hub answers 418"),
        ((200, {"Content-Type": "text/html"}, b"<p>Sign in first", "/api.*"), "does not answer like a Hub"),
        ((200, {}, b'"\xff"', "/api.*"), "does not answer like a Hub"),
        ((200, {}, b'{"id": "x", "sha": null}', "/api.*"), "does not answer like a Hub, the commit it names is 'None'"),
        pytest.param(
            (200, {}, b"[]", ".*/tree/.*"),
            "config.json was not downloaded, the model has just changed: run again",
            marks=pytest.mark.skipif(ASKS_ONCE, reason="this huggingface_hub does not ask for a list of files"),
        ),
        ((200, {}, b"x", "/owner/.*"), "the download failed ("),
        ((302, {"Location": "/"}, b"", ".*/resolve/.*"), "the Hub answers 404"),
        ((302, {"Location": "/api/x"}, b"", "/api.*"), "redirect"),
    ],
)
def test_useless_answers_give_an_error_of_one_line(fault, said, connected):
    connected.add("owner/enc", ENCODER)
    status, headers, body, paths = fault
    connected.fail(status, headers=headers, body=body, paths=paths)
    assert said in refusal()


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("localhost", "missing an 'http://' or 'https://' protocol"),
        ("http://no such host", "the Hub cannot be reached (http://no such host: "),
    ],
)
def test_a_wrong_endpoint_is_one_line(endpoint, said, connected, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    assert said in refusal()


@pytest.mark.usefixtures("connected")
def test_a_token_that_is_not_ascii_is_named(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_tökén")
    assert refusal() == "the token has characters that are not allowed in a token: run 'hf auth login' or set HF_TOKEN"


def test_a_hub_that_does_not_answer_is_not_waited_for(connected, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
        assert f"the Hub cannot be reached ({endpoint}: timed out)" in refusal()


@pytest.mark.parametrize("error", [TypeError, AttributeError, RuntimeError, KeyError])
def test_a_bug_of_ours_is_not_taken_for_a_failure_of_the_hub(error, connected, monkeypatch):
    def fail(names):
        raise error("a bug")

    connected.add("owner/enc", ENCODER)
    monkeypatch.setattr(hub_module, "needed_files", fail)
    with pytest.raises(error, match="a bug"):
        resolve_folder("owner/enc")


def test_a_failure_of_the_transfer_protocol_is_one_line(connected, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("Data processing error: CAS service\nsecond line")

    connected.add("owner/enc", ENCODER)
    monkeypatch.setattr(hub_module, "snapshot_download", fail)
    assert "the download failed" in refusal()


# -- what is written, and where


def test_hostile_file_names_are_neither_fetched_nor_written(connected, home):
    hostile = [
        "../evil",
        "../../../../../evil",
        "/evil",
        f"{home.parent}/evil",
        "..\\..\\model.safetensors",
        "x/../../config.json",
        "config.json/../../evil",
        "*",
        "model-00001-of-00001.safetensors/../../../evil",
        "evil.py",
    ]
    connected.add("owner/enc", ENCODER | dict.fromkeys(hostile, b"evil"))
    assert files_of("owner/enc") == NEEDED
    assert connected.downloads() == sorted(NEEDED)
    assert list(home.parent.parent.iterdir()) == [home.parent]
    assert list(home.parent.iterdir()) == [home]
    assert not [path for path in home.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]


def test_a_commit_that_is_a_path_is_refused_and_nothing_written(connected, home):
    connected.add("owner/enc", ENCODER, commit="../../../../../evil")
    assert "the commit it names is '../../../../../evil'" in refusal()
    assert not home.exists()


def test_a_cache_that_cannot_be_written_is_named(connected, tmp_path, monkeypatch):
    connected.add("owner/enc", ENCODER)
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    said = refusal()
    assert said.startswith("the cache cannot be used ([Errno ")
    assert said.endswith(f"check {cache}, or set HF_HOME")


def test_a_disk_that_is_full_is_named(connected, home, monkeypatch):
    def write(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    connected.add("owner/enc", ENCODER)
    monkeypatch.setattr(file_download, "http_get", write)
    assert refusal().startswith("the cache cannot be used ([Errno 28] No space left on device)")
    assert not list(home.rglob("model.safetensors"))
