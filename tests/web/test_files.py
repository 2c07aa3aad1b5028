import base64
import json
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from biosyn.linking.file import link_file
from biosyn.settings.verbs import LinkConfig

FILES = {
    "mentions.txt": "ataxia\nBreast cancers\n\n",
    "mentions.csv": 'patient,mention\r\n1,"ataxia, telangiectasia"\r\n2,"<img src=x onerror=hacked()>"\r\n',
    "mentions.tsv": "mention\tnote\nataxia\tx\n",
    "mentions.jsonl": '{"mention": "ataxia", "n": 1.0}\n',
    "mentions.pubtator": "1|t|Ataxia telangiectasia (AT)\n1|a|AT is rare.\n1\t0\t21\tAtaxia telangiectasia\tDisease\n"
    "1\t27\t29\tAT\tDisease\n\n",
    "mentions.json": '{"documents": []}',
    "mentions.xml": "<collection><document><id>1</id></document></collection>",
}


@pytest.fixture(scope="module")
def tiny_files_backend(make_backend, tiny_dictionary):
    return make_backend(tiny_dictionary, file_mentions=50)


@pytest.fixture
def upload(start_server, send, tiny_files_backend):
    """Function: content, query -> (status, JSON value)."""
    url, _ = start_server(tiny_files_backend)

    def call(content, **query):
        path = f"/api/v1/link?{urlencode(query)}"
        status, _, body = send(url, path, "POST", content, kind="application/octet-stream")
        return status, json.loads(body)

    return call


@pytest.mark.parametrize("name", FILES)
def test_the_file_comes_back_as_inference_writes_it(upload, name, tiny_checkpoint, tiny_dictionary, tmp_path):
    content = FILES[name].encode()
    status, answer = upload(content, filename=name)
    assert status == 200, answer
    place = tmp_path / name
    place.write_bytes(content)
    counts = link_file(
        LinkConfig(
            model_name_or_path=str(tiny_checkpoint),
            dictionary_path=str(tiny_dictionary),
            input=str(place),
            output=str(tmp_path / "linked"),
            device="cpu",
        )
    )
    assert base64.b64decode(answer["file"]) == (tmp_path / "linked").read_bytes()
    assert {key: answer[key] for key in ("format", "mentions", "linked", "skipped")} == {
        key: counts[key] for key in ("format", "mentions", "linked", "skipped")
    }
    assert len(answer["rows"]) == answer["mentions"]


def test_rows_tell_the_links_in_order_and_what_cannot_be_linked(upload):
    _, answer = upload(b"mention,n\nataxia,1\n--,2\nasthma,3\n", filename="m.csv")
    first, bad, last = answer["rows"]
    assert (first["mention"], first["name"], first["id"]) == ("ataxia", "ataxia", "MESH:D001259")
    assert first["ids"][0]["ontology"] == "MeSH"
    assert bad == {"mention": "--", "problem": "the mention holds no letter or digit"}
    assert last["name"] == "asthma"
    assert (answer["linked"], answer["skipped"]) == (2, 1)


def test_the_format_is_told_by_the_content_where_the_name_tells_none(upload):
    assert upload(FILES["mentions.pubtator"].encode())[1]["format"] == "pubtator"
    assert upload(b"ataxia\n", filename="notes")[1]["format"] == "lines"
    assert upload(b"ataxia\n", filename="notes.csv", format="lines")[1]["format"] == "lines"


@pytest.mark.parametrize(
    ("content", "query", "reason"),
    [
        (b"ataxia\n", {"format": "docx"}, "format must be one of lines"),
        (b"a,b\n1,2\n", {"filename": "m.csv"}, "the file:1: has no column 'mention'"),
        (b"a,b\n1,2\n", {"filename": "m.csv", "column": "c"}, "has no column 'c'"),
        (b"<collection>", {"filename": "m.xml"}, "the file:1: is not well-formed XML"),
        (b'<!DOCTYPE c [<!ENTITY a "b">]><collection/>', {"filename": "m.xml"}, "DOCTYPE"),
        ("ataxia\n".encode("utf-16"), {}, "is UTF-16"),
        (b"ataxia\n" * 51, {}, "the file has more than 50 mentions: give 50 at most"),
    ],
)
def test_a_file_that_cannot_be_linked_is_a_400_that_says_why(upload, content, query, reason):
    status, answer = upload(content, **query)
    assert status == 400
    assert reason in answer["error"]["message"]
    assert tempfile.gettempdir() not in answer["error"]["message"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a\0b.csv", "x" * 5_000, "CON", ".csv", "m.csv/.."]
)
def test_a_name_reaches_no_file_system(upload, name, monkeypatch):
    opened = []
    real = os.open
    monkeypatch.setattr("os.open", lambda path, *rest, **more: opened.append(path) or real(path, *rest, **more))
    status, _ = upload(b"mention\nataxia\n", filename=name)
    assert status == 200
    assert not [path for path in map(str, opened) if name in path]


