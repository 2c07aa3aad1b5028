"""The page in a real browser that reaches nothing but 127.0.0.1."""

import threading

import pytest

from biosyn.web.app import make_app

TITLE = "document.getElementById('message').textContent"
BUSY = "document.body.hasAttribute('aria-busy')"
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture
def server(start_server, make_linker, tiny_dictionary):
    """The URL of a demo of the tiny dictionary, and a function that stops it."""
    return start_server(make_app(make_linker(tiny_dictionary), topk=10))


def test_a_query_in_the_address_is_answered(page, server, make_linker, tiny_dictionary):
    page.open(f"{server[0]}?q=ataxia")
    page.wait_for("document.querySelector('tbody tr')")
    (prediction,) = make_linker(tiny_dictionary).link(["ataxia"], topk=10)
    assert page.rows() == [
        [str(rank), found.name, found.cui.replace("|", " "), f"{found.score:.2f}"]
        for rank, found in enumerate(prediction.candidates, 1)
    ]
    assert page.value("document.getElementById('mention').value") == "ataxia"


def test_typing_and_enter_search(page, server):
    page.open(server[0])
    page.type("breast tumor")  # the field has the focus from the start
    page.press_enter()
    page.wait_for(f"{TITLE} === 'Names closest to “breast tumor”'")
    assert len(page.rows()) == 10
    assert page.value("location.search") == "?q=breast%20tumor"


def test_an_example_is_a_click_away(page, server):
    page.open(server[0])
    page.value("document.querySelector('.example').click()")
    page.wait_for(f"{TITLE} === 'Names closest to “ataxia telangiectasia”'")
    assert page.rows()[0][1] == "ataxia telangiectasia"


def test_names_are_text_and_never_elements(page, start_server, make_linker, write_dictionary):
    dictionary = write_dictionary(f"D1|<b>2</b>||{HOSTILE}", "D3||<script>document.title='hacked'</script>")
    url, _ = start_server(make_app(make_linker(dictionary), topk=2))
    page.open(url)
    page.type(HOSTILE)
    page.press_enter()
    page.wait_for("document.querySelectorAll('tbody tr').length === 2")
    cells = {cell for row in page.rows() for cell in row}
    assert {HOSTILE, "D1 <b>2</b>"} <= cells
    assert page.value("document.querySelectorAll('main img, main b, main script').length") == 0
    assert page.value("document.title") == "BioSyn"
    assert HOSTILE in page.value(TITLE)


def test_a_mention_that_cannot_be_linked_shows_why(page, server):
    page.open(f"{server[0]}?q=ataxia")
    page.wait_for("document.querySelector('tbody tr')")
    page.value("search = document.getElementById('mention'), search.select()")
    page.type("?!")
    page.press_enter()
    page.wait_for(f"{TITLE}.includes('no letter or digit')")
    assert page.value("document.getElementById('results').hidden")  # the old answer is no answer to this
    assert not page.value(BUSY)


def test_a_server_that_is_gone_is_said_to_be(page, server):
    url, stop = server
    page.open(url)
    stop()
    page.type("ataxia")
    page.press_enter()
    page.wait_for(f"{TITLE}.startsWith('The server does not answer')")
    assert not page.value(BUSY)


def test_an_answer_that_comes_too_late_is_dropped(page, start_server, make_linker, tiny_dictionary):
    linker, answer = make_linker(tiny_dictionary), threading.Event()

    class SlowLinker:
        def link(self, mentions, *, topk):
            assert answer.wait(60)
            return linker.link(mentions, topk=topk)

    url, _ = start_server(make_app(SlowLinker(), topk=1))
    page.open(f"{url}?q=asthma")
    assert page.value(BUSY)
    page.value(
        f"""seen = [], new MutationObserver(() => seen.push({TITLE})).observe(
          document.getElementById("message"), {{ childList: true }}) """
    )
    page.value("document.querySelector('.example').click()")
    answer.set()
    page.wait_for(f"!{BUSY}")
    assert page.value("seen") == ["Searching…", "Names closest to “ataxia telangiectasia”"]
    assert [row[1] for row in page.rows()] == ["ataxia telangiectasia"]


def test_a_phone_need_not_scroll_sideways(page, server):
    page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    page.open(f"{server[0]}?q={'ataxia' * 40}")
    page.wait_for("document.querySelector('tbody tr')")
    assert page.value("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_background(page, server, scheme):
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    page.open(f"{server[0]}?q=ataxia")
    page.wait_for("document.querySelector('tbody tr')")
    pairs = page.value(
        """[...document.querySelectorAll("h1, p, label, input, button, th, td")].map((element) => {
          let ground = element;
          while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
          return [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor];
        })"""
    )
    assert len(pairs) > 40
    assert min(contrast(*pair) for pair in pairs) >= 4.5  # WCAG 2.2, level AA


def contrast(ink, paper):
    """Return WCAG's contrast ratio of two colours such as 'rgb(27, 38, 36)'."""
    darker, lighter = sorted(luminance(colour) for colour in (ink, paper))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
