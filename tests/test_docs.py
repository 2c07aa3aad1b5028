"""The examples of the documentation, run as they stand: the tiny model and dictionary lie where the text has them."""

import doctest
import re
import shutil
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
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
