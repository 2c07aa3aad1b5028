import hashlib
import json
import logging
import threading
from urllib.parse import quote

import pytest

from biosyn.linking.mention import infer
from biosyn.settings.verbs import InferenceConfig
from biosyn.web.backend import Backend
from biosyn.web.base import HEADERS
from biosyn.web.limits import Limits
from biosyn.web.service import Service

HOSTILE = ('<img src=x onerror="hacked()">', "</script><script>hacked()</script>", "a\u202eb\u0000", "' OR 1=1; --")
MAX_MENTION = Limits().mention


@pytest.fixture
def get(start_server, send, make_backend, tiny_dictionary):
    """Function: path, and maybe method, body, content type -> (status, headers, body), over a real connection."""
    url, _ = start_server(make_backend(tiny_dictionary))
    return lambda *request, **more: send(url, *request, **more)


@pytest.fixture
def post(get):
    """Function: path, JSON value -> (status, JSON value)."""

    def call(path, value):
        status, _, body = get(path, "POST", json.dumps(value).encode())
        return status, json.loads(body)

    return call


def test_the_answer_is_that_of_inference(get, tiny_checkpoint, tiny_dictionary):
    mention = "Ataxia-Telangiectasia"
    status, headers, body = get(f"/normalize/?string={mention}")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    config = InferenceConfig(
        model_name_or_path=str(tiny_checkpoint), dictionary_path=str(tiny_dictionary), mention=mention, topk=10
    )
    expected, answer = infer(config), json.loads(body)
    assert list(answer) == ["predictions", "concept"]
    assert answer["predictions"] == expected["predictions"]
    page = {"ontology": "MeSH", "url": "https://meshb.nlm.nih.gov/record/ui?ui=D001260"}
    assert answer["concept"] == {**expected["concept"], **page}


def test_there_are_topk_predictions_best_first(get):
    predictions = json.loads(get("/normalize?string=breast%20cancers")[2])["predictions"]
    scores = [prediction["score"] for prediction in predictions]
    assert len(predictions) == 10
    assert scores == sorted(scores, reverse=True)
    assert set(predictions[0]) == {"name", "id", "score", "dense_score", "sparse_score"}


def test_a_small_dictionary_gives_what_it_has(start_server, send, make_backend, write_dictionary):
    url, _ = start_server(make_backend(write_dictionary("D1||ataxia", "D2||asthma")))
    assert len(json.loads(send(url, "/normalize/?string=ataxia")[2])["predictions"]) == 2


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "no letter or digit"),
        ("?string=", "no letter or digit"),
        ("?string=%20%09", "no letter or digit"),
        ("?string=?!", "no letter or digit"),
        ("?string=%00%01", "no letter or digit"),
        ("?mention=ataxia", "no letter or digit"),
        ("?string=%ff", "cannot be read"),  # not UTF-8
        ("?string=%ed%a0%80", "cannot be read"),  # half a surrogate pair
        (f"?string={'a' * (MAX_MENTION + 1)}", f"{MAX_MENTION} at most"),
    ],
)
def test_a_mention_that_cannot_be_linked_is_a_400_that_says_why(get, query, reason):
    status, _, body = get(f"/normalize/{query}")
    assert status == 400
    error = json.loads(body)["error"]
    assert error["code"] == "bad_request"
    assert reason in error["message"]


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


