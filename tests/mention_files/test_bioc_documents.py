"""Reading BioC documents, and nothing but them: no entities, DTDs, files or addresses that they name."""

import gzip
import http.server
import io
import sys
import threading

import pytest
from lxml import etree

from biosyn.errors import InputError
from biosyn.mention_files.bioc import read_bioc
from biosyn.mention_files.bioc_json import json_pieces
from biosyn.mention_files.bioc_xml import to_bytes, xml_pieces

XML = """<?xml version="1.0"?>
<!-- first -->
<!DOCTYPE collection SYSTEM "BioC.dtd">
<?style a?>
<collection origin='here'>
 <source>s</source> <!-- a comment --> <date/><key/>
 <infon key="b">1</infon><infon key="a">2</infon>
 <document><id>7</id>
  <passage><infon key="type">title</infon><offset>0</offset><text>Skin &amp; <!-- in it -->Sjögren</text>
   <annotation id="T1"><infon key="type">Disease</infon>
    <location offset="7" length="7"/><text>Sjögren</text></annotation>
  </passage>
  <passage><offset>16</offset>
   <sentence><offset>16</offset><text>Both.</text>
    <annotation id="T2"><location offset="16" length="2"/>
     <location offset="18" length="2"/><text>Bo th</text></annotation>
   </sentence>
  </passage>
 </document> between <!-- two -->
 <document><id>8</id></document>
</collection>
<!-- last -->
"""
JSON = """{"source": "s", "infons": {"b": 1.50}, "documents" : [
 {"id": "7", "passages": [
  {"offset": 0, "text": "Skin & Sjögren", "infons": {"type": "title"}, "annotations": [
    {"id": "T1", "infons": {"type": "Disease"}, "text": "Sjögren", "locations": [{"offset": 7, "length": 7}]}]},
  {"offset": 16, "sentences": [{"offset": 16, "text": "Both.", "annotations": [
    {"id": "T2", "text": "Bo th", "locations": [{"offset": 16, "length": 2}, {"offset": "18", "length": 2}]}]}]}]} ,
 {"id": "8", "passages": []} ], "key": ""}
"""
LINES = '{"id": "7", "passages": []}\n\n{"id": "8", "infons": {}, "passages": []}\n'
ENTITIES = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
BOMB = f'<!DOCTYPE collection [<!ENTITY a0 "ha">{"".join(ENTITIES)}]>'


@pytest.fixture
def write(tmp_path):
    """Function: content -> file."""

    def make(content, name="file.bioc"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def without_sources(documents):
    return [
        document._replace(
            passages=tuple(
                passage._replace(annotations=tuple(one._replace(source=None) for one in passage.annotations))
                for passage in document.passages
            )
        )
        for document in documents
    ]


def canonical(xml):
    return etree.tostring(etree.fromstring(xml).getroottree(), method="c14n")


def test_xml_and_json_of_one_collection_give_the_same_documents(write):
    from_xml = without_sources(read_bioc(write(XML)))
    assert from_xml == without_sources(read_bioc(write(JSON)))
    first, second = from_xml
    assert (first.id, second.id, second.passages) == ("7", "8", ())
    assert first.text == "Skin & Sjögren\n\nBoth.\n"
    title, empty, sentence = first.passages
    assert empty.text is None
    assert title.annotations[0][:4] == ("T1", "Sjögren", {"type": "Disease"}, ((7, 7),))
    assert sentence.annotations[0].locations == ((16, 2), (18, 2))


def test_utf_16_and_gzip_are_read(write):
    utf16 = XML.replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16")
    plain = without_sources(read_bioc(write(XML)))
    assert without_sources(read_bioc(write(utf16))) == plain
    assert without_sources(read_bioc(write(gzip.compress(XML.encode()), "x.xml.gz"))) == plain


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"[{JSON} , {JSON}]",
        JSON + JSON,
        LINES,
        "[]",
        "{}",
        "\ufeff" + JSON,
        JSON.replace("documents", "PubTator3"),
    ],
)
def test_the_pieces_of_json_are_the_file(text):
    pieces = list(json_pieces(io.BytesIO(text.encode()), "file"))
    assert "".join(piece.text for piece in pieces) == text
    assert sum(piece.parsed is not None for piece in pieces) == text.count('"passages"')


