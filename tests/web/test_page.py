"""The page in a real browser that reaches nothing but 127.0.0.1."""

import re
import threading
from urllib.parse import urlsplit

import pytest

from biosyn.web.backend import Backend

SAID = "document.getElementById('message').textContent"
ALERT = "document.getElementById('alert')"
UNCALIBRATED = "document.getElementById('uncalibrated')"
BUSY = "document.body.ariaBusy === 'true'"
FOCUS = "document.activeElement"
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture
def server(start_server, make_backend, tiny_dictionary):
    """The URL of a demo of the tiny dictionary, and a function that stops it."""
    return start_server(make_backend(tiny_dictionary))


def names(page):
    return page.texts("#results .name")


def test_a_query_in_the_address_is_answered(page, server, make_linker, tiny_dictionary):
    page.open(f"{server[0]}?q=ataxia")
    page.wait_for("document.querySelector('#results li')")
    (prediction,) = make_linker(tiny_dictionary).normalize_to_concepts(["ataxia"], topk=10)
    best = list(dict.fromkeys(found.best for found in prediction.concepts))
    assert names(page) == [found.name for found in best]
    assert page.texts("#results .rank") == [str(rank) for rank in range(1, len(best) + 1)]
    assert page.texts("#results .score .number") == [f"{found.score:.2f}" for found in best]
    assert page.value("document.getElementById('mention').value") == "ataxia"


def test_results_come_as_one_types(page, server):
    page.open(server[0])
    page.wait_for("!document.getElementById('card').hidden")  # the page is ready
    page.type("breast tumor")  # the field has the focus from the start
    page.wait_for(f"{SAID} === 'Closest to “breast tumor”'")
    assert len(names(page)) > 5
    assert page.value("location.search") == "?q=breast%20tumor"


def test_one_question_is_asked_when_the_typing_pauses(page, start_altered, tiny_service):
    asked = []

    def answer(questions):
        asked.extend(question.mention for question in questions)
        return tiny_service.answer(questions)

    page.open(start_altered(answer))
    page.wait_for("!document.getElementById('card').hidden")
    page.wait_for(f"{FOCUS}.id === 'mention'")
    page.value(  # all letters at once: a machine that is busy would pause between two keys
        """for (const letter of "ataxia") {
            document.activeElement.value += letter;
            document.activeElement.dispatchEvent(new InputEvent("input", { bubbles: true }));
        }"""
    )
    page.wait_for(f"{SAID} === 'Closest to “ataxia”'")
    assert asked == ["ataxia"]


def test_what_is_emptied_shows_nothing(page, server):
    page.open(f"{server[0]}?q=ataxia")
    page.wait_for("document.querySelector('#results li')")
    page.value("mention = document.getElementById('mention'), mention.focus(), mention.select()")
    page.press("Escape")  # empties a search field
    page.wait_for("!document.querySelector('#results li')")
    assert page.value(SAID) == ""
    assert page.value("location.search") == ""


def test_an_example_is_a_click_away_and_the_address_can_be_shared(page, server):
    page.open(server[0])
    page.wait_for("!document.getElementById('card').hidden")
    page.value("document.querySelector('.example').click()")
    page.wait_for(f"{SAID} === 'Closest to “ataxia telangiectasia”'")
    assert names(page)[0] == "ataxia telangiectasia"
    shared = page.value("location.href")
    page.open("about:blank#elsewhere")
    page.open(shared)
    page.wait_for(f"{SAID} === 'Closest to “ataxia telangiectasia”'")


def test_back_goes_to_the_question_before(page, server):
    page.open(f"{server[0]}?q=asthma")
    page.wait_for(f"{SAID} === 'Closest to “asthma”'")
    page.value("document.querySelector('.example').click()")
    page.wait_for(f"{SAID} === 'Closest to “ataxia telangiectasia”'")
    page.value("history.back()")
    page.wait_for(f"{SAID} === 'Closest to “asthma”'")
    assert page.value("document.getElementById('mention').value") == "asthma"


def test_a_concept_has_its_pages_its_other_names_and_the_parts_of_its_score(page, server):
    page.open(f"{server[0]}?q=diabetes")
    page.wait_for("document.querySelector('#results li')")
    assert names(page)[0] == "diabetes"
    assert page.value("document.querySelector('#results a.id').href").endswith("ui=D003920")
    page.value("document.querySelector('#results summary').click()")
    page.wait_for("document.querySelector('.others li')")
    assert page.texts("#results li:first-child .others li") == ["diabetes mellitus", "sugar disease"]
    (said,) = page.texts("#results > li:first-child details > .hint")
    score, dense, sparse = map(float, re.findall(r"-?[0-9.]+[0-9]", said))
    assert score == pytest.approx(dense + sparse, abs=0.02)  # each is rounded to 0.01


