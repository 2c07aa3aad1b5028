"""Models of the Hub: real HTTP to a small server, each check in a process of its own, as the settings are read once."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub.utils import are_progress_bars_disabled, logging

from biosyn.checkpoint.hub import needed_files, resolve_folder
from biosyn.errors import InputError

SOURCE = Path(__file__).parents[2] / "src"
PROGRAM = """
import logging, resource, sys
from biosyn.checkpoint.hub import resolve_folder
from biosyn.errors import InputError

logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
name, revision, file_size = sys.argv[1:]
if file_size:  # writing more than that to a file fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_size), int(file_size)))
try:
    print(resolve_folder(name, revision=revision or None))
except InputError as error:
    sys.exit(f"InputError {error}")
"""

ENCODER = {"config.json": b"{}", "model.safetensors": b"the weights", "vocab.txt": b"[PAD]\n", "README.md": b"# x"}
NEEDED = {name: content for name, content in ENCODER.items() if name != "README.md"}


@pytest.fixture
def home(tmp_path):
    """The folder that is HF_HOME, inside which alone anything may be written."""
    return tmp_path / "world" / "home"


@pytest.fixture
def resolve(hub, home):
    """Function: name -> finished process that has printed the folder, or one line of an InputError."""

    def run(name, *, revision="", file_size="", **env):
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, name, revision, str(file_size)],
            env=hub.env(home, **env) | {"PYTHONPATH": str(SOURCE)},
            cwd=home.parent.parent,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def found_in(process):
    """The files of the folder that the process has printed: name -> bytes."""
    assert process.returncode == 0, process.stderr
    folder = Path(process.stdout.removesuffix("\n"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal_of(process):
    """The message of the InputError, which is all that the process has said."""
    assert (process.returncode, process.stdout) == (1, "")
    line = re.fullmatch(r"InputError (.+)\n", process.stderr)
    assert line, process.stderr
    return line[1]


# ---- what is no matter of the Hub


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_is_returned_as_it_is(kind, tmp_path, monkeypatch):
    (tmp_path / "owner" / "enc").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_folder(kind("owner/enc")) == Path("owner/enc")


def test_a_folder_has_no_revision(tmp_path):
    with pytest.raises(InputError, match="a revision belongs to a Hub id, and this is a folder"):
        resolve_folder(tmp_path, revision="main")


@pytest.mark.parametrize(
    "name", ["", "./x", "../x", "~/x", "/no/where", "a/b/c", "owner/", "a--b", "a\\b", "x.git", "é", "a b", "x" * 97]
)
def test_what_is_neither_folder_nor_hub_id_is_no_model_folder(name):
    with pytest.raises(InputError) as refused:
        resolve_folder(name)
    assert str(refused.value) == f"{name}: no such model folder"


@pytest.mark.parametrize("revision", ["", " ", "../../../x", "/x", "a..b"])
def test_what_git_takes_for_no_revision_is_refused(revision):
    with pytest.raises(InputError, match="is no revision"):
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
        (["model-00001-of-00001.safetensors"], []),  # without the index nothing names it
        (["sparse_encoder.pk", "sparse_weight.pt"], ["sparse_encoder.pk", "sparse_weight.pt"]),
        (["sparse_encoder.pk", "biosyn.json", "sparse_encoder.json"], ["biosyn.json", "sparse_encoder.json"]),
        (["special_tokens_map.json", "tokenizer_config.json"], ["special_tokens_map.json", "tokenizer_config.json"]),
        (["1_Pooling/config.json", "modules.json", "README.md", "onnx/model.safetensors", "run.py", ".env"], []),
        (["../config.json", "/config.json", "x/../config.json", "..\\config.json", "Config.json", "config.json\n"], []),
        (["model-00001-of-00002.safetensors/../../x", "model-٠٠٠٠١-of-٠٠٠٠١.safetensors"], []),
    ],
)
def test_the_needed_files(names, needed):
    assert needed_files(reversed(names)) == needed


def test_huggingface_hub_is_as_loud_afterwards_as_before():
    before = logging.get_verbosity(), are_progress_bars_disabled()
    with pytest.raises(InputError, match="offline mode is on"):
        resolve_folder("owner/enc")
    assert (logging.get_verbosity(), are_progress_bars_disabled()) == before


# ---- download and cache


def test_a_download_brings_the_needed_files_alone_and_a_second_use_none(hub, home, resolve):
    files = NEEDED | {"README.md": b"# x", "pytorch_model.bin": b"old", "run.py": b"", "1_Pooling/config.json": b"{}"}
    commit = hub.add("owner/enc", files)
    first = resolve("owner/enc")
    assert found_in(first) == NEEDED
    assert first.stdout == f"{home}/hub/models--owner--enc/snapshots/{commit}\n"
    assert first.stderr == ""  # neither a bar nor a line of huggingface_hub's
    assert hub.downloads() == sorted(NEEDED)
    hub.requests.clear()
    second = resolve("owner/enc")
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert hub.requests
    assert {request.path for request in hub.requests} <= {
        "/api/models/owner/enc",
        "/api/models/owner/enc/revision/main",
    }


def test_a_name_without_owner_is_a_hub_id(hub, tmp_path, resolve):
    for name, content in ENCODER.items():
        (tmp_path / name).write_bytes(content)
    hub.add("bert", tmp_path)
    assert found_in(resolve("bert")) == NEEDED


def test_branch_tag_and_commit_name_their_own_files_and_what_is_the_same_comes_once(hub, resolve):
    old = hub.add("owner/enc", ENCODER, revision="v1")
    new = ENCODER | {"model.safetensors": b"new weights"}
    hub.add("owner/enc", new)
    hub.add("owner/enc", ENCODER | {"vocab.txt": b"[UNK]\n"}, revision="refs/pr/1")
    assert found_in(resolve("owner/enc"))["model.safetensors"] == b"new weights"
    assert found_in(resolve("owner/enc", revision="v1")) == NEEDED
    assert hub.downloads() == ["config.json", "model.safetensors", "model.safetensors", "vocab.txt"]
    assert found_in(resolve("owner/enc", revision=old)) == NEEDED
    assert found_in(resolve("owner/enc", revision="refs/pr/1"))["vocab.txt"] == b"[UNK]\n"
    assert refusal_of(resolve("owner/enc", revision="v2")) == (
        "owner/enc: the model has no revision 'v2': give a branch, a tag or a commit"
    )


def test_a_branch_that_has_moved_is_followed(hub, resolve):
    hub.add("owner/enc", ENCODER)
    found_in(resolve("owner/enc"))
    hub.add("owner/enc", ENCODER | {"config.json": b'{"new": 1}'})
    hub.requests.clear()
    assert found_in(resolve("owner/enc")) == NEEDED | {"config.json": b'{"new": 1}'}
    assert hub.downloads() == ["config.json"]


# ---- broken connections


def test_a_connection_broken_half_way_is_taken_up_where_it_broke(hub, resolve):
    weights = bytes(range(256)) * 48_000  # 12 MB; huggingface_hub keeps what has come in pieces of 10 MiB
    hub.add("owner/enc", ENCODER | {"model.safetensors": weights})
    hub.break_after(11_000_000, times=1)
    process = resolve("owner/enc")
    assert found_in(process) == NEEDED | {"model.safetensors": weights}
    assert process.stderr == ""
    asked = [request for request in hub.requests if request.method == "GET" and "safetensors" in request.path]
    assert [(request.range, request.status) for request in asked] == [(None, 200), ("bytes=10485760-", 206)]


def test_a_connection_that_always_breaks_is_an_error_and_leaves_no_file_that_looks_whole(hub, home, resolve):
    hub.add("owner/enc", ENCODER | {"model.safetensors": bytes(1000)})
    hub.break_after(500, times=None)
    said = refusal_of(resolve("owner/enc"))
    assert said.startswith(f"owner/enc: the download broke off ({hub.url}: ")
    assert said.endswith("): check the connection and run again")
    assert {path.name for path in home.rglob("*") if path.is_file() and path.stat().st_size in (500, 1000)} == set()
    assert not [path for path in home.rglob("*") if path.name in ("model.safetensors", "x.incomplete")]

    # what there is now is not taken for a model, and the next run brings what is missing
    assert refusal_of(resolve("owner/enc", HF_HUB_OFFLINE=1)) == (
        "owner/enc: the cached copy is not whole (model.safetensors is missing), and offline mode is on: "
        "unset HF_HUB_OFFLINE and run again"
    )
    hub.break_after(0, times=0)
    hub.requests.clear()
    assert found_in(resolve("owner/enc")) == NEEDED | {"model.safetensors": bytes(1000)}
    assert hub.downloads() == ["model.safetensors"]


# ---- without the Hub


def test_offline_the_cached_model_is_used_and_nothing_asked(hub, resolve):
    hub.add("owner/enc", ENCODER)
    online = resolve("owner/enc")
    hub.requests.clear()
    offline = resolve("owner/enc", HF_HUB_OFFLINE=1)
    assert found_in(offline) == NEEDED
    assert (offline.stdout, offline.stderr) == (online.stdout, "")
    assert hub.requests == []


def test_offline_and_not_cached_is_an_error(hub, resolve):
    hub.add("owner/enc", ENCODER)
    hub.add("owner/enc", ENCODER, revision="v1")
    assert refusal_of(resolve("owner/enc", HF_HUB_OFFLINE=1)) == (
        "owner/enc: no such folder, the model is not in the cache, and offline mode is on: "
        "unset HF_HUB_OFFLINE and run again"
    )
    found_in(resolve("owner/enc"))
    assert "revision 'v1' is not in the cache" in refusal_of(resolve("owner/enc", revision="v1", HF_HUB_OFFLINE=1))


def test_with_the_hub_gone_the_cached_model_is_used_with_a_warning(hub, resolve):
    commit = hub.add("owner/enc", ENCODER)
    online = resolve("owner/enc")
    hub.stop()
    gone = resolve("owner/enc")
    assert (gone.returncode, gone.stdout) == (0, online.stdout)
    assert re.fullmatch(
        rf"WARNING biosyn\.checkpoint\.hub owner/enc: the Hub was not reached \({hub.url}: .*refused\); "
        rf"the cached copy is used, {commit}\n",
        gone.stderr,
    )
    assert found_in(resolve("owner/enc", revision=commit)) == NEEDED  # the commit too, by its hash


def test_with_the_hub_gone_and_nothing_cached_the_error_names_both(hub, resolve):
    hub.stop()
    assert re.fullmatch(
        rf"owner/enc: no such folder, the model is not in the cache, and the Hub was not reached "
        rf"\({hub.url}: .*refused\): check the connection and run again",
        refusal_of(resolve("owner/enc")),
    )


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_out_of_order_is_as_good_as_none(status, hub, resolve):
    hub.add("owner/enc", ENCODER)
    hub.fail(status)
    assert f"the Hub was not reached ({hub.url}: " in refusal_of(resolve("owner/enc"))
    hub.fail(status, paths="nothing")
    found_in(resolve("owner/enc"))
    hub.fail(status)
    process = resolve("owner/enc")
    assert found_in(process) == NEEDED
    assert process.stderr.count("\n") == 1
    assert "the cached copy is used" in process.stderr


def test_a_cache_filled_by_another_program_file_by_file_is_used_when_it_holds_a_model(hub, home, resolve):
    hub.add("owner/enc", ENCODER)
    found_in(resolve("owner/enc"))
    shutil.rmtree(home / "hub" / "models--owner--enc" / "trees")  # the listing that only snapshots keep
    process = resolve("owner/enc", HF_HUB_OFFLINE=1)
    assert found_in(process) == NEEDED
    (Path(process.stdout.rstrip()) / "config.json").unlink()
    assert "not whole (config.json is missing)" in refusal_of(resolve("owner/enc", HF_HUB_OFFLINE=1))


# ---- what the Hub refuses


def test_a_private_model_needs_the_right_token(hub, home, resolve):
    hub.add("owner/enc", ENCODER, private=True)
    assert refusal_of(resolve("owner/enc")) == (
        "owner/enc: no such folder, and no such model on the Hub: check the name; "
        "for a private model run 'hf auth login' or set HF_TOKEN"
    )
    assert refusal_of(resolve("owner/enc", token="hf_wrong")) == (
        "owner/enc: the Hub refuses access (401): check the token, run 'hf auth login' or set HF_TOKEN"
    )
    assert found_in(resolve("owner/enc", token=hub.TOKEN)) == NEEDED
    shutil.rmtree(home / "hub")
    (home / "token").write_text(hub.TOKEN)  # where hf auth login puts it
    assert found_in(resolve("owner/enc")) == NEEDED


def test_a_model_that_is_not_there_is_named_as_such(hub, resolve):
    assert "no such folder, and no such model on the Hub" in refusal_of(resolve("owner/none", token=hub.TOKEN))


def test_a_gated_model_says_where_to_ask(hub, resolve):
    hub.add("owner/enc", ENCODER, gated=True)
    assert refusal_of(resolve("owner/enc", token=hub.TOKEN)) == (
        f"owner/enc: the model is gated: ask for access at {hub.url}/owner/enc, "
        "then run 'hf auth login' or set HF_TOKEN"
    )


@pytest.mark.parametrize(
    ("lacking", "said"),
    [("config.json", "config.json"), ("model.safetensors", "model.safetensors or pytorch_model.bin")],
)
def test_a_repository_that_is_no_encoder_is_refused_before_anything_is_fetched(lacking, said, hub, resolve):
    hub.add("owner/enc", {name: content for name, content in ENCODER.items() if name != lacking})
    assert refusal_of(resolve("owner/enc")) == (
        f"owner/enc: the Hub's model has no {said}: it is no encoder that can be loaded"
    )
    assert hub.downloads() == []


def test_a_file_that_is_listed_but_not_there_is_named(hub, resolve):
    commit = hub.add("owner/enc", ENCODER | {"vocab.txt": None})
    assert refusal_of(resolve("owner/enc")) == (
        f"owner/enc: the Hub lists a file that it does not have (/owner/enc/resolve/{commit}/vocab.txt): "
        "try another revision"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((403, {}, b"", "/api.*"), "the Hub refuses access (403): check the token"),
        ((403, {}, b"", "/owner/.*"), "the Hub refuses access (403): check the token"),
        ((404, {}, b"", ".*"), "the Hub's answer is 404"),
        ((418, {}, b"", ".*"), "the Hub's answer is 418"),
        ((200, {"Content-Type": "text/html"}, b"<p>Sign in first", "/api.*"), "does not answer like a Hub"),
        ((200, {}, b"[]", "/api.*"), "does not answer like a Hub"),
        ((200, {}, b'"\xff"', "/api.*"), "does not answer like a Hub"),
        ((200, {}, b'{"id": "x", "sha": null}', "/api.*"), "does not answer like a Hub"),
        ((200, {}, b'{"id": 1, "sha": "%s", "siblings": [{}]}' % (b"0" * 40), "/api.*"), "does not answer like a Hub"),
        ((200, {}, b'[{"type": "file"}]', ".*/tree/.*"), "does not answer like a Hub"),
        ((200, {}, b"[]", ".*/tree/.*"), "config.json was not downloaded, the model has just changed: run again"),
        ((200, {}, b"x", "/owner/.*"), "missing the 'X-Repo-Commit' header"),
        ((302, {"Location": "/"}, b"", ".*/resolve/.*"), "the Hub's answer is 404"),
        ((302, {"Location": "/api/x"}, b"", "/api.*"), "redirect"),
    ],
)
def test_answers_of_no_use_are_one_line(fault, said, hub, resolve):
    hub.add("owner/enc", ENCODER)
    status, headers, body, paths = fault
    hub.fail(status, headers=headers, body=body, paths=paths)
    assert said in refusal_of(resolve("owner/enc"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HF_ENDPOINT": "localhost"}, "missing an 'http://' or 'https://' protocol"),
        ({"HF_ENDPOINT": "http://no such host"}, "the Hub was not reached (http://no such host: "),
        ({"HF_TOKEN": "hf_tökén"}, "the token has characters that no token has: run 'hf auth login' or set HF_TOKEN"),
        ({"HF_TOKEN_PATH": SOURCE}, f"the cache cannot be used ([Errno 21] Is a directory: '{SOURCE}')"),
        ({"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""}, "the Hub was not reached"),
    ],
)
def test_wrong_settings_are_one_line(settings, said, hub, resolve):
    hub.add("owner/enc", ENCODER)
    assert said in refusal_of(resolve("owner/enc", **settings))
    assert hub.requests == []


def test_a_hub_that_does_not_answer_is_not_waited_for(resolve):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = resolve("owner/enc", HF_ENDPOINT=endpoint, HF_HUB_ETAG_TIMEOUT=1)
    assert f"the Hub was not reached ({endpoint}: timed out)" in refusal_of(process)


# ---- what is written, and where


def test_hostile_file_names_are_neither_fetched_nor_written(hub, home, resolve):
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
    hub.add("owner/enc", ENCODER | dict.fromkeys(hostile, b"evil"))
    assert found_in(resolve("owner/enc")) == NEEDED
    assert hub.downloads() == sorted(NEEDED)
    assert list(home.parent.parent.iterdir()) == [home.parent]
    assert list(home.parent.iterdir()) == [home]
    assert not [path for path in home.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]


def test_a_commit_that_is_a_path_is_refused_and_nothing_written(hub, home, resolve):
    hub.add("owner/enc", ENCODER, commit="../../../../../evil")
    assert "the commit it names is '../../../../../evil'" in refusal_of(resolve("owner/enc"))
    assert not home.exists()


def test_a_cache_that_cannot_be_written_is_named(hub, tmp_path, resolve):
    hub.add("owner/enc", ENCODER)
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "cache"
    said = refusal_of(resolve("owner/enc", HF_HUB_CACHE=cache))
    assert said.startswith("owner/enc: the cache cannot be used ([Errno ")
    assert said.endswith(f"see to {cache}, or set HF_HOME")


def test_a_disk_that_is_full_is_named(hub, home, resolve):
    hub.add("owner/enc", ENCODER | {"model.safetensors": bytes(100_000)})
    said = refusal_of(resolve("owner/enc", file_size=50_000))
    assert said.startswith("owner/enc: the cache cannot be used ([Errno ")
    assert not [path for path in home.rglob("*") if path.name == "model.safetensors"]
