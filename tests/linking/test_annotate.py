"""Texts without mentions: what is written, read as others read it."""

import io
import json
import re
import sys
from pathlib import Path

import bioc.biocjson
import pytest

from biosyn.errors import InputError
from biosyn.linking.annotate import NOTICE, annotate_files
from biosyn.linking.file import link_file
from biosyn.mention_files.formats import format_of
from biosyn.settings.verbs import TextConfig

TEXT = "Ataxia–telangiectasia (A-T) in two families.\r\nA-T\tand breast  Cancer;\nıs 𝛼 ﬁne breast\ncancer."
SPANS = ["Ataxia–telangiectasia", "A-T", "A-T", "breast  Cancer", "breast\ncancer"]
TEXT_LINE = TEXT.replace("\r\n", "  ").replace("\n", " ").replace("\t", " ")


@pytest.fixture
def run(tiny_checkpoint, tiny_dictionary, tmp_path):
    """Function: texts by file name, name of the output and changed settings -> the result and what is written."""

    def call(texts, output, **changes):
        for name, text in texts.items():
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        settings = {
            "model_name_or_path": str(tiny_checkpoint),
            "dictionary_path": str(tiny_dictionary),
            "text": tuple(str(tmp_path / name) for name in texts),
            "output": str(tmp_path / output),
            "abbreviations": "schwartz-hearst",
            "device": "cpu",
        }
        result = annotate_files(TextConfig(**{**settings, **changes}))
        return result, (tmp_path / output).read_bytes().decode()

    return call


def test_offsets_in_json_lines_select_exactly_the_span(run):
    result, written = run({"one.txt": b"\xef\xbb\xbf" + TEXT.encode(), "two.v2.txt": "No name."}, "out.jsonl")
    rows = [json.loads(line) for line in written.splitlines()]
    assert [row["mention"] for row in rows] == SPANS
    assert [TEXT[row["start"] : row["end"]] for row in rows] == SPANS
    assert [row["biosyn_name"] for row in rows[:3]] == ["ataxia telangiectasia"] * 3  # short forms as their long form
    assert {row["document"] for row in rows} == {"one"}
    assert (result["documents"], result["mentions"], result["notice"]) == (2, 5, NOTICE)


def test_bioc_is_read_by_the_library(run):
    _, written = run({"one.txt": TEXT, "two.txt": "No name."}, "out.json")
    collection = bioc.biocjson.load(io.StringIO(written))
    first, second = collection.documents
    assert collection.infons["notice"] == NOTICE
    assert (first.id, first.passages[0].text, second.passages[0].annotations) == ("one", TEXT, [])
    for one, span in zip(first.passages[0].annotations, SPANS, strict=True):
        location = one.total_span
        assert TEXT[location.offset : location.end] == one.text == span


def test_pubtator_is_a_file_of_mentions_that_links_to_the_same_concepts(run, link_config, tmp_path):
    _, written = run({"a|b.txt": TEXT}, "out.pubtator")
    title, abstract, *mentions = written.splitlines()
    document = title.removeprefix("a_b|t|") + " " + abstract.removeprefix("a_b|a|")
    assert document == TEXT_LINE
    for line, span in zip(mentions[:-1], SPANS, strict=True):
        _, start, end, mention, kind, _ = line.split("\t")
        assert document[int(start) : int(end)] == mention
        assert (mention, kind) == (span.replace("\n", " "), "Concept")
    assert format_of(tmp_path / "out.pubtator") == "pubtator"
    link_file(link_config(tmp_path / "out.pubtator", abbreviations="schwartz-hearst"))
    assert (tmp_path / "linked").read_text() == written


def test_the_page_has_the_real_spans(run):
    page = (Path(__file__).parents[2] / "docs" / "text.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    text, expected = blocks[1], blocks[3]
    _, written = run({"17.txt": text}, "17.pubtator")
    spans = [
        [line.rpartition("\t")[0] or line for line in lines.rstrip().splitlines()] for lines in (written, expected)
    ]
    assert spans[0] == spans[1]


@pytest.mark.parametrize(
    ("texts", "changes", "message"),
    [
        ({"a.txt": "x", "a.text": "y"}, {}, "two files have the same name"),
        ({"a.txt": b"Sj\xf6gren"}, {}, r"a\.txt: is not UTF-8"),
        ({"a.txt": "ataxia"}, {"threshold": 0.5}, "calibrat"),
    ],
)
def test_what_is_bad_is_named_and_nothing_is_written(run, tmp_path, texts, changes, message):
    with pytest.raises(InputError, match=message):
        run(texts, "out.json", **changes)
    assert not (tmp_path / "out.json").exists()


def test_without_the_package_its_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[text\]'"):
        run({"a.txt": "ataxia"}, "out.json")