@pytest.mark.parametrize("scores", [[57.99, 57.98, 57.56], [1.002, 0.987, 0.2], [-3.0, -3.5, -5.0], [0.5, 0.5, 0.5]])
def test_bars_show_the_gap_to_the_best_on_any_scale(page, start_altered, tiny_service, scores):
    def answer(questions):
        found = tiny_service.answer(questions)
        rows = [{**row, "score": score} for row, score in zip(found[0]["concepts"], scores, strict=False)]
        return [{**found[0], "concepts": rows}]

    page.open(f"{start_altered(answer)}?q=ataxia")
    page.wait_for("document.querySelectorAll('#results > li').length === 3")
    widths = page.value("[...document.querySelectorAll('.bar > span')].map(part => parseFloat(part.style.width))")
    best, spread = max(scores), max(scores) - min(scores)
    # the best is full, the lowest empty, equal ones are all full
    assert widths == pytest.approx([100 - 100 * (best - score) / (spread or 1) for score in scores], abs=0.01)
    labels = page.value("[...document.querySelectorAll('.bar')].map(bar => bar.ariaLabel)")
    digits = 3 if spread < 1 else 2
    said = [f"{best - score:.{digits}f} below the best score" if score < best else "the best score" for score in scores]
    assert labels == said
    assert page.texts("#results .score .number") == [f"{score:.{digits}f}" for score in scores]
    assert "the best is full, the lowest empty" in page.value("document.getElementById('legend').innerText")


def test_a_name_of_two_concepts_stands_once_with_both(page, server):
    page.open(f"{server[0]}?q=ataxic%20disorder")
    page.wait_for("document.querySelector('#results li')")
    assert names(page)[0] == "ataxic disorder"
    assert page.texts("#results > li:first-child > .concept .id") == ["MeSH D001260", "MeSH D001259"]
    assert page.texts("#results > li:first-child > .hint") == [
        "This name belongs to several concepts, the likeliest first."
    ]


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.834, "83 % likely that the first is right for “ataxia”"),
        (0.2, "20 % likely that the first is right for “ataxia”: another may be, or none"),
        (0.9999, "99 % likely that the first is right for “ataxia”"),  # nothing is certain
    ],
)
def test_a_calibrated_model_says_first_how_sure_it_is(page, start_altered, tiny_service, probability, said):
    url = start_altered(lambda ones: [{**one, "probability": probability} for one in tiny_service.answer(ones)])
    page.open(f"{url}?q=ataxia")
    page.wait_for("document.querySelector('#results li')")
    assert page.value(SAID) == said
    assert page.value(f"{UNCALIBRATED}.hidden")


def test_a_model_that_is_not_calibrated_says_how_to(page, server):
    page.open(server[0])
    page.wait_for("!document.getElementById('card').hidden")
    assert page.value(f"{UNCALIBRATED}.hidden")  # where nothing is asked, nothing is missed
    page.type("ataxia")
    page.wait_for(f"!{UNCALIBRATED}.hidden")
    (command,) = page.texts("#uncalibrated code")
    flags = "--model_name_or_path MODEL --dictionary_path DEV_DICTIONARY --data_dir DEV_MENTIONS"
    assert " ".join(command.split()) == f"biosyn calibrate {flags}"


def test_names_are_text_and_never_elements(page, start_server, make_backend, write_dictionary):
    dictionary = write_dictionary(f"D1|<b>2</b>||{HOSTILE}", "D3||<script>document.title='hacked'</script>")
    url, _ = start_server(make_backend(dictionary, topk=3))
    page.open(url)
    page.wait_for("!document.getElementById('card').hidden")
    page.type(HOSTILE)
    page.press("Enter")
    page.wait_for(f"!({BUSY}) && document.querySelectorAll('#results > li').length === 2")
    assert HOSTILE in names(page)
    assert {"D1", "<b>2</b>"} <= set(page.texts("#results .id"))
    page.value("document.querySelectorAll('#results summary').forEach(summary => summary.click())")
    page.wait_for("document.querySelectorAll('.others .hint').length > 1")
    assert page.value("document.querySelectorAll('main img, main b, main script').length") == 0
    assert page.value("document.title") == "BioSyn"
    assert HOSTILE in page.value(SAID)


def test_nothing_inline_runs_whatever_gets_in(page, server):
    page.open(server[0])
    page.value(
        "window.hacked = false, document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"hacked = true\">')"
    )
    page.wait_for("document.querySelector('img').complete")
    assert page.value("window.hacked") is False
    page.errors.clear()  # the browser reports what it refused


def test_a_mention_that_cannot_be_linked_shows_why(page, server):
    page.open(f"{server[0]}?q=ataxia")
    page.wait_for("document.querySelector('#results li')")
    page.value("mention = document.getElementById('mention'), mention.focus(), mention.select()")
    page.type("?!")
    page.wait_for(f"{SAID}.includes('no letter or digit')")
    assert names(page) == []  # the old answer is no answer to this
    assert not page.value(BUSY)


