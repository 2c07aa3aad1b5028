import sys

import pytest

from biosyn.data.bad_entries import BadEntryError
from biosyn.data.xml import read_xml
from biosyn.errors import InputError


def xml(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "label.xml"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_reads_elements_attributes_and_the_entities_of_xml_itself(tmp_path, encoding):
    root = read_xml(xml(tmp_path, "<a b='&quot;x&quot;'>caf&#233; &lt; <!-- no -->1\r\n</a>", encoding))
    assert (root.tag, root.get("b"), root.text) == ("a", '"x"', "café < 1\n")


def test_an_entity_is_neither_expanded_nor_read_from_disk_or_network(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    for declared in (f'SYSTEM "file://{secret}"', 'SYSTEM "http://127.0.0.1:9/x"', '"much text"'):
        path = xml(tmp_path, f"<!DOCTYPE a [<!ENTITY e {declared}>]>\n<a>&e;</a>")
        with pytest.raises(BadEntryError, match="has entities of its own") as caught:
            read_xml(path)
        assert "the secret" not in str(caught.value)


def test_a_bomb_of_entities_is_refused_at_once(tmp_path):
    lines = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 30)]
    path = xml(tmp_path, f"<!DOCTYPE a [<!ENTITY e0 'x'>{''.join(lines)}]><a b='&e29;'>&e29;</a>")
    with pytest.raises(BadEntryError):
        read_xml(path)


def test_an_entity_in_an_attribute_is_refused_too(tmp_path):
    with pytest.raises(BadEntryError, match="has entities of its own"):
        read_xml(xml(tmp_path, "<!DOCTYPE a [<!ENTITY e 'x'>]><a b='&e;'/>"))


@pytest.mark.parametrize(
    ("text", "line", "entity"),
    [
        ("<a>\n<b>x</b>\n&nbsp;</a>", 3, "'nbsp'"),
        ("<a>\n<b c='&uuml;'/></a>", 2, "'uuml'"),
        ("<!DOCTYPE a SYSTEM 'x.dtd'>\n<a>\n\n&alpha;<b/></a>", 4, "&alpha;"),
        ("<!DOCTYPE a SYSTEM 'x.dtd'>\n<a\n b='&beta;'/>", 3, "&beta;"),  # an attribute would lose it
        ("<!DOCTYPE a [<!ENTITY e 'x'>]>\n<a>&e;</a>", 2, "&e;"),
    ],
)
def test_an_entity_is_named_with_its_line(tmp_path, text, line, entity):
    with pytest.raises(BadEntryError) as caught:
        read_xml(xml(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/label.xml:{line}: ")
    assert entity in str(caught.value)


def test_the_dtd_of_a_doctype_is_not_looked_for(tmp_path):
    assert read_xml(xml(tmp_path, "<!DOCTYPE a SYSTEM 'missing.dtd'><a/>")).tag == "a"


@pytest.mark.parametrize(
    "text", ["", "<a>", "<a></b>", "plain text", "<a>&nbsp;</a>", "<!DOCTYPE a SYSTEM 'x'><a>&nbsp;</a>"]
)
def test_what_is_no_xml_is_named_with_its_line(tmp_path, text):
    path = xml(tmp_path, text)
    with pytest.raises(BadEntryError) as caught:
        read_xml(path)
    assert str(caught.value).startswith(f"{path}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="missing.xml: cannot be read: No such file"):
        read_xml(tmp_path / "missing.xml")


def test_a_missing_lxml_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[xml\]'"):
        read_xml(xml(tmp_path, "<a/>"))