def test_json_is_read_in_blocks_of_any_size(monkeypatch):
    whole = list(json_pieces(io.BytesIO(JSON.encode()), "file"))
    for block in (1, 7, 64):
        monkeypatch.setattr("biosyn.mention_files.json_text.BLOCK", block)
        assert list(json_pieces(io.BytesIO(JSON.encode()), "file")) == whole


def test_text_without_a_document_comes_in_pieces_of_a_bounded_size(monkeypatch):
    monkeypatch.setattr("biosyn.mention_files.bioc_json.PIECE", 100)
    text = 50 * '{"documents": []}\n'
    for whole in (text, f"[{text.strip().replace(chr(10), ',')}]"):
        pieces = [piece.text for piece in json_pieces(io.BytesIO(whole.encode()), "file")]
        assert "".join(pieces) == whole
        assert max(map(len, pieces)) < 200


def test_a_line_is_counted_over_many_documents(write):
    documents = ",\n".join(['{"id": "1", "passages": []}'] * 500)
    with pytest.raises(InputError, match=r":501: is not BioC JSON"):
        list(read_bioc(write(f'{{"documents": [{documents},\n{{"id": }}]}}')))


def test_a_collection_of_very_many_members_is_refused(write):
    members = ", ".join(f'"{number}": 0' for number in range(2_000))
    for text in (f'{{{members}, "documents": []}}', f'{{"documents": [], {members}}}'):
        with pytest.raises(InputError, match="has more than 1,000 members"):
            list(read_bioc(write(text)))


@pytest.mark.parametrize(
    "xml", [XML, "<collection/>", "<collection> <!-- x --> </collection>", "<collection>text</collection>"]
)
def test_the_pieces_of_xml_are_the_file_after_c14n(xml):
    pieces = xml_pieces(io.BytesIO(xml.encode()), "file")
    written = b"".join(piece if isinstance(piece, bytes) else to_bytes(piece) for piece in pieces)
    assert canonical(written) == canonical(xml.encode())
    assert (b"BioC.dtd" in written) == ("BioC.dtd" in xml)


def test_xml_of_many_documents_is_freed_as_it_goes(write):
    document = "<document><id>1</id></document>\n"
    pieces = xml_pieces(io.BytesIO(f"<collection>{document * 20_000}</collection>".encode()), "file")
    documents = [len(piece.getroottree().getroot()) for piece in pieces if not isinstance(piece, bytes)]
    assert len(documents) == 20_000
    assert max(documents) < 2_000  # as many as in one block that lxml reads


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not BioC JSON"),
        ("hello", "is not BioC JSON"),
        ("<collection><document>", r":1: is not well-formed XML"),
        ("<collection>\n<document></collection>", r":2: is not well-formed XML"),
        ("<html/>", "its root is <html>"),
        ('{"documents": [\n{"id": "1", "passages": [}]}', ":2: is not BioC JSON: Expecting value: '}\\]}'"),
        ('{"documents": [{"id": "1", "passages": []}', r"is not BioC JSON: one of , \] is expected"),
        ('{"documents": [],}', "a key in quotes is expected, found '}'"),
        ('{"source": 1 "documents": []}', "one of , } is expected, found '\"documents"),
        ('{"documents": []} x', "a collection or document is expected"),
        ('{"documents": []},', "a collection or document is expected"),
        ('{"source":\ufeff 1}', r"Expecting value: '\\ufeff"),
        ('{"documents": [{"id": "1"}]}', "document '1': a part is missing"),
        ('{"documents": [{"id": "1", "passages": {}}]}', "'passages' is not an array"),
        ('{"documents": [{"id": "1", "passages": [{"offset": 0, "text": 3}]}]}', "a 'text' is not a string"),
        ('{"documents": [7]}', "a part is missing"),
        (b'{"documents": ["\xe9"]}', "is not UTF-8"),
        (
            "<collection><document><id>1</id><passage/></document></collection>",
            "the offset of a passage is not a number",
        ),
    ],
)
def test_what_is_no_bioc_is_refused_with_its_place(write, content, message):
    with pytest.raises(InputError, match=message):
        list(read_bioc(write(content)))


