"""The examples in docs/formats.md are the real output."""

import re
from pathlib import Path

import pytest

from biosyn.mention_files.added_columns import CONCEPT, ID, NAME, SCORE, Link

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
SECTIONS = {
    "One mention a line": "lines",
    "CSV and TSV": "csv",
    "JSON lines": "jsonl",
    "PubTator": "pubtator",
    "BioC XML": "bioc-xml",
    "BioC JSON": "bioc-json",
    "BigBio": "bioc-json",
    "brat": "brat",
    "PubAnnotation": "pubannotation",
}


@pytest.mark.parametrize("title", SECTIONS)
def test_before_and_after(rewrite, title):
    section = re.split(r"^##+ ", PAGE.partition(f"### {title}\n")[2], flags=re.MULTILINE)[0]
    before, after = re.findall(r"^```\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    file_format = SECTIONS[title]
    link = Link(
        "MESH:D001260",
        "ataxia telangiectasia",
        67.81557,
        preferred_name="Ataxia Telangiectasia",
        alternative_ids=("OMIM:208900",),
    )
    keys = (ID,) if file_format in ("pubtator", "brat") else (ID, NAME, SCORE, *CONCEPT)
    types = frozenset({"Disease"}) if file_format == "pubtator" else None
    mentions, written = rewrite(before, file_format, link=link, keys=keys, types=types)
    assert [one.problem for one in mentions] == [""] * len(mentions)
    assert written.decode() == after
