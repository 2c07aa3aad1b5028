"""BioC files of mentions: the output is the input with infons added, and the library bioc reads it too."""

import io
import json

import bioc.biocjson
import bioc.biocxml
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from biosyn.corpora.bioc import ID_KEYS, read_bioc_corpus
from biosyn.corpora.pubtator import PubTatorForm
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.mention_files.added_columns import ID, NAME, SCORE
from biosyn.mention_files.bioc_xml import xml_document, xml_pieces

XML = """<?xml version="1.0"?>
<!-- first -->
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection>
 <source>s</source><date/><key/>
 <document><id>7</id><infon key="z">1</infon><infon key="a">2</infon>
  <passage><offset>0</offset><text>Skin Sjögren</text>
   <annotation id='T1'>
    <infon key="type">Disease</infon>
    <location offset="5" length="7"/>
    <text>Sjögren</text>
   </annotation>
   <annotation id="T2"><location offset="0" length="4"/><text>Skin</text></annotation><!-- kept -->
  </passage>
 </document>
</collection>
"""
JSON = """{"source": "s", "date": "", "key": "", "infons": {"b": 1.50}, "documents" : [
 {"id": "7", "infons": {}, "passages": [
  {"offset": 0, "text": "Skin Sj\\u00f6gren", "infons": {}, "sentences": [], "relations": [], "annotations": [
    {"id": "T1", "infons": {"type": "Disease" }, "text": "Sj\\u00f6gren", "locations": [{"offset": 5, "length": 7}]},
    {"text": "Skin", "id": "T2", "locations": [{"offset": 0, "length": 4}] , "infons": {}}]}], "relations": []} ] }
"""
INFONS = {ID: "D1|2", NAME: 'ataxia, type "1" & <é>', SCORE: "12.3457"}
# only these characters are allowed in XML; a parser reads \r as \n
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=12)
KEYS = TEXT.filter(lambda key: not key.startswith("biosyn"))  # hypothesis tries strings that it finds in our code
ANNOTATIONS = st.lists(st.tuples(TEXT, st.dictionaries(KEYS, TEXT, max_size=2)), max_size=3)


def canonical(xml):
    return etree.tostring(etree.fromstring(xml).getroottree(), method="c14n")


def without_ours(xml):
    """Return the file, after C14N, without the infons that linking adds."""
    root = etree.fromstring(xml)
    for infon in root.iter("infon"):
        if infon.get("key") in INFONS:
            infon.getparent().remove(infon)  # with the text after it
    return etree.tostring(root.getroottree(), method="c14n")


def collection_of(documents):
    """Return a BioC collection made by the library."""
    collection = bioc.BioCCollection()
    for number, annotations in enumerate(documents):
        document, passage = bioc.BioCDocument(), bioc.BioCPassage()
        document.id, passage.offset, passage.text = str(number), 0, ""
        for name, (text, infons) in enumerate(annotations):
            annotation = bioc.BioCAnnotation()
            annotation.id, annotation.text, annotation.infons = f"T{name}", text, dict(infons)
            annotation.add_location(bioc.BioCLocation(len(passage.text), len(text)))
            passage.text += f"{text} "
            passage.add_annotation(annotation)
        document.add_passage(passage)
        collection.add_document(document)
    return collection


def annotations_of(collection):
    passages = [passage for document in collection.documents for passage in document.passages]
    return [(one.text, one.infons) for passage in passages for one in passage.annotations]


def test_xml_before_and_after(rewrite):
    mentions, written = rewrite(XML, "bioc-xml", keys=(ID,))
    assert [one.text for one in mentions] == ["Sjögren", "Skin"]
    assert mentions[0].place.endswith("document '7', annotation 'T1'")
    after = XML.replace("Disease</infon>\n", 'Disease</infon>\n    <infon key="biosyn_id">D1|2</infon>\n')
    after = after.replace('<annotation id="T2">', '<annotation id="T2"><infon key="biosyn_id">D1|2</infon>')
    assert canonical(written) == canonical(after.encode())
    assert without_ours(written) == canonical(XML.encode())