def test_a_damaged_gzip_is_refused(write):
    packed = gzip.compress(XML.encode() * 50)
    for content in (packed[: len(packed) // 2], b"no gzip"):
        with pytest.raises(InputError, match="is damaged, or no gzip file"):
            list(read_bioc(write(content, "x.xml.gz")))


@pytest.mark.parametrize(
    "doctype",
    [
        BOMB,
        '<!DOCTYPE collection [<!ENTITY x SYSTEM "file:SECRET">]>',
        '<!DOCTYPE collection [<!ENTITY % x SYSTEM "file:SECRET"> %x;]>',
        '<!DOCTYPE collection [<!ENTITY x SYSTEM "http://127.0.0.1:PORT/x">]>',
        "<!DOCTYPE collection [<!ELEMENT collection ANY>]>",
    ],
    ids=["bomb", "file", "parameter", "network", "element"],
)
def test_declared_entities_are_refused_and_nothing_is_read(write, server, tmp_path, doctype):
    (tmp_path / "secret").write_text("TOP SECRET")
    doctype = doctype.replace("file:SECRET", (tmp_path / "secret").as_uri()).replace("PORT", str(server.server_port))
    path = write(f"{doctype}<collection><source>&x;&a11;</source></collection>")
    with pytest.raises(InputError) as caught:
        list(read_bioc(path))
    assert "SECRET" not in str(caught.value)
    assert server.asked == []


def test_a_dtd_is_named_but_never_loaded(write, server, tmp_path):
    (tmp_path / "x.dtd").write_text('<!ATTLIST annotation id CDATA "FROM THE DTD"><!ENTITY x "FROM THE DTD">')
    annotation = "<document><passage><offset>0</offset><annotation><text>a</text></annotation></passage></document>"
    for dtd in ((tmp_path / "x.dtd").as_uri(), f"http://127.0.0.1:{server.server_port}/x.dtd"):
        path = write(f'<!DOCTYPE collection SYSTEM "{dtd}"><collection>{annotation}</collection>')
        (document,) = read_bioc(path)
        assert document.passages[0].annotations[0].id == ""
    path = write(f'<!DOCTYPE collection SYSTEM "{dtd}"><collection>{annotation.replace("a<", "&x;<")}</collection>')
    with pytest.raises(InputError, match="it holds the entity &x; in line 1"):
        list(read_bioc(path))
    assert server.asked == []


def test_xinclude_is_not_followed(write, tmp_path):
    (tmp_path / "secret").write_text("TOP SECRET")
    include = (
        f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" parse="text" href="{(tmp_path / "secret").as_uri()}"/>'
    )
    path = write(f"<collection><document><id>{include}</id></document></collection>")
    assert [document.id for document in read_bioc(path)] == [""]


def test_without_lxml_the_command_to_type_is_named(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[xml\]'"):
        list(read_bioc(write(XML)))
    assert len(list(read_bioc(write(JSON)))) == 2  # JSON needs nothing


def test_deep_xml_is_refused(write):
    with pytest.raises(InputError, match="not well-formed"):
        list(read_bioc(write("<collection>" + "<document>" * 100_000)))


@pytest.fixture
def server():
    """An HTTP server that records the requested paths."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_very_many_comments_outside_the_root_are_refused(write):
    comments = 1_001 * "<!-- x -->"
    for text in (comments + "<collection/>", "<collection/>" + comments):
        with pytest.raises(InputError, match="more than 1,000 comments outside its root"):
            list(read_bioc(write(text)))