def test_hostile_names_pass_unchanged_as_json(start_server, send, make_backend, write_dictionary):
    names = HOSTILE[:2]
    url, _ = start_server(make_backend(write_dictionary(*(f"D1||{name}" for name in names)), topk=2))
    _, headers, body = send(url, "/normalize/?string=img")
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
        ("/api/v1/info", 200),
        ("/api/v1/openapi.json", 200),
        ("/api/v1/names?name=ataxia&id=D001259", 200),
        ("/api/v1/names?name=ataxia", 400),
        ("/api/v1/", 404),
        ("/api/v1/normalize", 405),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
    ],
)
def test_every_answer_has_the_headers(get, path, status):
    found, headers, body = get(path)
    assert found == status
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert status < 400 or set(json.loads(body)["error"]) == {"code", "message"}


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(get):
    policy = get("/")[1]["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "://" not in get("/")[2]  # no address but our own


@pytest.mark.parametrize(
    ("path", "method", "status", "allowed"),
    [
        ("/", "POST", 405, "GET, HEAD"),
        ("/normalize/?string=ataxia", "POST", 405, "GET"),
        ("/normalize/?string=ataxia", "BREW", 405, "GET"),
        ("/api/v1/normalize", "DELETE", 405, "POST"),
        ("/none", "POST", 404, None),
    ],
)
def test_another_method_is_told_which_one_it_should_be(get, path, method, status, allowed):
    found, headers, body = get(path, method, b"")
    assert (found, headers["Allow"]) == (status, allowed)
    assert json.loads(body)["error"]["code"] in ("method_not_allowed", "not_found")


def test_many_mentions_are_answered_as_inference_would(post, make_linker, tiny_dictionary):
    mentions = ["Ataxia-Telangiectasia", "breast cancers", "Ataxia-Telangiectasia"]
    status, answer = post("/api/v1/normalize", {"mentions": mentions, "topk": 3})
    assert status == 200
    assert [result["mention"] for result in answer["results"]] == mentions
    expected = make_linker(tiny_dictionary).normalize(mentions, topk=3)
    for result, prediction in zip(answer["results"], expected, strict=True):
        assert [row["name"] for row in result["predictions"]] == [found.name for found in prediction.candidates]
        scores = [found.score for found in prediction.candidates]
        assert [row["score"] for row in result["predictions"]] == pytest.approx(scores, rel=1e-5)


def test_concepts_come_with_their_pages(post):
    status, answer = post("/api/v1/normalize", {"mentions": ["ataxia"], "topk": 4, "group_by_concept": True})
    concepts = answer["results"][0]["concepts"]
    assert (status, len(concepts)) == (200, 4)
    assert concepts[0]["name"] == "ataxia"
    url = "https://meshb.nlm.nih.gov/record/ui?ui=D001259"
    assert concepts[0]["ids"] == [{"id": "D001259", "ontology": "MeSH", "url": url}]


def test_a_threshold_needs_a_calibrated_model(post):
    status, answer = post("/api/v1/normalize", {"mentions": ["ataxia"], "threshold": 0.5})
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert "run biosyn calibrate" in answer["error"]["message"]
    assert post("/api/v1/normalize", {"mentions": ["ataxia"], "threshold": 0})[0] == 200


@pytest.mark.parametrize(("threshold", "ids"), [(0.6, ["D001259"]), (0.61, ["-1"])])
@pytest.mark.parametrize("grouped", [False, True])
def test_below_the_threshold_there_is_no_match(start_altered, send, tiny_service, threshold, ids, grouped):
    url = start_altered(lambda ones: [{**one, "probability": 0.6} for one in tiny_service.answer(ones)])
    question = {"mentions": ["ataxia"], "topk": 1, "threshold": threshold, "group_by_concept": grouped}
    (result,) = json.loads(send(url, "/api/v1/normalize", "POST", json.dumps(question).encode())[2])["results"]
    assert [row["id"] for row in result["concepts" if grouped else "predictions"]] == ids
    assert result["probability"] == 0.6


@pytest.mark.parametrize("grouped", [False, True])
def test_a_calibrated_models_probability_is_that_of_inference(
    start_server, send, make_linker, calibrated_checkpoint, tiny_dictionary, grouped
):
    backend = Backend()
    backend.service = Service(make_linker(tiny_dictionary, calibrated_checkpoint), model_name="calibrated")
    url = start_server(backend)[0]
    asked = {"model_name_or_path": str(calibrated_checkpoint), "dictionary_path": str(tiny_dictionary), "device": "cpu"}
    expected = infer(InferenceConfig(**asked, mention="breast tumour", topk=3, group_by_concept=grouped))["probability"]
    for threshold in (expected - 0.01, expected + 0.01):
        question = {"mentions": ["breast tumour"], "topk": 3, "threshold": threshold, "group_by_concept": grouped}
        (result,) = json.loads(send(url, "/api/v1/normalize", "POST", json.dumps(question).encode())[2])["results"]
        assert result["probability"] == pytest.approx(expected, rel=1e-4)
        rows = result["concepts" if grouped else "predictions"]
        assert (rows[0]["id"] == "-1") == (threshold > expected)


def test_the_vectors_are_those_of_inference(post, tiny_checkpoint):
    config = InferenceConfig(model_name_or_path=str(tiny_checkpoint), mention="Breast cancers", device="cpu")
    expected = infer(config)
    status, answer = post("/api/v1/embed", {"mentions": ["Breast cancers", "ataxia"]})
    (first, second) = answer["results"]
    assert status == 200
    assert first.keys() == expected.keys()
    for key in ("mention_sparse_embeds", "mention_dense_embeds"):
        assert first[key] == pytest.approx(expected[key], rel=1e-4, abs=1e-6)
        assert second[key] != first[key]


def test_other_names_of_a_concept(get):
    answer = json.loads(get("/api/v1/names?name=ataxia&id=D001259")[2])
    (concept,) = answer["concepts"]
    assert concept["other_names"] == ["incoordination", "ataxia syndrome", "ataxic disorder"]
    assert json.loads(get("/api/v1/names?name=none&id=X1")[2])["concepts"][0]["other_names"] == []


def test_the_card_can_be_checked(get, tiny_dictionary):
    info = json.loads(get("/api/v1/info")[2])
    assert info["dictionary"] == {
        "name": "train_dictionary.txt",
        "names": 40,
        "ids": 15,
        "sha256": hashlib.sha256(tiny_dictionary.read_bytes()).hexdigest(),
    }
    assert len(info["model"]["encoder_sha256"]) == 64
    assert (info["model"]["pooling"], info["model"]["similarity"]) == ("cls", "inner")
    assert info["search"] == {"kind": "exact"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"mentions": ["a"], "threshold": NaN}', "no JSON"),
        (b'{"mentions": ["a"], "topk": ' + b"9" * 5_000 + b"}", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "mentions must be"),
        (b'{"mentions": []}', "mentions must be"),
        (b'{"mentions": "ataxia"}', "mentions must be"),
        (b'{"mentions": [1]}', "mentions must be"),
        (b'{"mentions": ["a", ""]}', "no letter or digit"),
        (b'{"mentions": ["\\ud800"]}', "surrogate"),
        (b'{"mentions": ["a"], "topk": 0}', "topk must be a whole number from 1 to 100"),
        (b'{"mentions": ["a"], "topk": true}', "topk must be"),
        (b'{"mentions": ["a"], "topk": 101}', "topk must be"),
        (b'{"mentions": ["a"], "topk": 1.5}', "topk must be"),
        (b'{"mentions": ["a"], "threshold": "1"}', "threshold must be a number from 0 to 1"),
        (b'{"mentions": ["a"], "threshold": 1e999}', "threshold must be a number from 0 to 1"),
        (b'{"mentions": ["a"], "group_by_concept": 1}', "true or false"),
        (b'{"mentions": ["a"], "top_k": 1}', "a member 'top_k'"),
        (json.dumps({"mentions": ["a"] * 101}).encode(), "100 at most"),
        (json.dumps({"mentions": ["a" * 1001]}).encode(), "1000 at most"),
    ],
)
def test_a_bad_body_is_a_400_that_says_why(get, body, reason):
    status, _, answer = get("/api/v1/normalize", "POST", body)
    assert (status, json.loads(answer)["error"]["code"]) == (400, "bad_request")
    assert reason in json.loads(answer)["error"]["message"]


