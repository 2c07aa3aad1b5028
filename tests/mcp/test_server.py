"""biosyn mcp as its users start it: a process of its own, and the SDK's client at the other end."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

import biosyn

CONCEPTS = (
    {"ids": ["D001260", "208900"], "preferred_name": "Ataxia Telangiectasia", "names": ["Ataxia Telangiectasia", "AT"]},
    {"ids": ["D001943"], "preferred_name": "Breast Neoplasms", "names": ["Breast Neoplasms"], "parents": ["D001260"]},
    {"ids": ["D000001"], "preferred_name": None, "names": [], "obsolete": True, "replaced_by": ["D001943"]},
)
CONCEPTS[0]["xrefs"] = ["MSH:D001260"]
PATIENCE = 300  # seconds; importing torch takes ten on a quiet machine, minutes on a busy one


@pytest.fixture
def command(tmp_path, tiny_dictionary):
    """Function: checkpoint and flags -> the command line, its dictionary with concepts beside it."""
    dictionary = shutil.copy(tiny_dictionary, tmp_path)
    lines = (f"{json.dumps(concept)}\n" for concept in CONCEPTS)
    (tmp_path / "concepts.jsonl").write_text("".join(lines), encoding="utf-8")

    def make(checkpoint, *flags):
        tiny = ("--model_name_or_path", checkpoint, "--dictionary_path", dictionary, "--device", "cpu")
        return [sys.executable, "-m", "biosyn", "mcp", *map(str, tiny), *flags]

    return make


@pytest.fixture
def environment():
    return {**os.environ, "PYTHONPATH": str(Path(biosyn.__file__).parents[1])}


def talk(server, *calls):
    """Return the tools, and for each call whether it failed, and its text; one after the other, by one client."""

    async def run():
        async with Client(server) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            answers = [await client.call_tool(name, arguments) for name, arguments in calls]
            return tools, [(one.is_error, ",".join(part.text for part in one.content)) for one in answers]

    return asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_the_sdks_client_over_stdio(command, environment, tmp_path, calibrated_checkpoint):
    calls = (
        ("link", {"mentions": ["Ataxia-Telangiectasia", "breast cancers"], "candidates": 2}),
        ("concept", {"id": "omim:208900"}),
        ("check", {"id": "MESH:D001943", "label": "Breast Neoplasms"}),
        ("check", {"id": "MESH:D001943", "label": "ataxia telangiectasia"}),
        ("check", {"id": "MESH:D000001"}),
        ("check", {"id": "MESH:D999999", "label": "ataxia telangiectasia"}),
        ("concept", {"id": "MESH:D999999"}),
        ("link", {"mentions": ["ataxia"] * 101}),
        ("link", {"mentions": ["ataxia"], "candidates": 101}),
        ("link", {"mentions": ["ataxia", "?!"]}),
        ("link", {"mentions": ["x" * 1001]}),
        ("check", {"id": "MESH:" * 100}),
    )
    shell = ["-c", '"$@" | tee wire', "sh", *command(calibrated_checkpoint)]  # keeps what the server wrote to stdout
    server = StdioServerParameters(command="sh", args=shell, env=environment, cwd=tmp_path)
    tools, answers = talk(server, *calls)
    assert tools == ["link", "concept", "check"]
    assert [failed for failed, _ in answers] == [False] * 6 + [True] * 6
    linked, *described = (json.loads(f"[{text}]") for _, text in answers[:6])
    assert [len(one["candidates"]) for one in linked] == [2, 2]
    assert linked[0]["answer"].startswith("MESH:D001260 (Ataxia Telangiectasia) with a probability of ")
    concept, right, wrong, old, unknown = (one for (one,) in described)
    assert concept["primary_id"] == "MESH:D001260"
    assert (concept["alternative_ids"], concept["xrefs"]) == (["OMIM:208900"], ["MESH:D001260"])
    assert (right["status"], right["reason"]) == ("ok", "the label is a name of the id")
    assert (wrong["status"], wrong["label_ids"]) == ("label disagrees", ["MESH:D001260"])
    assert (old["status"], old["replaced_by"]) == ("obsolete id", ["MESH:D001943"])
    assert (unknown["status"], unknown["label_ids"]) == ("unknown id", ["MESH:D001260"])
    for (_, text), reason in zip(
        answers[6:],
        (
            "no concept has the id 'MESH:D999999': the dictionary's ids are of MESH",
            "mentions: 101 asked for, give 1 to 100",
            "candidates: 101 asked for, give 1 to 100",
            "text 2: ",
            "give 1000 at most",
            "the id has 500 characters: give 200 at most",
        ),
        strict=True,
    ):
        assert reason in text
    written = (tmp_path / "wire").read_text(encoding="utf-8").splitlines()
    assert len(written) > len(calls)
    assert all(json.loads(each)["jsonrpc"] == "2.0" for each in written)


@pytest.mark.slow
def test_the_sdks_client_over_http_to_a_model_that_is_not_calibrated(command, environment, tiny_checkpoint):
    line = command(tiny_checkpoint, "--http", "0")
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = next(found[0] for written in process.stderr if (found := re.search(r"http://127\S+/mcp", written)))
        _, [(failed, text)] = talk(url, ("link", {"mentions": ["ataxia"]}))
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE)
    assert not failed
    assert "how sure is unknown, as the model is not calibrated" in text
    assert output == ""


def test_without_the_sdk_the_command_says_what_to_install(command, tiny_checkpoint, monkeypatch, capsys):
    from biosyn.cli.main import main

    monkeypatch.setitem(sys.modules, "mcp", None)
    assert main(command(tiny_checkpoint)[3:]) == 2
    assert "pip install 'biosyn[mcp]'" in capsys.readouterr().err