def test_a_server_that_is_gone_is_said_to_be_and_is_found_again(page, start_server, make_backend, tiny_dictionary):
    backend = make_backend(tiny_dictionary)
    url, stop = start_server(backend)
    page.open(url)
    page.wait_for("!document.getElementById('card').hidden")
    stop()
    page.type("ataxia")
    page.wait_for(f"!{ALERT}.hidden && {ALERT}.textContent.includes('The server does not answer')")
    start_server(make_backend(tiny_dictionary), urlsplit(url).port)
    page.wait_for("document.querySelector('#results li')")
    assert page.value(f"{ALERT}.hidden")
    assert names(page)[0] == "ataxia"


def test_the_loading_is_shown_and_then_the_question_is_answered(page, start_server, tiny_service):
    backend = Backend()
    backend.loading.step("embedding the dictionary", total=40)
    backend.loading.add(10)
    page.open(f"{start_server(backend)[0]}?q=ataxia")
    page.wait_for(f"{ALERT}.textContent.includes('embedding the dictionary: 10 of 40 names')")
    assert page.value("bar = document.getElementById('progress'), [bar.value, bar.max, bar.hidden]") == [10, 40, False]
    backend.service = tiny_service
    page.wait_for("document.querySelector('#results li')")
    assert page.value(f"{ALERT}.hidden")


def test_an_answer_that_comes_too_late_is_dropped(page, start_altered, tiny_service):
    released = threading.Event()

    def answer(questions):
        assert released.wait(60)
        return tiny_service.answer(questions)

    page.open(f"{start_altered(answer)}?q=asthma")
    page.wait_for(BUSY)
    page.value(
        f"""seen = [], new MutationObserver(() => seen.push({SAID})).observe(
          document.getElementById("message"), {{ childList: true }}) """
    )
    page.value("document.querySelector('.example').click()")
    released.set()
    page.wait_for(f"{SAID} === 'Closest to “ataxia telangiectasia”'")
    assert page.value("seen") == ["Closest to “ataxia telangiectasia”"]


def test_all_of_it_can_be_reached_by_keyboard(page, server):
    page.open(f"{server[0]}?q=diabetes")
    page.wait_for("document.querySelector('#results li') && !document.getElementById('card').hidden")
    page.value("document.querySelector('nav a').focus()")
    reached = []
    for _ in range(200):
        reached.append(page.value(f"{FOCUS}.id || {FOCUS}.className || {FOCUS}.tagName + ' ' + {FOCUS}.textContent"))
        if reached[-1].startswith("SUMMARY Model"):
            break
        page.press("Tab")
    assert reached[2:7] == ["mention", "BUTTON Search", "example", "example", "example"]
    assert reached[7:9] == ["id", "SUMMARY Other names and score"]
    assert reached[-1] == "SUMMARY Model and dictionary"
    page.press("Enter")
    page.wait_for("document.getElementById('card').open")


def test_enter_opens_the_other_names_and_a_slash_goes_back_to_the_field(page, server):
    page.open(f"{server[0]}?q=diabetes")
    page.wait_for("document.querySelector('#results li')")
    page.value("document.querySelector('#results summary').focus()")
    page.press("Enter")
    page.wait_for("document.querySelector('.others li')")
    page.press("/")
    page.wait_for(f"{FOCUS}.id === 'mention'")
    assert page.value("document.getElementById('mention').value") == "diabetes"
    page.type("asthma")
    page.wait_for(f"{SAID} === 'Closest to “asthma”'")


def test_the_focus_can_be_seen(page, server):
    page.open(server[0])
    page.wait_for(f"{FOCUS}.id === 'mention'")
    page.press("Tab")
    assert page.value(f"getComputedStyle({FOCUS}).outlineStyle") == "solid"


def test_the_card_tells_what_answers(page, server):
    page.open(server[0])
    page.wait_for("!document.getElementById('card').hidden")
    facts = dict(zip(page.texts("#card dt"), page.texts("#card dd"), strict=True))
    assert facts["Names"] == "40"
    assert facts["Model"] == "tiny"
    assert len(facts["Dictionary, sha256"]) == len(facts["Encoder, sha256"]) == 64
    assert facts["Vector of a name"] == "the encoder's state at [CLS], compared by inner product"
    assert facts["Search"] == "exact: every name is scored"


def test_the_card_tells_how_well_an_approximate_search_finds(
    page, start_server, make_backend, tiny_dictionary, tmp_path
):
    from biosyn.index.approximate_build import build_ann
    from biosyn.web.service import Service

    backend = make_backend(tiny_dictionary)
    biosyn = backend.service.linker.biosyn
    index = biosyn.index(backend.service.linker.dictionary, cache_dir=tmp_path)
    build_ann(index, sparse_weight=biosyn.sparse_weight, embed=lambda texts: biosyn.embed(texts), memory=50)
    linker = biosyn.load_dictionary(tiny_dictionary, cache_dir=tmp_path, ann=True)
    backend.service = Service(linker, model_name="tiny")
    page.open(start_server(backend)[0])
    page.wait_for("!document.getElementById('card').hidden")
    facts = dict(zip(page.texts("#card dt"), page.texts("#card dd"), strict=True))
    found = "finds the best name of the exact search for 100.0 % of 40 changed names, and 100.0 % of its best 20"
    assert facts["Search"] == f"approximate (hnsw): {found}"