def test_a_body_of_another_type_is_refused(get):
    status, _, body = get("/api/v1/normalize", "POST", b'{"mentions": ["a"]}', kind="text/plain")
    assert (status, json.loads(body)["error"]["code"]) == (415, "unsupported_media_type")


def test_while_the_model_is_loaded_the_progress_is_told(start_server, send):
    backend = Backend()
    backend.loading.step("embedding the dictionary", total=73_024)
    backend.loading.add(4_096)
    url, _ = start_server(backend)
    for path in ("/readyz", "/api/v1/info", "/normalize/?string=ataxia"):
        status, headers, body = send(url, path)
        assert (status, headers["Retry-After"]) == (503, "1")
        assert json.loads(body) == {
            "error": {"code": "not_ready", "message": "embedding the dictionary: 4,096 of 73,024 names"},
            "progress": {"stage": "embedding the dictionary", "done": 4096, "total": 73024},
        }
    assert send(url, "/")[0] == send(url, "/healthz")[0] == 200
    assert "biosyn_ready 0.0" in send(url, "/metrics")[2]


def test_the_page_loads_while_a_query_runs(start_altered, send, tiny_service):
    asked, released = threading.Event(), threading.Event()

    def answer(questions):
        asked.set()
        assert released.wait(60)
        return tiny_service.answer(questions)

    url = start_altered(answer)
    statuses = []
    query = threading.Thread(target=lambda: statuses.append(send(url, "/normalize/?string=ataxia")[0]))
    query.start()
    assert asked.wait(60)
    assert send(url, "/")[0] == 200
    assert statuses == []
    released.set()
    query.join(60)
    assert statuses == [200]


