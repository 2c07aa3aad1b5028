"""What a writer writes in a layout is read back the same, whatever the names are."""

import csv
import io
import json
import re
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.corpora.hpo import default_obo


def names(without="", more=()):
    """Names that carry no control character but `more`, nothing of `without`, and no blank at either end."""
    characters = st.characters(
        exclude_categories=["C", "Zl", "Zp"], exclude_characters=without, include_characters=more
    )
    return st.text(characters, min_size=1, max_size=12).map(str.strip).filter(bool)


def concepts(name, *, ids=1):
    """Lists of (distinct ids, distinct names); no id is in two rows."""
    row = st.tuples(st.integers(1, ids), st.lists(name, min_size=1, max_size=4, unique=True))
    rows = st.lists(row, min_size=1, max_size=6)
    return rows.map(lambda found: [([f"X{i}{j}" for j in range(n)], texts) for i, (n, texts) in enumerate(found)])


def same(read, written):
    return [(list(concept.ids), list(concept.names)) for concept in read[0]] == written


quick = settings(max_examples=40)


@quick
@given(written=concepts(names("|"), ids=3))
def test_medic(read, written):
    text = "".join(f"{'|'.join(ids)}||{'|'.join(texts)}\n" for ids, texts in written)
    assert same(read("medic", text), written)


def delimited(rows, delimiter):
    file = io.StringIO()
    if delimiter == ",":
        csv.writer(file, lineterminator="\n").writerows(rows)
    else:
        file.writelines("\t".join(row) + "\n" for row in rows)
    return file.getvalue()


@quick
@given(written=concepts(names("|"), ids=3), delimiter=st.sampled_from(",\t"))
def test_ctd(read, written, delimiter):
    written = [(ids, texts) for ids, texts in written if not texts[0].startswith("#")]
    fields = ["DiseaseName", "DiseaseID", "AltDiseaseIDs", "Definition", "ParentIDs", "Synonyms"]
    rows = [[texts[0], f"MESH:{ids[0]}", "|".join(ids[1:]), "", "", "|".join(texts[1:])] for ids, texts in written]
    text = f"# Fields:\n# {delimiter.join(fields)}\n#\n{delimited(rows, delimiter)}"
    assert same(read("ctd", text), written)


@quick
@given(written=concepts(names("|", more="\n"), ids=3))
def test_csv(read, written):
    rows = [["|".join(ids), texts[0], "|".join(texts[1:])] for ids, texts in written]
    assert same(read("csv", delimited([["id", "name", "synonyms"], *rows], ",")), written)


@quick
@given(written=concepts(names("|"), ids=3))
def test_tsv(read, written):
    rows = [["|".join(ids), texts[0], "|".join(texts[1:])] for ids, texts in written]
    assert same(read("tsv", delimited([["id", "name", "synonyms"], *rows], "\t")), written)


@quick
@given(written=concepts(names("|")))
def test_umls(read, written):
    lines = [
        f"{ids[0]}|ENG|{'P' if number == 0 else 'S'}|L|PF|S|Y|A||||MSH|PT|1|{text}|0|N||\n"
        for ids, texts in written
        for number, text in enumerate(texts)
    ]
    assert same(read("umls", "".join(lines)), written)


@quick
@given(written=concepts(names("$")))
def test_meddra(read_path, tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("MedAscii")
    for name in ("hlgt", "hlt"):
        (folder / f"{name}.asc").touch()
    terms = [f"{ids[0]}${texts[0]}$$1$$$$$$$$\n" for ids, texts in written]
    lowest = [f"1${text}${ids[0]}$$$$$$$Y$$\n" for ids, texts in written for text in texts]
    (folder / "pt.asc").write_text("".join(terms), encoding="utf-8")
    (folder / "llt.asc").write_text("".join(lowest), encoding="utf-8")
    assert same(read_path("meddra", folder), written)


@quick
@given(written=concepts(names("|").filter(lambda text: text != "-")))
def test_gene_info(read, sample, written):
    header = sample("gene-info").splitlines()[0]
    columns = header.removeprefix("#").split("\t")
    lines = [header]
    for ids, texts in written:
        row = dict.fromkeys(columns, "-") | {"GeneID": ids[0], "Symbol": texts[0]}
        row["Other_designations"] = "|".join(texts[1:]) or "-"
        lines.append("\t".join(row.values()))
    assert same(read("gene-info", "\n".join(lines)), written)


@quick
@given(written=concepts(names("\ufffe\uffff")))
def test_mesh(read, written):
    records = []
    for ids, texts in written:
        terms = "".join(f"<Term><String>{escape(text)}</String></Term>" for text in texts[1:])
        records.append(
            f"<DescriptorRecord><DescriptorUI>{ids[0]}</DescriptorUI>"
            f"<DescriptorName><String>{escape(texts[0])}</String></DescriptorName>"
            f"<ConceptList><Concept><TermList>{terms}</TermList></Concept></ConceptList></DescriptorRecord>"
        )
    assert same(read("mesh", f"<DescriptorRecordSet>{''.join(records)}</DescriptorRecordSet>"), written)


def by_text(written):
    """Synonyms of one scope are sorted."""
    return [(ids, [texts[0], *sorted(texts[1:])]) for ids, texts in written]


@quick
@given(written=concepts(names(), ids=3))
def test_obo(read, written):
    terms = []
    for ids, texts in written:
        name = re.sub(r"([\\{!])", r"\\\1", texts[0])
        lines = [f"id: X:{ids[0]}", f"name: {name}", *(f"alt_id: X:{other}" for other in ids[1:])]
        quoted = (re.sub(r'(["\\])', r"\\\1", text) for text in texts[1:])
        terms.append("\n".join(["[Term]", *lines, *(f'synonym: "{text}" EXACT []' for text in quoted)]))
    expected = [([f"X:{each}" for each in ids], texts) for ids, texts in by_text(written)]
    assert same(read("obo", "format-version: 1.4\n\n" + "\n\n".join(terms) + "\n"), expected)


def graph(rows):
    """Rows of (ids, preferred name, (scope, synonym) pairs) as OBO Graph JSON."""
    base, alternative = (
        "http://purl.obolibrary.org/obo/",
        "http://www.geneontology.org/formats/oboInOwl#hasAlternativeId",
    )
    nodes = [
        {
            "id": base + ids[0].replace(":", "_"),
            "lbl": name,
            "type": "CLASS",
            "meta": {
                "synonyms": [{"pred": f"has{scope.title()}Synonym", "val": text} for scope, text in synonyms],
                "basicPropertyValues": [{"pred": alternative, "val": other} for other in ids[1:]],
            },
        }
        for ids, name, synonyms in rows
    ]
    return json.dumps({"graphs": [{"id": f"{base}x.json", "meta": {}, "nodes": nodes, "edges": []}]})


@quick
@given(written=concepts(names(), ids=3))
def test_obograph(read, written):
    written = [([f"X:{each}" for each in ids], texts) for ids, texts in written]
    text = graph([(ids, texts[0], [("exact", each) for each in texts[1:]]) for ids, texts in written])
    assert same(read("obograph", text), by_text(written))


@pytest.mark.slow
def test_the_whole_of_hp_obo_as_a_graph(read, read_path):
    whole, _ = read_path("obo", default_obo())
    live = [concept for concept in whole if not concept.obsolete]
    rows = [(concept.ids, concept.names[0], [("exact", name) for name in concept.names[1:]]) for concept in live]
    expected = [(list(ids), [name, *sorted(text for _, text in synonyms)]) for ids, name, synonyms in rows]
    assert len(live) == 19_034
    assert same(read("obograph", graph(rows)), expected)
