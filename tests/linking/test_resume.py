"""Runs in processes of their own, killed by SIGKILL and resumed: the bytes are those of a run left in peace."""

import json
import random
import signal
import time
from pathlib import Path

import pytest

import biosyn.linking.steps
from biosyn.cli.inference import main
from biosyn.model.linker import Linker
from biosyn.training.train import train

# A step is eight mentions: there are many to be killed in.
PROGRAM = """
import sys
import biosyn.linking.steps
from biosyn.cli.inference import main
biosyn.linking.steps.MENTIONS = 8
sys.stdout, sys.stderr = open({log!r}, "w"), open({log!r} + ".errors", "w")
code = main({arguments!r})
sys.stdout.flush()
sys.exit(code)
"""
NOUNS = ["ataxia", "cancer", "syndrome", "disease", "anemia", "asthma", "allergy", "tumor"]
WORDS = [*NOUNS, "breast", "ovarian", "of", "the", "type", "hemolytic"]


def mentions_of(count, seed):
    """Mentions of which a part comes again."""
    chosen = random.Random(seed)
    return [" ".join(chosen.choices(WORDS, k=chosen.randint(1, 3))) for _ in range(count)]


def lines_of(mentions):
    """Every tenth line is a bad record."""
    return "".join(f"{'--' if number % 10 == 9 else mention}\n" for number, mention in enumerate(mentions))


def pubtator_of(mentions):
    documents = []
    for number, mention in enumerate(mentions):
        name = f"Rare {mention}"
        title = f"{name} (RX) and RX"
        rows = [(0, name), (len(name) + 2, "RX"), (len(title) - 2, "RX")]
        lines = [f"{number}\t{start}\t{start + len(text)}\t{text}\tDisease" for start, text in rows]
        documents.append("\n".join([f"{number}|t|{title}", f"{number}|a|", *lines]) + "\n\n")
    return "".join(documents)


def xml_of(mentions):
    annotations = [
        f'<document><id>{number}</id><passage><offset>0</offset><text>{mention}</text><annotation id="T">'
        f'<location offset="0" length="{len(mention)}"/><text>{mention}</text></annotation></passage></document>\n'
        for number, mention in enumerate(mentions)
    ]
    return f"<collection><!-- many -->{''.join(annotations)}</collection>\n"


def json_of(mentions):
    documents = [{"id": "1", "passages": [{"offset": 0, "annotations": [{"text": mention}]}]} for mention in mentions]
    return json.dumps({"documents": documents}, indent=1)


FORMATS = {
    "txt": lines_of,
    "csv": lambda mentions: "mention\n" + lines_of(mentions),
    "jsonl": lambda mentions: "".join(json.dumps({"mention": mention}) + "\n" for mention in mentions),
    "pubtator": pubtator_of,
    "xml": xml_of,
    "json": json_of,
}


