import http.client
import json
import logging
import threading
from urllib.parse import quote, urlsplit

import pytest

from biosyn.config import InferenceConfig
from biosyn.inference import infer
from biosyn.web.app import HEADERS, MAX_MENTION, make_app

HOSTILE = ('<img src=x onerror="hacked()">', "</script><script>hacked()</script>", "a\u202eb\u0000", "' OR 1=1; --")


@pytest.fixture(scope="session")
def linker(make_linker, tiny_dictionary):
    return make_linker(tiny_dictionary)


@pytest.fixture
def get(start_server, linker):
    """Function: path -> (status, headers, body), over a real connection."""
    url, _ = start_server(make_app(linker, topk=10))
    return lambda path, method="GET": request(url, path, method)


def request(url, path, method="GET"):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)  # unlike request(), sends any path as it is
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def test_the_answer_is_that_of_inference(get, tiny_checkpoint, tiny_dictionary):
    mention = "Ataxia-Telangiectasia"
    status, headers, body = get(f"/normalize/?string={mention}")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    config = InferenceConfig(
        model_name_or_path=str(tiny_checkpoint), dictionary_path=str(tiny_dictionary), mention=mention, topk=10
    )
    assert json.loads(body) == {"predictions": infer(config)["predictions"]}


def test_there_are_topk_predictions_best_first(get):
    predictions = json.loads(get("/normalize?string=breast%20cancers")[2])["predictions"]
    scores = [prediction["score"] for prediction in predictions]
    assert len(predictions) == 10
    assert scores == sorted(scores, reverse=True)
    assert set(predictions[0]) == {"name", "id", "score", "dense_score", "sparse_score"}


def test_a_small_dictionary_gives_what_it_has(start_server, make_linker, write_dictionary):
    url, _ = start_server(make_app(make_linker(write_dictionary("D1||ataxia", "D2||asthma")), topk=10))
    assert len(json.loads(request(url, "/normalize/?string=ataxia")[2])["predictions"]) == 2


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "no letter or digit"),
        ("?string=", "no letter or digit"),
        ("?string=%20%09", "no letter or digit"),
        ("?string=?!", "no letter or digit"),
        ("?string=%00%01", "no letter or digit"),
        ("?mention=ataxia", "no letter or digit"),
        ("?string=%ff", "Bad Request"),  # not UTF-8
        ("?string=%ed%a0%80", "Bad Request"),  # half a surrogate pair
        (f"?string={'a' * (MAX_MENTION + 1)}", f"{MAX_MENTION} at most"),
    ],
)
def test_a_mention_that_cannot_be_linked_is_a_400_that_says_why(get, query, reason):
    status, _, body = get(f"/normalize/{query}")
    assert status == 400
    assert reason in json.loads(body)["error"]


@pytest.mark.parametrize("mention", [*HOSTILE, "é" * MAX_MENTION, "🧬 ataxia", "ataxia\r\nSet-Cookie: a=b"])
def test_a_strange_mention_is_a_mention(get, mention):
    status, headers, body = get(f"/normalize/?string={quote(mention)}")
    assert status == 200
    assert len(json.loads(body)["predictions"]) == 10
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    "query", ["string=%zz", "string=%", "string=a&string=b", "string=a;b", "string[]=a", "%", "&&&=", "string=a+b"]
)
def test_a_strange_query_is_never_a_failure_of_ours(get, query):
    assert get(f"/normalize/?{query}")[0] in (200, 400)


def test_hostile_names_pass_unchanged_as_json(start_server, make_linker, write_dictionary):
    names = HOSTILE[:2]
    url, _ = start_server(make_app(make_linker(write_dictionary(*(f"D1||{name}" for name in names))), topk=2))
    _, headers, body = request(url, "/normalize/?string=img")
    assert {prediction["name"] for prediction in json.loads(body)["predictions"]} == set(names)
    assert headers["Content-Type"].startswith("application/json")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/?q=ataxia", 200),
        ("/static/app.js", 200),
        ("/static/style.css", 200),
        ("/static/icon.svg", 200),
        ("/static/", 404),
        ("/static/none.js", 404),
        ("/static/../app.py", 404),
        ("/static/..%2fapp.py", 404),
        ("/static/%00", 404),
        ("/static/%ff", 404),
        ("/app.py", 404),
        ("/index.html", 404),
        ("//", 404),
        ("/normalize/more", 404),
        ("/normalize/?string=ataxia", 200),
        ("/normalize/", 400),
    ],
)
def test_every_answer_has_the_headers(get, path, status):
    found, headers, body = get(path)
    assert found == status
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert status < 400 or set(json.loads(body)) == {"error"}


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(get):
    policy = get("/")[1]["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "://" not in get("/")[2]  # no address but our own


@pytest.mark.parametrize("path", ["/", "/normalize/?string=ataxia", "/none"])
def test_nothing_can_be_posted(get, path):
    assert get(path, "POST")[0] in (404, 405)


def test_the_page_loads_while_a_query_runs(start_server, linker):
    asked, answer = threading.Event(), threading.Event()

    class SlowLinker:
        def link(self, mentions, *, topk):
            asked.set()
            assert answer.wait(60)
            return linker.link(mentions, topk=topk)

    url, _ = start_server(make_app(SlowLinker(), topk=1))
    statuses = []
    query = threading.Thread(target=lambda: statuses.append(request(url, "/normalize/?string=ataxia")[0]))
    query.start()
    assert asked.wait(60)
    assert request(url, "/")[0] == 200
    assert statuses == []
    answer.set()
    query.join(60)
    assert statuses == [200]


def test_a_failure_of_ours_keeps_its_traceback_and_the_mention_to_itself(start_server, caplog):
    class BrokenLinker:
        def link(self, mentions, *, topk):
            raise RuntimeError("a bug")

    url, _ = start_server(make_app(BrokenLinker(), topk=1))
    with caplog.at_level(logging.INFO):
        status, _, body = request(url, "/normalize/?string=secret")
    assert (status, json.loads(body)) == (500, {"error": "Internal Server Error"})
    assert "GET /normalize/ failed" in caplog.text
    assert "a bug" in caplog.text
    assert "secret" not in caplog.text


def test_no_request_is_logged(get, caplog):
    with caplog.at_level(logging.INFO):
        for path in ("/normalize/?string=secret", "/normalize/?string=secret%ff", "/secret", "/static/secret.js"):
            get(path)
    assert "secret" not in caplog.text