def test_json_before_and_after(rewrite):
    mentions, written = rewrite(JSON, "bioc-json", keys=(ID,))
    assert [one.text for one in mentions] == ["Sjögren", "Skin"]
    after = JSON.replace('"Disease" }', '"Disease", "biosyn_id": "D1|2" }').replace(
        '"infons": {}}]', '"infons": {"biosyn_id": "D1|2"}}]'
    )
    assert written.decode() == after


@pytest.mark.parametrize(("file_format", "content"), [("bioc-xml", XML), ("bioc-json", JSON)])
def test_types(rewrite, file_format, content):
    mentions, _ = rewrite(content, file_format, types=frozenset({"Disease"}))
    assert [one.text for one in mentions] == ["Sjögren"]


def test_an_annotation_without_infons_gets_them(rewrite):
    content = '{"id": "1", "passages": [{"offset": 0, "text": "a", "annotations": [{"text": "a"}]}]}'
    written = rewrite(content, "bioc-json")[1]
    assert json.loads(written)["passages"][0]["annotations"] == [{"text": "a", "infons": INFONS}]


@given(documents=st.lists(ANNOTATIONS, max_size=3), pretty=st.booleans())
def test_xml_is_read_back_by_the_library(rewrite, documents, pretty):
    before = bioc.biocxml.dumps(collection_of(documents), pretty_print=pretty)
    before = before.encode() if isinstance(before, str) else before
    mentions, written = rewrite(before, "bioc-xml")
    assert [(one.text, one.problem) for one in mentions] == [(text, "") for some in documents for text, _ in some]
    expected = [(text, {**infons, **INFONS}) for text, infons in annotations_of(bioc.biocxml.loads(before.decode()))]
    assert annotations_of(bioc.biocxml.loads(written.decode())) == expected
    assert without_ours(written) == canonical(before)


@given(documents=st.lists(ANNOTATIONS, max_size=3), indent=st.sampled_from([None, 2]))
def test_json_is_read_back_by_the_library(rewrite, documents, indent):
    before = bioc.biocjson.dumps(collection_of(documents), indent=indent)
    mentions, written = rewrite(before, "bioc-json")
    assert [(one.text, one.problem) for one in mentions] == [(text, "") for some in documents for text, _ in some]
    expected = [(text, {**infons, **INFONS}) for text, infons in annotations_of(bioc.biocjson.loads(before))]
    assert annotations_of(bioc.biocjson.loads(written.decode())) == expected
    assert rewrite(before, "bioc-json", link=None)[1].decode() == before


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('offset="5"', 'offset="50"', "its span 50+7 lies outside the text"),
        ('length="7"', 'length="-7"', "its span 5+-1 lies outside the text"),
        ('offset="5"', 'offset="x"', "its span -1+7 lies outside the text"),
        ('offset="5"', 'offset="4"', "its span 4+7 holds ' Sjögre', not 'Sjögren'"),
        ("<text>Sjögren</text>", "", "it has no text"),
        ('key="type"', 'key="biosyn_id"', "already holds biosyn_id"),
    ],
)
def test_a_bad_annotation_is_named_and_stays(rewrite, old, new, problem):
    content = XML.replace(old, new)
    mentions, written = rewrite(content, "bioc-xml", keys=(NAME,))
    assert [bool(one.problem) for one in mentions] == [True, False]
    assert problem in mentions[0].problem
    assert without_ours(written) == without_ours(content.encode())


@pytest.mark.parametrize(
    ("file_format", "content", "problem"),
    [
        ("bioc-xml", XML.replace("<offset>0</offset>", ""), "document '7': the offset of a passage is not a number"),
        ("bioc-json", JSON.replace('"passages"', '"parts"'), "document '7': a part is missing"),
        (
            "bioc-json",
            JSON.replace('"locations": [{', '"locations": ["x", {'),
            "'locations' is not an array of objects",
        ),
    ],
)
def test_a_bad_document_is_named_and_stays(rewrite, file_format, content, problem):
    mentions, written = rewrite(content, file_format)
    (mention,) = mentions
    assert problem in mention.problem
    if file_format == "bioc-json":
        assert written.decode() == content
    else:
        assert canonical(written) == canonical(content.encode())


