"""What a file is by its content, whatever its name."""

import gzip
import json

import pytest

from biosyn.errors import InputError
from biosyn.mention_files.formats import format_of
from biosyn.mention_files.recognise import HEAD

BIOC = {"source": "x", "date": "", "documents": [{"id": "1", "passages": []}]}
PUBANNOTATION = {"sourcedb": "PubMed", "sourceid": "1", "text": "Ataxia", "denotations": []}
BERN2 = {"annotations": [{"id": ["mesh:D1"], "mention": "ataxia", "obj": "disease"}], "text": "x", "timestamp": "1"}
READ = {
    "BioC XML": ('<?xml version="1.0"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n<collection>', "bioc-xml"),
    "BioC XML after a comment": ("<!-- a <b> -->\n\n<collection/>", "bioc-xml"),
    "BioC JSON": (json.dumps(BIOC), "bioc-json"),
    "BioC JSON of PubTator 3": (json.dumps({"PubTator3": [{"id": "1", "infons": {}, "passages": []}]}), "bioc-json"),
    "BioC JSON, a document a line": (json.dumps(BIOC["documents"][0]) + "\n", "bioc-json"),
    "BioC JSON in an array": (json.dumps([BIOC]), "bioc-json"),
    "PubAnnotation": (json.dumps(PUBANNOTATION), "pubannotation"),
    "PubAnnotation, several": (json.dumps([PUBANNOTATION, PUBANNOTATION], indent=1), "pubannotation"),
    "PubTator": ("17|t|Ataxia\n17|a|x\n", "pubtator"),
    "PubTator after a comment": ("# made by us\n\n17|t|Ataxia\n", "pubtator"),
    "PubTator after lines of another kind": ("created 2024\nby us\n17|t|Ataxia\n", "pubtator"),
    "brat": ("T1\tDisease 0 6\tataxia\n", "brat"),
    "brat, in pieces": ("T12\tDisease 0 6;9 12\tataxia xx\r\n", "brat"),
    "JSON lines": ('{"n": 1, "mention": "ataxia"}\n{"mention": "x"}\n', "jsonl"),
    "CSV": ('id,"mention"\n1,ataxia\n', "csv"),
    "CSV of Excel": ("sep=;\nid;mention\n", "csv"),
    "TSV": ("id\tmention\n1\tataxia\n", "tsv"),
    "lines": ("ataxia\nWilms' tumour\n", "lines"),
    "a line in brackets": ("[ataxia]\n", "lines"),
    "bars in a line": ("a || b\n", "lines"),
    "an isotope": ("[18F]FDG\n[1]benzothieno\n", "lines"),
    "a line in braces": ("{x} ataxia\n", "lines"),
    "numbers that are no error": ("404 ataxia families\n", "lines"),
    "a tab in one of two lines": ("ataxia\tlate\nchorea\n", "lines"),
    "a line with <": ("<5 mm nodule\n", "lines"),
    "a line with commas": ("ataxia, late\nmention of it\n", "lines"),
    "one column": ("mention\nataxia\n", "lines"),
    "nothing": ("", "lines"),
}
NOT_READ = {
    "HTML": ("<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>", "an HTML page"),
    "HTML without a type": ("<HTML><head>", "an HTML page"),
    "PubMed": ('<?xml version="1.0"?><PubmedArticleSet><PubmedArticle>', "PubMed's XML"),
    "other XML": ("<Label drug='x'>", "XML whose root is <Label>"),
    "BERN2": (json.dumps(BERN2), "the JSON of BERN2"),
    "an error as JSON": (
        '{"detail": "Could not retrieve publications"}',
        r"neither BioC nor PubAnnotation \(its keys: d",
    ),
    "a list": ('["ataxia", "asthma"]', "other JSON"),
    "PDF": ("%PDF-1.7\n", "a PDF"),
    "Excel": ("PK\x03\x04xl/", "a zip archive, or a file of Excel"),
    "binary": (bytes(range(256)) * 9, "no text in UTF-8"),
    "gzip": (gzip.compress(b"ataxia\n"), "a gzip file"),
    "queries": ("10192393||15|26||DiseaseClass||skin tumour||D012878\n", "a .concept file of queries"),
    "queries of another corpus": ("1||15||26||Disease||skin||D1|D2\n", "a .concept file of queries"),
    "a dictionary": ("D001260|208900||ataxia telangiectasia\n", "a dictionary of 'cui||name' lines"),
    "MEDLINE": ("PMID- 17\nTI  - Ataxia\n", "a list of references"),
    "RIS": ("TY  - JOUR\nTI  - Ataxia\n", "a list of references"),
    "Turtle": ("@prefix owl: <http://www.w3.org/2002/07/owl#> .\n", "a Turtle file"),
    "a server's error": ("404: Not Found", "a web server's error message"),
    "another server's error": ("Error: 503 Service Unavailable\n", "a web server's error message"),
    "OBO": ("format-version: 1.2\nontology: hp\n", "an OBO file"),
}


