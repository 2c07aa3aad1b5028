"""Whether everyone can use the page: axe-core's rules, a phone's width, both colour schemes."""

import os
from pathlib import Path

import pytest

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
DESK = {"width": 1000, "height": 800, "deviceScaleFactor": 1, "mobile": False}


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, which .ci/run fetches."""
    path = os.environ.get("BIOSYN_AXE")
    if not path:
        pytest.skip("BIOSYN_AXE is not set: it names axe.min.js of `npm pack axe-core`")
    return Path(path).read_text(encoding="utf-8")


@pytest.fixture
def url(start_server, make_backend, tiny_dictionary):
    return start_server(make_backend(tiny_dictionary))[0]


def show_results(page, url):
    page.open(f"{url}?q=ataxic%20disorder")
    page.wait_for("document.querySelector('#results li') && !document.getElementById('card').hidden")
    page.value("document.querySelectorAll('summary').forEach(summary => summary.click())")
    page.wait_for("document.querySelectorAll('.others ul').length > 5")


def show_file(page, url):
    page.open(f"{url}?view=file")
    page.wait_for("!document.getElementById('card').hidden")
    page.value(
        """transfer = new DataTransfer(), transfer.items.add(new File(["ataxia\\n--\\n"], "m.txt")),
          document.getElementById("file").files = transfer.files, document.querySelector("#upload button").click()"""
    )
    page.wait_for("document.querySelector('tbody tr')")


def show_refusal(page, url):
    page.open(f"{url}?q=%3F!")
    page.wait_for("document.querySelector('#message.error')")


VIEWS = {"results": show_results, "file": show_file, "refusal": show_refusal}


@pytest.mark.parametrize(
    ("view", "scheme", "screen"),  # every pair of two of them
    [
        ("results", "light", PHONE),
        ("results", "dark", DESK),
        ("file", "light", DESK),
        ("file", "dark", PHONE),
        ("refusal", "light", PHONE),
        ("refusal", "dark", DESK),
    ],
)
def test_axe_finds_nothing(page, url, axe, view, scheme, screen):
    page.call("Emulation.setDeviceMetricsOverride", **screen)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    VIEWS[view](page, url)
    page.value(f"{axe};0")
    found = page.value(f"axe.run(document, {{runOnly: {TAGS}}})")
    assert len(found["passes"]) > 15
    broken = [
        (rule["id"], node["html"], node["failureSummary"]) for rule in found["violations"] for node in rule["nodes"]
    ]
    assert broken == []
    unclear = {rule["id"] for rule in found["incomplete"]}
    assert "color-contrast" not in unclear


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_need_not_scroll_sideways(page, url, view):
    page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    VIEWS[view](page, url)
    assert page.value("document.documentElement.scrollWidth") == 360


def test_a_long_word_is_broken(page, url):
    page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    page.open(f"{url}?q={'ataxia' * 40}")
    page.wait_for("document.querySelector('#results li')")
    assert page.value("document.documentElement.scrollWidth") == 360
