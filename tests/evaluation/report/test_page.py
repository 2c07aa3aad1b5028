"""Every number of the page a second time, by loops over lists; and the page as text."""

import base64
import re

import numpy as np
import pytest
from lxml import etree
from lxml import html as lxml_html

TITLES = {
    "acc1": "Acc@1",
    "acc5": "Acc@5",
    "mrr": "MRR",
    "recall_topk": "gold id in the top K",
    "recall_dictionary": "gold id in the dictionary",
}
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


def tables(page):
    """Title -> rows of cells, the header first; of tables with a label."""
    tree = lxml_html.fromstring(page)
    found = {}
    for table in tree.iter("table"):
        label = table.get("aria-label") or tree.get_element_by_id(table.get("aria-labelledby")).text_content()
        rows = [[" ".join(cell.text_content().split()) for cell in row] for row in table.iter("tr")]
        found[label] = rows
    return found


def naive_figures(naive, report):
    """Key -> (value, low, high, of) as texts, by naive.py and the same draws."""
    made = report.world
    documents = [query.pmid for query in made.queries]
    count = len(set(documents))
    draws = np.random.default_rng(report.seed).integers(0, count, (report.resamples, count)).tolist()
    ids = {cui for line in made.dictionary.cuis for cui in line.split("|")}
    train = [{"mention": query.mention, "cui": query.cui} for query in made.train]
    return {
        key: [f"{number:.4f}" for number in (naive.mean(values), *naive.interval(values, documents, draws))]
        + [str(sum(value is not None for value in values))]
        for key, values in naive.columns(made.as_plain_rows(), train, 6, ids).items()
    }


@pytest.mark.parametrize("seed", range(2))
def test_every_figure_of_the_page_equals_a_naive_computation(naive, report, seed):
    made = report(seed)
    expected, found = naive_figures(naive, made), tables(made.html)
    headline = {row[0]: row[1:] for row in found["Figures"][1:]}
    for (kind, protocol, name), cells in ((key, cells) for key, cells in expected.items() if key[0] == "protocols"):
        if name in TITLES and protocol != "strict_unresolved":
            assert headline.pop(f"{protocol} {TITLES[name]}") == cells, (kind, protocol, name)
    assert headline == {}
    curve = [["k", "value", "from", "to", "of"]]
    curve += [[str(k), *expected["protocols", "lenient", f"acc{k}"]] for k in range(1, 7)]
    assert found["Acc@k"] == curve
    slices = {row[0]: row[1:] for row in found["Acc@1 by slice"][1:]}
    assert slices == {f"{key[1]}: {key[2]}": cells for key, cells in expected.items() if key[::3] == ("slices", "acc1")}


def naive_outcomes(naive, report):
    """(confidence, right, nil) of each query, and (probability, right) of each mention."""
    ids = {cui for line in report.world.dictionary.cuis for cui in line.split("|")}
    queries, mentions = [], []
    for row, found in zip(report.world.as_plain_rows(), report.world.predictions, strict=True):
        gold = naive.ids_of(row["cui"])
        probabilities = [m.probability for m in found.mentions]
        queries.append((min(probabilities), naive.rank_of(row) == 1, not gold & ids))
        mentions += [(p, bool(c[0][0] & gold)) for p, c in zip(probabilities, row["found"], strict=True)]
    return queries, mentions