@pytest.fixture
def write(tmp_path):
    """Function: content and name -> path of the file."""

    def make(content, name):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.mark.parametrize("case", READ)
@pytest.mark.parametrize("name", ["stdin", "a.bioc", "a.txt"])
def test_a_name_that_says_nothing_leaves_it_to_the_content(write, case, name):
    content, expected = READ[case]
    assert format_of(write(content, name)) == expected
    assert format_of(write(f"\ufeff{content}", name)) == expected


def test_packed_content_is_looked_at_unpacked(write):
    assert format_of(write(gzip.compress(READ["PubAnnotation"][0].encode()), "x.gz")) == "pubannotation"


@pytest.mark.parametrize(
    ("case", "name", "expected"),
    [
        ("BioC JSON", "a.xml", "bioc-json"),
        ("BioC XML", "a.json", "bioc-xml"),
        ("PubAnnotation", "a.json", "pubannotation"),
        ("PubAnnotation", "a.jsonl", "pubannotation"),
        ("BioC JSON, a document a line", "a.jsonl", "bioc-json"),
        ("JSON lines", "a.json", "jsonl"),
        ("PubTator", "a.tsv", "pubtator"),
        ("brat", "a.tsv", "brat"),
        ("TSV", "a.csv", "tsv"),
        ("CSV", "a.tsv", "csv"),
        ("CSV of Excel", "a.tsv", "csv"),
        ("lines", "a.csv", "csv"),  # whose reader says what is missing
        ("lines", "a.ann", "brat"),
        ("lines", "a.pubtator", "pubtator"),
    ],
)
def test_the_content_corrects_the_name(write, case, name, expected):
    assert format_of(write(READ[case][0], name)) == expected


@pytest.mark.parametrize("case", NOT_READ)
@pytest.mark.parametrize("name", ["stdin", "a.txt", "a.csv", "a.json", "a.xml", "a.pubtator", "a.ann"])
def test_what_is_not_read_is_named(write, case, name):
    content, said = NOT_READ[case]
    with pytest.raises(InputError, match=f"{name}: looks like .*{said}.*--format"):
        format_of(write(content, name))


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("ataxia\tB-Disease\n.\tO\n", "--format tsv"),  # CoNLL
        ("17\t0\t6\tAtaxia\tDisease\tD1\n", "--format tsv"),  # PubTator without its texts
        ("id;mention\n1;ataxia\n", "--format csv --delimiter ';'"),
        ("id|mention\n1|ataxia\n", r"--format csv --delimiter '\|'"),
    ],
)
def test_the_lines_of_a_table_are_no_mentions(write, content, advice):
    with pytest.raises(InputError, match=f"a.txt: looks like a table: give {advice}"):
        format_of(write(content, "a.txt"))
    assert format_of(write(content, "a.tsv"), column="4") == "tsv"  # its reader says what is missing


def test_a_text_may_be_longer_than_what_is_looked_at(write):
    content = json.dumps({"sourceid": "1", "text": "x" * (HEAD + 10), "denotations": []})
    assert format_of(write(content, "x")) == "pubannotation"


def test_a_table_and_an_object_are_known_by_what_holds_the_mention(write):
    assert format_of(write("id,text\n1,x\n", "x"), column="text") == "csv"
    assert format_of(write('{"text": "x"}\n', "x"), field="text") == "jsonl"
    assert format_of(write('{"a": "x"}\n', "x.jsonl")) == "jsonl"  # its reader says what is missing


def test_a_text_in_a_document_decides_nothing(write):
    content = json.dumps({"sourceid": "1", "text": 'of "documents": [] and "passages": []', "denotations": []})
    assert format_of(write(content, "x")) == "pubannotation"
