import socket
import sys

import pytest

from biosyn.data.concepts import Concept
from biosyn.errors import InputError

SUPPLEMENTARY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE SupplementalRecordSet SYSTEM "https://example.invalid/nlmsupplementalrecordset_20300101.dtd">
<SupplementalRecordSet LanguageCode="eng">
<SupplementalRecord SCRClass="1">
  <SupplementalRecordUI>C025223</SupplementalRecordUI>
  <SupplementalRecordName><String>1,4-dioxane</String></SupplementalRecordName>
  <HeadingMappedToList><HeadingMappedTo><DescriptorReferredTo>
    <DescriptorUI>*D004147</DescriptorUI><DescriptorName><String>Dioxanes</String></DescriptorName>
  </DescriptorReferredTo></HeadingMappedTo></HeadingMappedToList>
  <ConceptList><Concept PreferredConceptYN="Y">
    <RegistryNumberList><RegistryNumber>J8A3S10O7S</RegistryNumber></RegistryNumberList>
    <RelatedRegistryNumberList><RelatedRegistryNumber>0</RelatedRegistryNumber></RelatedRegistryNumberList>
    <TermList><Term><String>1,4-dioxane</String></Term><Term><String>p-dioxane</String></Term></TermList>
  </Concept></ConceptList>
</SupplementalRecord>
</SupplementalRecordSet>
"""


def record(ui, name):
    return (
        f"<DescriptorRecord>\n<DescriptorUI>{ui}</DescriptorUI>"
        f"<DescriptorName><String>{name}</String></DescriptorName></DescriptorRecord>\n"
    )


def test_a_descriptor_has_the_terms_of_all_its_concepts_and_its_own_ids_alone(read):
    concepts, counts = read("mesh")
    assert concepts[0] == Concept(
        ("D001260",),
        ("Ataxia Telangiectasia", "Louis-Bar & Boder <Syndrome>", "AT2"),
        "desc2030.xml",
        {"tree_numbers": ("C10.597", "C16.320"), "mapped_to": (), "xrefs": ()},
    )
    assert (concepts[1].ids, concepts[1].names) == (("D002819",), ("Chorea",))
    assert not counts.noted


def test_a_supplementary_record_says_what_it_is_mapped_to(read):
    assert read("mesh", SUPPLEMENTARY, name="supp2030.xml")[0] == [
        Concept(
            ("C025223",),
            ("1,4-dioxane", "p-dioxane"),
            "supp2030.xml",
            {"tree_numbers": (), "mapped_to": ("D004147",), "xrefs": ("J8A3S10O7S",)},
        )
    ]


def test_the_dtd_is_not_fetched(read, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *args, **kwargs: pytest.fail("the network was used"))
    assert len(read("mesh")[0]) == 2


def test_entities_are_not_expanded_and_a_name_with_one_is_malformed(read, tmp_path):
    (tmp_path / "secret").write_text("secret")
    text = f"""<!DOCTYPE DescriptorRecordSet [<!ENTITY inner "x"><!ENTITY outer SYSTEM "{tmp_path}/secret">]>
<DescriptorRecordSet>{record("D1", "a&inner;")}{record("D2", "a&outer;")}{record("D3", "good")}</DescriptorRecordSet>"""
    concepts, counts = read("mesh", text, skip_errors=True)
    assert [concept.names for concept in concepts] == [("good",)]
    assert counts.skipped == {"no id or no name": 2}


def test_an_undefined_entity_is_named_with_its_line(read):
    records = f"{record('D1', 'a')}\n{record('D2', 'b&auml;')}"
    with pytest.raises(InputError, match=r"desc2030\.xml:\d+: is not well-formed XML: Entity 'auml' not defined"):
        read("mesh", f"<S>\n{records}</S>", skip_errors=True)
    with pytest.raises(InputError, match=r"desc2030\.xml:\d+: expected a Desc.* plain text: &auml; is not expanded"):
        read("mesh", f"<!DOCTYPE S SYSTEM 'x.dtd'>\n<S>\n{records}</S>")


def test_a_term_with_an_entity_is_left_out_alone_and_counted(read):
    terms = "<TermList><Term><String>name</String></Term><Term><String>t&ouml;rm</String></Term></TermList>"
    concept = f"<ConceptList><Concept>{terms}</Concept></ConceptList></DescriptorRecord>"
    text = f"<!DOCTYPE S SYSTEM 'x.dtd'>\n<S>{record('D1', 'name').replace('</DescriptorRecord>', concept)}</S>"
    with pytest.raises(InputError, match=r"desc2030\.xml:\d+: expected a term of plain text: &ouml; is not expanded"):
        read("mesh", text)
    concepts, counts = read("mesh", text, skip_errors=True)
    assert [concept.names for concept in concepts] == [("name",)]
    assert counts.skipped == {"terms with an entity": 1}


def test_entities_that_multiply_are_refused(read):
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 30))
    text = f'<!DOCTYPE S [<!ENTITY e0 "x">{entities}]><S>{record("D1", "&e29;")}{record("D2", "b")}</S>'
    with pytest.raises(InputError, match="desc2030.xml:1: is not well-formed XML"):
        read("mesh", text)


@pytest.mark.parametrize(("ui", "name"), [("", "a"), ("D1", ""), (" ", "a")])
def test_a_record_without_id_or_name_is_named_by_its_line(read, ui, name):
    text = f"<S>\n{record('D0', 'zero')}{record(ui, name)}</S>"
    with pytest.raises(InputError, match=r"desc2030\.xml:4: expected a DescriptorRecord with its id and name"):
        read("mesh", text)
    assert len(read("mesh", text, skip_errors=True)[0]) == 1


@pytest.mark.parametrize(("text", "line"), [("", 0), ("<S>\n<a></b></S>", 2), ("<S>\n\n", 3)])
def test_xml_that_is_not_well_formed_is_named(read, text, line):
    with pytest.raises(InputError, match=r"desc2030\.xml(:\d+)?: is not well-formed XML") as caught:
        read("mesh", text, skip_errors=True)
    assert not line or f":{line}: " in str(caught.value)


def test_without_lxml_it_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(InputError, match=r"pip install 'biosyn\[xml\]'"):
        read("mesh")


def test_records_that_were_read_are_freed_and_the_others_are_whole(read):
    names = "".join(record(f"D{i}", f"name {i}") for i in range(5_000))
    concepts, _ = read("mesh", f"<S>{names}</S>")
    assert [concept.ids[0] for concept in concepts] == [f"D{i}" for i in range(5_000)]
