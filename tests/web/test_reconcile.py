"""The Reconciliation API: as a client of it from PyPI sees it, and what it answers to requests that ask too much."""

import json
from urllib.parse import quote, urlencode

import pytest

CONCEPTS = (
    {"ids": ["D001260", "208900"], "names": ["Ataxia Telangiectasia", "AT"], "xrefs": ["MSH:D001260"]},
    {"ids": ["D001259"], "names": ["Ataxia"], "parents": ["D001260"]},
    {"ids": ["D001943"], "names": ["Breast Neoplasms <i>", "tumor"]},
    {"ids": ["D009369"], "names": ["Neoplasms", "tumor"]},
)
NAMES = ("D001260|208900||ataxia telangiectasia", "D001260||at", "D001259||ataxia", "D001943||breast neoplasms i")
NAMES += ("D001943|D009369||tumor", "D009369||neoplasms")
OLD = {"ids": ["D000001"], "preferred_name": None, "names": [], "obsolete": True, "replaced_by": ["D001259"]}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def dictionary(write_dictionary):
    path = write_dictionary(*NAMES)
    rows = [{**concept, "preferred_name": concept["names"][0]} for concept in CONCEPTS]
    path.with_name("concepts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in (*rows, OLD)))
    return path


@pytest.fixture
def serve(start_server, make_linker, dictionary):
    """Function: checkpoint -> the URL of its demo, with whole concepts."""
    from biosyn.data.concepts import ConceptTable
    from biosyn.data.dictionary import DictionaryDataset
    from biosyn.model.biosyn import BioSyn
    from biosyn.model.linker import Linker
    from biosyn.web.backend import Backend
    from biosyn.web.service import Service

    def start(checkpoint):
        concepts = ConceptTable.beside(dictionary, whole=True)
        backend = Backend()
        linker = Linker(BioSyn().load_model(checkpoint), DictionaryDataset(dictionary), concepts=concepts)
        backend.service = Service(linker, model_name="tiny")
        return start_server(backend)[0]

    return start


@pytest.fixture
def ask(serve, send, tiny_checkpoint):
    """Function: form field -> (status, JSON value, headers) of `/reconcile`."""
    url = serve(tiny_checkpoint)

    def call(**fields):
        form = urlencode({key: json.dumps(value) for key, value in fields.items()}).encode()
        status, headers, body = send(url, "/reconcile", "POST", form, kind=FORM)
        return status, json.loads(body), headers

    return call


@pytest.fixture
def get(serve, send, tiny_checkpoint):
    """Function: path -> (status, body, headers)."""
    url = serve(tiny_checkpoint)

    def call(path, method="GET"):
        status, headers, body = send(url, path, method)
        return status, body, headers

    return call


def first(answer, key="q"):
    return answer[1][key]["result"][0]


def test_a_client_from_pypi_reconciles_a_column(serve, calibrated_checkpoint):
    import pandas
    from reconciler import reconcile

    column = pandas.Series(["Ataxia", "AT", "tumor", "ataxia telangiectasias", "Ataxia"])
    found = reconcile(column, type_id="MESH", reconciliation_endpoint=f"{serve(calibrated_checkpoint)}reconcile")
    assert list(found.input_value) == ["Ataxia", "AT", "tumor", "ataxia telangiectasias"]
    assert list(found.id[:2]) == ["MESH:D001259", "MESH:D001260"]
    assert list(found.match[:3]) == [True, True, False]  # "tumor" is a name of two concepts
    assert found.score.between(0, 100).all()
    assert set(found.type) == {"MeSH"}


def test_the_score_is_a_probability_where_the_model_has_one(serve, send, calibrated_checkpoint):
    url, query = serve(calibrated_checkpoint), quote('{"q": {"query": "breast tumors", "limit": 3}}')
    result = json.loads(send(url, f"/reconcile?queries={query}")[2])["q"]["result"]
    body = json.dumps({"mentions": ["breast tumors"], "group_by_concept": True}).encode()
    answer = json.loads(send(url, "/api/v1/normalize", "POST", body)[2])["results"][0]
    p = answer["probability"]
    assert [one["score"] for one in result] == [round(100 * p, 2), *2 * [round(100 * min(p, 1 - p), 2)]]
    assert [one["id"] for one in result] == [row["curie"] for row in answer["concepts"][:3]]


def test_without_a_calibration_an_equal_unambiguous_name_alone_is_a_match(ask):
    _, answer, _ = ask(queries={"a": {"query": "ATAXIA"}, "b": {"query": "tumor"}, "c": {"query": "ataxias"}})
    assert [answer[key]["result"][0]["match"] for key in "abc"] == [True, False, False]
    assert not any(one["match"] for key in "abc" for one in answer[key]["result"][1:])
    best = answer["a"]["result"][0]
    assert best["score"] == best["features"][0]["value"]


def test_a_type_gives_the_ids_of_its_vocabulary_alone(ask):
    found = ask(queries={"q": {"query": "ataxia telangiectasia", "type": ["OMIM"], "type_strict": "any"}})
    assert [(one["id"], one["type"]) for one in found[1]["q"]["result"]] == [
        ("OMIM:208900", [{"id": "OMIM", "name": "OMIM"}])
    ]
    assert first(found)["match"]


@pytest.mark.parametrize(
    ("text", "expected", "match"),
    [
        ("omim:208900", "MESH:D001260", True),
        ("D001260", "MESH:D001260", True),
        ("MESH:D000001", "MESH:D001259", False),  # obsolete: what replaced it, to be looked at
    ],
)
def test_an_id_is_its_concept(ask, text, expected, match):
    (found,) = ask(queries={"q": {"query": text}})[1]["q"]["result"]
    assert (found["id"], found["match"], found["score"]) == (expected, match, 100)


def test_a_cell_that_is_no_mention_has_no_candidates_and_the_others_have(ask):
    queries = {"a": {"query": "?!"}, "b": {"query": "x" * 2_000}, "c": {"properties": [{"pid": "x", "v": 1}]}}
    status, answer, _ = ask(queries={**queries, "d": {"query": "ataxia"}})
    assert (status, [len(answer[key]["result"]) for key in "abcd"]) == (200, [0, 0, 0, 4])


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"queries": {str(n): {"query": "ataxia"} for n in range(101)}}, 413, "101 queries: give 100 at most"),
        ({"extend": {"ids": ["D001260"] * 101, "properties": []}}, 413, "101 ids: give 100 at most"),
        ({"queries": {"q": {"query": "a", "limit": 101}}}, 400, "limit must be a whole number from 1 to 100"),
        ({"queries": {"q": {"query": "a", "type": "HP"}}}, 400, "type must be of those that the manifest lists: MESH"),
        ({"queries": {"q": {"query": "a", "lang": "en"}}}, 400, "known are query, type"),
        ({"queries": {"q": "ataxia"}}, 400, "a query must be an object"),
        ({"queries": ["ataxia"]}, 400, "queries is no JSON object"),
        ({"extend": {"ids": ["D001260"]}}, 400, "extend must have ids"),
        ({"extend": {"ids": [], "properties": [{"id": "colour"}]}}, 400, "a property must have an id: preferred_name"),
        ({"query": "ataxia"}, 400, "the form must have a field queries or extend"),
    ],
)
def test_a_request_that_asks_too_much_or_wrongly_is_told_why_at_any_origin(ask, fields, status, reason):
    found, answer, headers = ask(**fields)
    assert found == status
    assert reason in answer["error"]["message"]
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_the_manifest_names_services_that_answer(get):
    status, body, headers = get("/reconcile")
    manifest = json.loads(body)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert (manifest["versions"], manifest["batchSize"]) == (["0.2"], 100)
    assert manifest["defaultTypes"] == [{"id": "MESH", "name": "MeSH"}, {"id": "OMIM", "name": "OMIM"}]
    for kind, typed, expected in (("entity", "atax", "id"), ("property", "alt", "id"), ("type", "mes", "id")):
        service = manifest["suggest"][kind]
        status, body, _ = get(f"{service['service_path']}?prefix={typed}")
        assert status == 200
        assert json.loads(body)["result"][0][expected]
    properties = json.loads(get("/reconcile/properties?type=MESH&limit=2")[1])["properties"]
    assert [one["id"] for one in properties] == ["preferred_name", "names"]


