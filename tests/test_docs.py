"""The documentation's links work, its examples and the notebook run: the tiny model lies where the text has it."""

import doctest
import re
import shutil
from pathlib import Path

import pytest

import biosyn
from biosyn.cli.main import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    path
    for glob in ("*.md", "docs/*.md", "datasets/*.md", "recipes/*.md", "benchmarks/*.md")
    for path in ROOT.glob(glob)
]
CONCEPTS = """\
{"ids": ["D001260", "208900"], "preferred_name": "Ataxia Telangiectasia", "names": ["Ataxia Telangiectasia"]}
{"ids": ["D001943"], "preferred_name": "Breast Neoplasms", "names": ["Breast Neoplasms"]}
"""


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_checkpoint, tiny_dictionary):
    """A working folder with a model and a dictionary where the documentation has them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_checkpoint, tmp_path / "output" / "ncbi-disease")
    data = tmp_path / "datasets" / "ncbi-disease"
    data.mkdir(parents=True)
    shutil.copy(tiny_dictionary, data / "test_dictionary.txt")
    (data / "concepts.jsonl").write_text(CONCEPTS, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["python-api.md"])
def test_the_examples_give_what_the_text_says(project, name):
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    example = doctest.DocTestParser().get_doctest("".join(blocks), {}, name, str(DOCS / name), 0)
    assert len(example.examples) > 20, "the examples were not found"
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    assert not report, "".join(report)


def links(page):
    """Return the relative links of a page, and those of its pictures, as (path, anchor)."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text)


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_works(page):
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {path}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {path}#{anchor}"


def test_every_page_of_docs_is_in_its_index():
    listed = {path for path, _ in links(DOCS / "index.md")}
    assert {path.name for path in (*DOCS.glob("*.md"), *DOCS.glob("*.ipynb"))} - {"index.md"} <= listed


def test_every_public_name_is_on_the_api_page():
    names = re.findall(r"^::: (.+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name.rpartition(".")[2]: name.rpartition(".")[0] for name in names} == biosyn._HOMES


@pytest.mark.slow  # a process, with its own import of torch
def test_the_tour_runs_with_the_folder_of_the_quickstart(tmp_path, tiny_checkpoint, tiny_dictionary, tiny_queries):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    folder, docs = tmp_path / "quickstart", tmp_path / "docs"
    docs.mkdir()
    shutil.copytree(tiny_checkpoint, folder / "model")
    shutil.copytree(tiny_queries, folder / "data" / "processed_test")
    dictionary = str(shutil.copy(tiny_dictionary, folder / "data" / "test_dictionary.txt"))
    model, queries = str(folder / "model"), str(folder / "data" / "processed_test")
    arguments = ["--model_name_or_path", model, "--dictionary_path", dictionary, "--data_dir", queries, "--quiet"]
    assert main(["calibrate", *arguments]) == 0
    tour = nbformat.read(DOCS / "tour.ipynb", as_version=4)
    nbclient.NotebookClient(tour, kernel_name="python3", resources={"metadata": {"path": docs}}).execute()
    outputs = [output for cell in tour.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "40 names" in printed
    assert "Acc@10" in printed
    assert any("image/png" in output.get("data", {}) for output in outputs)