def test_an_answer_given_lately_is_not_worked_out_again(start_altered, send, tiny_service):
    asked = []

    def answer(questions):
        asked.extend(question.mention for question in questions)
        return tiny_service.answer(questions)

    url = start_altered(answer)
    answers = {send(url, f"/normalize/?string={text}")[2] for text in ("Ataxia", "ataxia", "ATAXIA%21")}
    assert len(answers) == 1
    assert asked == ["ataxia"]  # as it is cleaned
    text = send(url, "/metrics")[2]
    assert "biosyn_mentions_total 3.0" in text
    assert "biosyn_recent_hits_total 2.0" in text


def test_a_failure_of_ours_keeps_its_traceback_and_the_mention_to_itself(start_altered, send, caplog):
    def answer(questions):
        raise RuntimeError("a bug")

    url = start_altered(answer)
    with caplog.at_level(logging.INFO):
        status, _, body = send(url, "/normalize/?string=secret")
    assert (status, json.loads(body)["error"]["code"]) == (500, "internal_error")
    assert "GET /normalize/ failed" in caplog.text
    assert "a bug" in caplog.text
    assert "secret" not in caplog.text


def test_no_answer_has_a_number_that_is_not_finite(start_altered, send, tiny_service):
    url = start_altered(lambda ones: [{**one, "probability": float("nan")} for one in tiny_service.answer(ones)])
    status, _, body = send(url, "/api/v1/normalize", "POST", json.dumps({"mentions": ["ataxia"]}).encode())
    assert (status, json.loads(body)["error"]["code"]) == (500, "internal_error")


def test_a_line_of_json_for_each_request_without_what_people_type(
    start_server, send, make_backend, tiny_dictionary, caplog
):
    url, stop = start_server(make_backend(tiny_dictionary))
    paths = ("/normalize/?string=secret", "/normalize/?string=secret%ff", "/secret", "/static/secret.js")
    with caplog.at_level(logging.INFO):
        for path in paths:
            send(url, path)
        stop()  # the line is written after the answer
    assert "secret" not in caplog.text
    lines = [json.loads(record.message) for record in caplog.records if record.name == "biosyn.web.base"]
    assert [(line["route"], line["status"], line["mentions"]) for line in lines] == [
        ("/normalize/", 200, 1),
        ("/normalize/", 400, 0),
        ("other", 404, 0),
        ("/static/", 404, 0),
    ]
    assert {"time", "method", "milliseconds"} <= lines[0].keys()


def test_the_mentions_are_logged_where_the_user_asks_for_it(start_server, send, make_backend, tiny_dictionary, caplog):
    url, stop = start_server(make_backend(tiny_dictionary, log_queries=True))
    with caplog.at_level(logging.INFO):
        send(url, "/normalize/?string=Louis%20Bar")
        stop()
    (line,) = (json.loads(record.message) for record in caplog.records if record.name == "biosyn.web.base")
    assert line["queries"] == ["Louis Bar"]