def test_an_undefined_entity_in_a_text_spoils_its_document_alone():
    pieces = xml_pieces(io.BytesIO(XML.replace("<text>Skin", "<text>\n&nbsp;Skin", 1).encode()), "file")
    (document,) = [piece for piece in pieces if not isinstance(piece, bytes)]
    with pytest.raises(InputError, match="document '7': it holds the entity &nbsp; in line 8: write the character"):
        xml_document(document, "file")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('key="type"', 'key="t&yuml;pe"', "file:9: the entity &yuml; in an attribute is not defined"),
        ('<!DOCTYPE collection SYSTEM "BioC.dtd">', "&nbsp;", "file:3: is not well-formed XML"),
        ('<!DOCTYPE collection SYSTEM "BioC.dtd">\n', "", "file:6: is not well-formed XML: Entity 'ouml' not defined"),
    ],
)
def test_another_entity_ends_the_run_and_is_named_with_its_line(rewrite, old, new, named):
    content = XML.replace(old, new)
    with pytest.raises(InputError, match=named):
        rewrite(content if new else content.replace("Skin Sjögren", "Skin Sj&ouml;gren"), "bioc-xml")


PUBTATOR_3 = {
    "_id": "17|None",
    "id": "17",
    "infons": {},
    "passages": [
        {
            "infons": {"type": "title", "journal": "J", "year": "2024"},
            "offset": 0,
            "text": "ATM in cancer.",
            "sentences": [],
            "annotations": [
                {
                    "id": "2",
                    "infons": {
                        "identifier": "472",
                        "type": "Gene",
                        "ncbi_homologene": "30952",
                        "valid": True,
                        "normalized": [472],
                        "database": "ncbi_gene",
                        "normalized_id": 472,
                        "biotype": "gene",
                        "name": "ATM",
                        "accession": "@GENE_ATM",
                    },
                    "text": "ATM",
                    "locations": [{"offset": 0, "length": 3}],
                },
                {
                    "id": "3",
                    "infons": {
                        "identifier": "MESH:D009369",
                        "type": "Disease",
                        "valid": True,
                        "normalized": ["D009369"],
                        "database": "ncbi_mesh",
                        "normalized_id": "D009369",
                        "biotype": "disease",
                        "name": "Neoplasms",
                        "accession": "@DISEASE_Neoplasms",
                    },
                    "text": "cancer",
                    "locations": [{"offset": 7, "length": 6}],
                },
            ],
            "relations": [],
        }
    ],
    "relations": [
        {"id": "R1", "infons": {"type": "Association", "score": "0.9"}, "nodes": [{"refid": "0", "role": ""}]}
    ],
    "pmid": 17,
    "pmcid": None,
    "meta": {},
    "authors": ["A B"],
    "relations_display": [{"name": "associate|@DISEASE_Neoplasms|@GENE_ATM"}],
}


@pytest.mark.parametrize("lines", [False, True], ids=["collection", "lines"])
def test_an_export_of_pubtator_3_is_linked_and_is_a_corpus(rewrite, tmp_path, lines):
    before = f"{json.dumps(PUBTATOR_3)}\n" if lines else json.dumps({"PubTator3": [PUBTATOR_3]}, indent=1)
    mentions, written = rewrite(before, "bioc-json", types=frozenset({"disease"}))
    assert [(one.text, one.problem) for one in mentions] == [("cancer", "")]
    linked = json.loads(written) if lines else json.loads(written)["PubTator3"][0]
    infons = linked["passages"][0]["annotations"][1]["infons"]
    assert [infons.pop(key) for key in INFONS] == list(INFONS.values())
    assert linked == PUBTATOR_3
    path = tmp_path / "export.json"
    path.write_bytes(written)
    for keys, gene, disease in (
        (ID_KEYS, "472", "MESH:D009369"),
        (["normalized"], "472", "D009369"),
        (["normalized_id"], "472", "D009369"),
    ):
        form = PubTatorForm(loose_ids=True)
        (document,) = read_bioc_corpus(path, form=form, id_keys=keys, counts=ReadCounts())
        assert [(one.mention, one.cui) for one in document.queries] == [("ATM", gene), ("cancer", disease)]