def test_nothing_stays(upload, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    upload(b"ataxia\n")
    upload(b"<collection>", filename="m.xml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("m.pubtator", b"|t|\n"),
        ("m.xml", b"<document/>"),
        ("m.json", b'{"passages": []},'),
        ("m.xml", b"<!---->"),
    ],
)
def test_records_without_a_mention_are_bounded_too(start_server, send, make_backend, tiny_dictionary, name, record):
    before, after = {"m.xml": (b"<collection>", b"</collection>"), "m.json": (b'{"documents": [', b"{}]}")}.get(
        name, (b"", b"")
    )
    url, _ = start_server(make_backend(tiny_dictionary, file_records=50))
    content = before + 60 * record + after
    status, _, body = send(url, f"/api/v1/link?filename={name}", "POST", content, kind="application/octet-stream")
    assert (status, json.loads(body)["error"]["code"]) == (400, "bad_request")
    assert "the file has more than 50 records: give 50 at most" in body


def test_a_file_of_line_ends_is_refused_at_once(upload):
    status, answer = upload(4_000_000 * b"\n")
    assert status == 400
    assert "the file has more than 400,000 lines: give 400,000 at most" in answer["error"]["message"]


def test_blank_lines_are_no_records_each(upload):
    content = b"ataxia\n" + 300_000 * b"\n"
    status, answer = upload(content)
    assert (status, answer["mentions"]) == (200, 1)
    assert base64.b64decode(answer["file"]).endswith(300_000 * b"\n")


def test_a_file_that_takes_too_long_is_refused_for_good(start_server, send, make_backend, tiny_dictionary):
    url, _ = start_server(make_backend(tiny_dictionary, file_seconds=0.0))
    status, _, body = send(url, "/api/v1/link", "POST", b"ataxia\n", kind="application/octet-stream")
    assert (status, json.loads(body)["error"]["code"]) == (413, "took_too_long")  # the page would try again after a 503
    assert "takes more than 0 s: give a smaller one" in body


def test_a_very_long_document_is_not_searched_for_abbreviations(start_server, send, make_backend, tiny_dictionary):
    url, _ = start_server(make_backend(tiny_dictionary, file_document=100))
    content = f"1|t|Ataxia\n1|a|{100 * 'a'}\n1\t0\t6\tAtaxia\tDisease\n".encode()
    status, _, body = send(url, "/api/v1/link?filename=m.pubtator", "POST", content, kind="application/octet-stream")
    (row,) = json.loads(body)["rows"]
    assert status == 200
    assert "its document has 109 characters: give 100 at most" in row["problem"]


def test_several_files_are_linked_at_once(start_server, send, make_backend, tiny_dictionary):
    backend = make_backend(tiny_dictionary, files=2)
    both = threading.Barrier(2, timeout=60)  # neither ends before the other has begun

    class Meeting:
        def link_file(self, path, **_):
            both.wait()
            return {"file": path.read_bytes()}

    backend.service = Meeting()
    url, _ = start_server(backend)
    with ThreadPoolExecutor() as pool:
        asked = [
            pool.submit(send, url, "/api/v1/link", "POST", content, "application/octet-stream")
            for content in (b"a", b"b")
        ]
        answers = [json.loads(one.result()[2])["file"] for one in asked]
    assert list(map(base64.b64decode, answers)) == [b"a", b"b"]


def test_a_bad_byte_stays_in_the_file(upload):
    content = b"ataxia\nsj\xf6gren\n"
    _, answer = upload(content)
    assert base64.b64decode(answer["file"]).splitlines()[1] == b"sj\xf6gren"
    assert "UTF-8" in answer["rows"][1]["problem"]


# -- texts without mentions


@pytest.fixture
def annotate(start_server, send, tiny_files_backend):
    """Function: body -> (status, JSON value)."""
    url, _ = start_server(tiny_files_backend)

    def call(body):
        status, _, answer = send(url, "/api/v1/annotate", "POST", json.dumps(body).encode(), kind="application/json")
        return status, json.loads(answer)

    return call


def test_the_names_of_a_text_have_offsets_and_links(annotate, upload):
    text = "Ataxia\u2013telangiectasia (A-T). \U0001f600 A-T, \ufb01ne breast\ncancer."
    status, answer = annotate({"text": text, "abbreviations": "schwartz-hearst"})
    assert (status, answer["abbreviations"]) == (200, "schwartz-hearst")
    assert "not those of a trained recognizer" in answer["notice"]
    rows = answer["annotations"]
    mentions = [row["mention"] for row in rows]
    assert mentions == ["Ataxia\u2013telangiectasia", "A-T", "A-T", "breast\ncancer"]
    assert [text[row["start"] : row["end"]] for row in rows] == mentions
    _, alone = upload(b"ataxia telangiectasia\n")
    (expected,) = alone["rows"]
    for row in rows[:3]:
        assert (row["id"], row["name"], row["ids"]) == (expected["id"], expected["name"], expected["ids"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "text must be a text of 1 to 500,000 characters"),
        ({"text": "x" * 500_001}, "text must be a text of 1 to 500,000 characters"),
        ({"text": ["ataxia"]}, "text must be a text"),
        ({"text": "ataxia \ud800"}, "text holds half of a surrogate pair"),
        ({"text": "ataxia", "abbreviations": "x"}, "abbreviations must be one of ab3p, schwartz-hearst, none"),
        ({"text": "ataxia", "topk": 3}, "the body has a member 'topk'"),
        ({"text": "ataxia, " * 51}, "the text has more than 50 names"),
    ],
)
def test_a_text_that_is_refused(annotate, body, message):
    status, answer = annotate(body)
    assert status == 400
    assert message in answer["error"]["message"]