def test_suggestions_begin_with_the_id_that_was_typed_and_go_on_after_the_cursor(get):
    def suggested(query):
        return [one["id"] for one in json.loads(get(f"/reconcile/suggest/entity?{query}")[1])["result"]]

    assert suggested("prefix=OMIM:208900") == ["MESH:D001260"]
    assert suggested("prefix=ataxia")[0] == "MESH:D001259"
    assert suggested("prefix=ataxia&cursor=1") == suggested("prefix=ataxia")[1:]
    assert suggested("prefix=") == []
    for cursor in ("-1", "101", "0000000000101", "0" * 5000):  # Python reads no number of so many digits
        assert get(f"/reconcile/suggest/entity?prefix=a&cursor={cursor}")[0] == 400


def test_values_of_properties(ask):
    wanted = ("preferred_name", "alternative_ids", "parents", "xrefs")
    ids = ["MESH:D001260", "OMIM:208900", "D001259", "MESH:X"]
    answer = ask(extend={"ids": ids, "properties": [{"id": key} for key in wanted]})[1]
    assert [one["id"] for one in answer["meta"]] == list(wanted)
    name = [{"str": "Ataxia Telangiectasia"}]
    ataxia = {
        "preferred_name": name,
        "alternative_ids": [{"str": "OMIM:208900"}],
        "parents": [],
        "xrefs": [{"str": "MESH:D001260"}],
    }
    assert answer["rows"]["MESH:D001260"] == answer["rows"]["OMIM:208900"] == ataxia
    assert answer["rows"]["D001259"]["parents"] == [{"id": "MESH:D001260", "name": "Ataxia Telangiectasia"}]
    assert answer["rows"]["MESH:X"] == dict.fromkeys(wanted, [])


def test_a_property_that_is_asked_for_many_times_is_looked_up_once(ask):
    answer = ask(extend={"ids": ["D001259"], "properties": [{"id": "parents"}] * 1000})[1]
    assert answer["meta"] == [{"id": "parents", "name": "parents"}]


def test_a_preview_is_a_page_that_may_be_shown_in_another_and_runs_nothing(get):
    status, body, headers = get("/reconcile/preview?id=MESH:D001943")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert "<h1>Breast Neoplasms &lt;i&gt;</h1>" in body
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors" not in headers["Content-Security-Policy"]
    assert "use MESH:D001259" in get("/reconcile/preview?id=MESH:D000001")[1]
    assert get("/reconcile/preview?id=MESH:X")[0] == 404


def test_a_browser_of_another_origin_may_send_headers_of_its_own(get):
    status, _, headers = get("/reconcile", "OPTIONS")
    assert (status, headers["Access-Control-Allow-Methods"]) == (204, "GET, POST, OPTIONS")
    assert "Access-Control-Allow-Origin" not in get("/api/v1/info")[2]
