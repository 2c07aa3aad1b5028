"""The page in a real browser, from a file, with no network."""

import pytest

HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
SHOWN = "[...document.querySelectorAll('#errors tbody tr')].filter(row => row.offsetParent !== null).length"


@pytest.fixture
def opened(page, report, tmp_path):
    """Function: width and changed errors -> Report, open in the page."""

    def run(*, width=1100, change=None):
        made = report(2)
        if change:
            change(made.errors)
        path = tmp_path / "report.html"
        path.write_text(made.render(), encoding="utf-8")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        page.open(path.as_uri())
        return made

    return run


def choose(page, name, value):
    page.value(
        f"""(field => {{ field.value = {value!r}; field.dispatchEvent(new Event("input", {{ bubbles: true }})); }})
        (document.getElementById({name!r}))"""
    )


def test_rows_are_filtered_by_class_and_by_text(page, opened):
    errors = opened().errors
    assert page.value("!document.getElementById('filter').hidden")
    assert page.value(SHOWN) == len(errors)
    kind = errors[0].error_class
    choose(page, "class", kind)
    of_kind = [row for row in errors if row.error_class == kind]
    assert 0 < page.value(SHOWN) == len(of_kind) < len(errors)
    assert page.value("document.getElementById('shown').textContent") == f"{len(of_kind)} of {len(errors)} shown"
    choose(page, "class", "")
    choose(page, "words", of_kind[0].query.start + "–")
    assert 0 < page.value(SHOWN) < len(errors)
    choose(page, "words", "no such text")
    assert page.value(SHOWN) == 0


def test_nothing_is_loaded_and_every_plot_is_drawn(page, opened):
    opened()
    loaded = page.value("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert not [name for name in loaded if not name.startswith("data:")]
    sizes = page.value("[...document.images].map(image => [image.complete, image.naturalWidth, image.width])")
    assert len(sizes) == 4
    assert all(complete and natural > 300 and width > 300 for complete, natural, width in sizes)


def test_names_are_text_in_the_browser_too(page, opened):
    def hostile(errors):
        part = errors[0].parts[0]
        answer = part.answers[0]._replace(name=HOSTILE)
        errors[0] = errors[0]._replace(parts=(part._replace(mention=HOSTILE, answers=(answer,)),))

    opened(change=hostile)
    assert page.value("document.title") == "BioSyn: tiny on processed_test"
    assert page.value("document.querySelector('#errors tbody th div').textContent") == HOSTILE
    assert page.value("document.images.length") == 4


@pytest.mark.parametrize("width", [320, 390, 800])
def test_a_phone_need_not_scroll_sideways(page, opened, width):
    def long(errors):
        part = errors[0].parts[0]
        errors[0] = errors[0]._replace(parts=(part._replace(mention="ataxia" * 40),))

    opened(width=width, change=long)
    assert page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.value("Math.max(...[...document.images].map(image => image.getBoundingClientRect().right))") <= width


@pytest.mark.parametrize("width", [1100, 390])
def test_a_screen_reader_meets_tables(page, opened, width):
    errors = opened(width=width).errors
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {node["name"].get("value"): node for node in nodes if node.get("role", {}).get("value") == "table"}
    assert {"Figures", "Answers with a threshold", "Classes of errors", "Errors"} <= set(named)
    by_id = {node["nodeId"]: node for node in nodes}

    def roles(node, found):
        for child in node.get("childIds", []):
            found.append(by_id[child].get("role", {}).get("value"))
            roles(by_id[child], found)
        return found

    table = roles(named["Errors"], [])
    assert table.count("row") == len(errors) + 1
    assert table.count("columnheader") == 4
    assert table.count("rowheader") == len(errors)
    images = [node for node in nodes if node.get("role", {}).get("value") in ("image", "img")]
    assert len(images) == 4
    assert all(node["name"]["value"] for node in images)


def test_all_text_stands_out_from_its_background(page, opened):
    opened()
    texts = "[...document.querySelectorAll('p,th,td,small,dt,dd,label,a')]"
    colours = page.value(f"[...new Set({texts}.map(element => getComputedStyle(element).color))]")
    for colour in colours:  # on white or nearly so: WCAG's contrast of 4.5 is a luminance of 0.18 and less
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        assert sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) < 0.15