@pytest.mark.parametrize("seed", range(2))
def test_every_figure_of_confidence_equals_a_naive_computation(naive, report, seed):
    made = report(seed)
    queries, mentions = naive_outcomes(naive, made)
    found, text = tables(made.html), " ".join(lxml_html.fromstring(made.html).text_content().split())
    bins = {}
    for probability, right in mentions:
        bins.setdefault(int(probability * 10), []).append((probability, right))
    expected = []
    for number, rows in sorted(bins.items()):
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        cells = [f"{mean:.4f}" for mean in means]
        expected.append([f"{number / 10:.1f} to {(number + 1) / 10:.1f}", *cells, str(len(rows))])
    assert found["Reliability"][1:] == expected
    ece = sum(abs(sum(p for p, _ in rows) - sum(r for _, r in rows)) for rows in bins.values()) / len(mentions)
    (shown,) = re.findall(rf"ECE (\S+) of {len(mentions)} mentions", text)
    assert float(shown) == pytest.approx(ece, abs=0.5001e-4)

    risks = []  # of answering n queries; equal confidences count as the fraction of them that is wrong
    for confidence, _, _ in sorted(queries, reverse=True):
        equal = [right for other, right, _ in queries if other == confidence]
        risks.append(1 - sum(equal) / len(equal))
    aurc = sum(sum(risks[:n]) / n for n in range(1, 61)) / 60
    assert (
        f"of all 60 queries, {sum(not right for _, right, _ in queries) / 60:.4f} are answered wrongly" in text.lower()
    )
    assert f"(AURC) is {aurc:.4f}" in text
    for coverage, risk, threshold in found["Risk and coverage"][1:]:
        answered = [right for confidence, right, _ in queries if f"{confidence:.4f}" >= threshold]
        assert (coverage, risk) == (f"{len(answered) / 60:.4f}", f"{answered.count(False) / len(answered):.4f}")
    assert found["Risk and coverage"][-1][0] == "1.0000"


@pytest.mark.parametrize("seed", range(2))
def test_every_figure_of_the_answers_equals_a_naive_computation(naive, report, seed):
    queries, _ = naive_outcomes(naive, made := report(seed))
    rows = {row[0]: (row[1], row[4]) for row in tables(made.html)["Answers with a threshold"][1:]}

    def expected(counted):
        return f"{sum(counted) / len(counted):.4f}", str(len(counted))

    assert rows == {
        "answered, of all": expected([c >= 0.5 for c, _, _ in queries]),
        "right, of the answered": expected([right for c, right, _ in queries if c >= 0.5]),
        "right or rightly -1, of all": expected([right if c >= 0.5 else nil for c, right, nil in queries]),
        "without a concept, of those answered -1": expected([nil for c, _, nil in queries if c < 0.5]),
        "answered -1, of those without a concept": expected([c < 0.5 for c, _, nil in queries if nil]),
    }
    assert f"{sum(nil for *_, nil in queries)} of 60 queries have no concept in the dictionary" in made.html


@pytest.mark.parametrize("seed", range(2))
def test_the_errors_are_all_queries_that_are_not_right(naive, report, seed):
    made = report(seed)
    wrong = [row for row in made.world.as_plain_rows() if naive.rank_of(row) != 1]
    table = tables(made.html)["Errors"]
    mentions = lxml_html.fromstring(made.html).xpath("//table[@id='errors']/tbody/tr/th")
    assert ["|".join(cell.xpath("div/text()")) for cell in mentions] == [row["mention"] for row in wrong]
    assert f"{len(wrong)} of 60 queries are not right at 1" in made.html
    counts = {row[0]: int(row[1]) for row in tables(made.html)["Classes of errors"][1:]}
    assert sum(counts.values()) == len(wrong)
    ids = {cui for line in made.world.dictionary.cuis for cui in line.split("|")}
    assert counts["not in dictionary"] == sum(not naive.ids_of(row["cui"]) & ids for row in wrong)
    for cells, row in zip(table[1:], wrong, strict=True):
        rank = naive.rank_of(row)
        assert cells[3].endswith(f"right at {rank}" if rank <= 6 else "not in the top 6")