@pytest.fixture
def arguments(tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: format and mentions -> function from the output's name to the command's arguments."""

    def make(suffix, mentions):
        source = tmp_path / f"input.{suffix}"
        source.write_text(FORMATS[suffix](mentions), encoding="utf-8")
        settings = {
            "--model_name_or_path": tiny_checkpoint,
            "--dictionary_path": tiny_dictionary,
            "--input": source,
            "--device": "cpu",
            "--precision": "float32",
            "--on_error": "skip",
        }
        flags = [str(part) for pair in settings.items() for part in pair]
        return lambda name: [*flags, "--quiet", "--output", str(tmp_path / name)]

    return make


@pytest.fixture
def start(forked, tmp_path):
    """Function: arguments -> the process that runs the command; what it prints goes to the file ``log``."""
    return lambda arguments: forked(PROGRAM.format(log=str(tmp_path / "log"), arguments=arguments))


def finish(process, tmp_path):
    process.join(timeout=300)
    printed = (tmp_path / "log").read_text()
    assert process.exitcode == 0, (tmp_path / "log.errors").read_text()
    return json.loads(printed)


def kill_when_written(process, partial: Path, size: int):
    """Kill the process when its output has grown beyond the size."""
    while process.is_alive():
        if partial.exists() and partial.stat().st_size > size:
            process.kill()
            break
        time.sleep(0.0005)
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it ended before it was to be killed"


def kill_and_resume(start, arguments, tmp_path, kills, seed):
    """Kill a run again and again, each time a bit further on; return what it printed when it was left to its end."""
    peaceful = finish(start(arguments("peaceful")), tmp_path)
    whole = (tmp_path / "peaceful").stat().st_size
    chosen = random.Random(seed)
    for number in range(kills):
        process = start([*arguments("killed"), "--resume"])
        size = whole * (number + chosen.random()) / (kills + 1)
        kill_when_written(process, tmp_path / "killed.partial" / "output", int(size))
        assert not (tmp_path / "killed").exists()
    resumed = finish(start([*arguments("killed"), "--resume"]), tmp_path)
    for name in ("peaceful", "peaceful.errors.jsonl"):
        assert (tmp_path / name.replace("peaceful", "killed")).read_bytes() == (tmp_path / name).read_bytes()
    assert not (tmp_path / "killed.partial").exists()
    for key in ("mentions", "linked", "distinct", "skipped"):
        assert resumed[key] == peaceful[key]
    return resumed


def test_three_kills(start, arguments, tmp_path):
    counts = kill_and_resume(start, arguments("txt", mentions_of(500, seed=1)), tmp_path, kills=3, seed=1)
    assert counts["mentions"] == 500
    assert counts["skipped"] == 50
    assert 0 < counts["distinct"] < counts["linked"] == 450


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_twenty_kills(start, arguments, tmp_path, suffix):
    kill_and_resume(start, arguments(suffix, mentions_of(2000, seed=2)), tmp_path, kills=20, seed=3)


@pytest.fixture
def stopped(arguments, tmp_path, monkeypatch):
    """The arguments of a run that was interrupted after its first steps."""
    monkeypatch.setattr(biosyn.linking.steps, "MENTIONS", 8)
    link, texts_linked = Linker.link, []

    def interrupted(self, texts, **how):
        if len(texts_linked) > 20:
            raise KeyboardInterrupt
        texts_linked.extend(texts)
        return link(self, texts, **how)

    given = arguments("txt", mentions_of(200, seed=4))("out")
    with monkeypatch.context() as patched:
        patched.setattr(Linker, "link", interrupted)
        assert main(given) == 130
    assert (tmp_path / "out.partial" / "output").stat().st_size > 0
    return given


def test_an_interrupted_run_is_resumed(stopped, arguments, tmp_path, capsys):
    assert main([*stopped, "--resume"]) == 0
    assert json.loads(capsys.readouterr().out)["mentions"] == 200
    assert main([*stopped[:-1], str(tmp_path / "again")]) == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "out").read_bytes()


def test_what_to_do_with_bad_records_may_change_when_a_run_is_resumed(stopped, capsys):
    assert main([*stopped, "--resume", "--on_error", "fail"]) == 2
    assert "holds no letter or digit" in capsys.readouterr().err
    assert main([*stopped, "--resume"]) == 0


def test_a_run_of_other_settings_is_not_resumed_and_without_resume_is_started_anew(
    stopped, tmp_path, capsys, write_dictionary
):
    other_names = write_dictionary("D1||ataxia", "D2||cancer")
    other_input = tmp_path / "other.txt"
    other_input.write_text("ataxia\n")
    capsys.readouterr()
    for flags, what in (
        (["--dictionary_path", str(other_names)], "dictionary"),
        (["--input", str(other_input)], "input"),
        (["--split_composites"], "settings"),
        (["--add", "id"], "settings"),
    ):
        assert main([*stopped, "--resume", *flags]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert f"cannot be resumed, as its {what} has changed" in lines[0]
    assert (tmp_path / "out.partial" / "state.sqlite").exists()
    assert main([flag for flag in stopped if flag != "--quiet"]) == 0
    printed = capsys.readouterr()
    assert "starting again from the beginning" in printed.err
    assert json.loads(printed.out)["mentions"] == 200
    assert len((tmp_path / "out").read_text().splitlines()) == 200


def test_another_model_is_not_resumed(stopped, tiny_config, tmp_path, capsys):
    train(tiny_config(tmp_path / "model", initial_sparse_weight=2.0, epoch=0))
    assert main([*stopped, "--resume", "--model_name_or_path", str(tmp_path / "model")]) == 2
    assert "its model has changed" in capsys.readouterr().err


def test_a_run_of_another_version_is_named_as_such(stopped, capsys, monkeypatch):
    monkeypatch.setattr("biosyn.linking.file_settings.FORMAT_VERSION", 3)
    assert main([*stopped, "--resume"]) == 2
    assert "cannot be resumed, as its version of BioSyn has changed" in capsys.readouterr().err
