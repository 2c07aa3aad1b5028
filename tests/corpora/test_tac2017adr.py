from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.corpora.tac2017adr import read_label, read_tac2017adr
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.records import Query

# The layout of train_xml and gold_xml; the text is made up.
LABEL = """<?xml version="1.0" encoding="UTF-8"?>
<Label drug="DRUGIN" track="TAC2017_ADR">
  <Text>
    <Section id="S1" name="boxed warning">
    WARNING: Acute Renal Failure (ARF) &amp; rash
</Section>
    <Section id="S2" name="adverse reactions">  Skin rash; ARF.</Section>
  </Text>
  <Mentions>
    <Mention id="M1" section="S1" type="AdverseReaction" start="14" len="19" str="Acute Renal Failure" />
    <Mention id="M2" section="S2" type="Severity" start="2,14" len="4,3" str="Skin" />
  </Mentions>
  <Relations />
  <Reactions>
    <Reaction id="AR1" str="acute renal failure">
      <Normalization id="AR1.N1" meddra_pt="Acute kidney injury" meddra_pt_id="10069339" meddra_llt_id="1" />
    </Reaction>
    <Reaction id="AR2" str="Skin rash">
      <Normalization id="AR2.N1" meddra_pt="Rash" meddra_pt_id="10037844" />
      <Normalization id="AR2.N2" meddra_pt="Skin" meddra_pt_id="10040785" flag="HLT" />
    </Reaction>
    <Reaction id="AR3" str="bad  feeling"><Normalization id="AR3.N1" flag="unmapped" /></Reaction>
    <Reaction id="AR4" str="arf" />
    <Reaction id="AR5" str="skin Rash"><Normalization id="AR5.N1" meddra_pt_id="10037844" /></Reaction>
  </Reactions>
</Label>
"""
TEXT = "\n    warning: acute renal failure (arf) & rash\n  skin rash; arf."


def test_a_label(write):
    counts = ReadCounts()
    document = read_label(write("DRUGIN.xml", LABEL), counts=counts)
    assert (document.pmid, document.text) == ("DRUGIN", TEXT)
    rows = [
        ("acute renal failure", "10069339", "14", "33"),
        ("skin rash", "10037844|10040785", "49", "58"),
        ("bad feeling", "-1", "-1", "-1"),
        ("arf", "-1", "35", "38"),
    ]
    assert document.queries == tuple(
        Query(mention, cui, pmid="DRUGIN", start=start, end=end, type="AdverseReaction")
        for mention, cui, start, end in rows
    )
    assert counts.noted == {"repeated reactions, joined": 1, "mentions that the text does not hold as they stand": 1}


def test_windows_line_ends_and_another_encoding_change_nothing(write):
    plain = read_label(write("DRUGIN.xml", LABEL), counts=ReadCounts())
    again = LABEL.replace("\n", "\r\n").replace("UTF-8", "UTF-16")
    assert read_label(write("DRUGIN.xml", again, "utf-16"), counts=ReadCounts()) == plain


@pytest.fixture
def raw(write, tmp_path):
    for path in ("train_xml/B.xml", "train_xml/A.xml", "gold_xml/C.xml"):
        write(path, LABEL)
    write("train_xml/readme.txt", "not a label")
    return tmp_path


def test_train_and_test_are_two_folders_and_there_is_no_dev(raw):
    corpus = read_tac2017adr(raw, counts=ReadCounts())
    assert {split: [document.pmid for document in documents] for split, documents in corpus.items()} == {
        "train": ["A", "B"],
        "test": ["C"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Label>", "bad.xml:1: is not well-formed XML"),
        ("<collection/>", "expected the XML of a drug label, <Label>, found <collection>"),
        ("<!DOCTYPE Label [<!ENTITY e 'x'>]><Label/>", "has entities of its own"),
    ],
)
def test_a_file_that_is_no_label_is_named_or_left_out(raw, write, text, message):
    write("train_xml/bad.xml", text)
    with pytest.raises(InputError, match=message):
        read_tac2017adr(raw, counts=ReadCounts())
    counts = ReadCounts(skip=True)
    assert len(read_tac2017adr(raw, counts=counts)["train"]) == 2
    assert sum(counts.skipped.values()) == 1


@pytest.mark.parametrize("reaction", ['<Reaction id="AR1"/>', '<Reaction str=" "/>', '<Reaction str="a||b"/>'])
def test_a_bad_reaction_is_named_with_its_line_or_left_out(write, reaction):
    path = write("X.xml", f'<Label>\n<Reactions>\n{reaction}\n<Reaction str="rash"/></Reactions></Label>')
    with pytest.raises(InputError, match=f"{path}:3: "):
        read_label(path, counts=ReadCounts())
    assert [query.mention for query in read_label(path, counts=ReadCounts(skip=True)).queries] == ["rash"]


def test_a_missing_or_empty_folder_is_named(raw):
    (raw / "gold_xml/C.xml").unlink()
    with pytest.raises(InputError, match=r"gold_xml: holds no \.xml file"):
        read_tac2017adr(raw, counts=ReadCounts())
    (raw / "gold_xml").rmdir()
    with pytest.raises(InputError, match="gold_xml: no such folder"):
        read_tac2017adr(raw, counts=ReadCounts())


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="|\x7f"), min_size=1).filter(
    lambda name: name.isprintable() and name == " ".join(name.lower().split())
)


@settings(max_examples=60)
@given(st.dictionaries(NAMES, st.lists(st.integers(10**7, 10**8 - 1).map(str), unique=True, max_size=3), max_size=5))
def test_what_is_written_in_this_layout_is_read_back_the_same(tmp_path_factory, reactions):
    path = tmp_path_factory.mktemp("tac") / "DRUG.xml"
    rows = [
        f"<Reaction str={quoteattr(name)}>" + "".join(f'<Normalization meddra_pt_id="{code}"/>' for code in ids)
        for name, ids in reactions.items()
    ]
    path.write_text(f"<Label><Reactions>{''.join(f'{row}</Reaction>' for row in rows)}</Reactions></Label>", "utf-8")
    queries = read_label(path, counts=ReadCounts()).queries
    assert {query.mention: query.cui for query in queries} == {
        name: "|".join(ids) or "-1" for name, ids in reactions.items()
    }