def test_training_rows_are_shown(report):
    training = [
        {"epoch": 0, "dev": {"hybrid": {"acc1": 0.5}, "dense": {"acc1": 0.51}, "sparse": {"acc1": 0.52}}},
        {
            "epoch": 1,
            "loss": 1.23456,
            "w": 0.75,
            "positive_share": 0.84,
            "dev": {"hybrid": {"acc1": 0.75}, "dense": {"acc1": 0.76}, "sparse": {"acc1": 0.77}},
        },
    ]
    found = tables(report(training=training).html)
    assert found["Training loss"][1:] == [["1", "1.2346", "0.7500", "0.8400"]]
    assert found["Acc@1 on dev by epoch"][1:] == [
        ["0", "0.5000", "0.5100", "0.5200"],
        ["1", "0.7500", "0.7600", "0.7700"],
    ]


# -- the page as text


def test_the_same_evaluation_gives_the_same_page(report):
    made = report(1)
    assert made.render() == made.html


def test_every_plot_has_words_and_a_table_of_its_numbers(report):
    made = report()
    tree = lxml_html.fromstring(made.html)
    figures = tree.findall(".//figure")
    assert len(figures) == 4
    for figure in figures:
        image = figure.find("img")
        assert len(image.get("alt")) > 30
        assert len(figure.find("figcaption").text_content()) > 40
        assert figure.getnext().tag == "details"
        svg = base64.b64decode(image.get("src").removeprefix("data:image/svg+xml;base64,"))
        assert etree.fromstring(svg).tag.endswith("svg")
        assert set(re.findall(rb"(?:fill|stroke): (#\w+)", svg)) <= {b"#1b2624", b"#c9d1ce", b"#000000", b"#ffffff"}


def test_nothing_is_asked_for_from_elsewhere(report):
    tree = lxml_html.fromstring(report().html)
    assert {element.tag for element in tree.iter() if element.get("src")} == {"img"}
    assert all(image.get("src").startswith("data:image/svg+xml;base64,") for image in tree.iter("img"))
    assert not list(tree.iter("link", "iframe", "object", "embed", "base", "form"))
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; img-src data:")


def test_ids_lead_to_their_ontology(report):
    made = report()
    row = made.errors[0]
    linked = row._replace(
        gold=(row.gold[0]._replace(cui="D001260", url="https://meshb.nlm.nih.gov/x", ontology="MeSH"),)
    )
    made.errors[0] = linked
    tree = lxml_html.fromstring(made.render())
    (link,) = tree.xpath("//a[text()='MeSH D001260']")
    assert (link.get("href"), link.get("rel")) == ("https://meshb.nlm.nih.gov/x", "noreferrer")


def test_names_and_mentions_are_text(report):
    made = report(model=HOSTILE)
    row = made.errors[0]
    part = row.parts[0]
    answer = part.answers[0]._replace(name=HOSTILE, ids=(row.gold[0]._replace(cui=HOSTILE, name=HOSTILE),))
    query = row.query._replace(mention=HOSTILE, pmid=HOSTILE, start=HOSTILE)
    parts = (part._replace(mention=HOSTILE, answers=(answer,)),)
    made.errors[0] = row._replace(query=query, parts=parts, gold=answer.ids)
    page = made.render()
    assert "<img src=x" not in page
    assert len(lxml_html.fromstring(page).findall(".//img")) == 4
    assert page.count("&lt;img src=x onerror=&quot;") > 5


def test_a_perfect_run_has_no_errors(report):
    made = report()
    made.errors.clear()
    page = made.render()
    assert "None: every query is right at 1." in page
    assert 'id="filter"' not in page


def test_a_long_table_is_cut_and_said_to_be(report):
    made = report()
    made.errors[:] = made.errors * 300
    page = made.render()
    assert "The first 2000 are shown." in page
    assert page.count('<tr role="row" data-class') == 2000


def test_the_class_homonym_tells_how_many_were_resolved_right(report):
    made = report(0)
    figure = made.metrics["slices"]["homonym"]["yes"]["strict_acc1"]
    (row,) = (row for row in tables(made.html)["Classes of errors"] if row[0] == "homonym")
    total, of = int(figure["total"]), figure["of"]
    assert 0 < total < of
    assert row[2] == (
        f"the best name belongs to two or more concepts; {total} of all {of} such queries were resolved right"
    )
