import json
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.corpora.bioc import ID_KEYS, read_bioc_corpus
from biosyn.corpora.pubtator import PubTatorForm
from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.records import Query

LOOSE = PubTatorForm(loose_ids=True)


def annotation(text, ids, kind="Disease", places=((0, 0),), key="identifier"):
    return {
        "id": "1",
        "infons": {"type": kind, key: ids},
        "text": text,
        "locations": [{"offset": offset, "length": length} for offset, length in places],
    }


def document(pmid, *passages):
    """Passages are (offset, text, annotations)."""
    parts = [
        {"offset": offset, "infons": {}, "text": text, "annotations": annotations, "relations": []}
        for offset, text, annotations in passages
    ]
    return {"id": pmid, "infons": {}, "passages": parts, "annotations": [], "relations": []}


DOCUMENTS = [
    document(
        "20",
        (0, "Skin tumours", [annotation("Skin tumours", "MESH:D012878", places=[(0, 12)])]),
        (
            13,
            "Oral and\nlung cancer of MiceX.",
            [
                annotation("Oral and\nlung cancer", "D1,D2", places=[(13, 4), (22, 11)]),
                annotation("MiceX", "10090", "Species", places=[(37, 5)]),
                annotation("Mice", "-", places=[(30, 4)]),
            ],
        ),
    ),
    document("100", (0, "No mention", [])),
]


def as_xml(documents):
    def place(one):
        return f'<location offset="{one["offset"]}" length="{one["length"]}"/>'

    def mention(one):
        infons = "".join(f"<infon key={quoteattr(k)}>{escape(v)}</infon>" for k, v in one["infons"].items())
        places = "".join(map(place, one["locations"]))
        return f'<annotation id="1">{infons}{places}<text>{escape(one["text"])}</text></annotation>'

    def passage(one):
        annotations = "".join(map(mention, one["annotations"]))
        return f"<passage><offset>{one['offset']}</offset><text>{escape(one['text'])}</text>{annotations}</passage>"

    parts = "".join(f"<document><id>{d['id']}</id>{''.join(map(passage, d['passages']))}</document>" for d in documents)
    head = '<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd">'
    return f"{head}<collection><source/><date/><key/>{parts}</collection>"


def as_json(documents):
    return json.dumps({"source": "", "date": "", "key": "", "infons": {}, "documents": documents})


@pytest.mark.parametrize(("name", "form"), [("corpus.xml", as_xml), ("corpus.json", as_json)])
def test_xml_and_json_give_the_same_documents(write, name, form):
    counts = ReadCounts()
    path = write(name, form([*DOCUMENTS, DOCUMENTS[0]]))
    read = PubTatorForm(types=frozenset({"disease"}), loose_ids=True)
    first, second = read_bioc_corpus(path, form=read, counts=counts)
    assert (first.pmid, first.text, first.queries) == ("100", "No mention\n", ())
    assert second.text == "Skin tumours\n\nOral and\nlung cancer of MiceX.\n"
    assert second.queries == (
        Query("Skin tumours", "MESH:D012878", pmid="20", start="0", end="12", type="Disease"),
        Query("Oral and lung cancer", "D1|D2", pmid="20", start="13", end="33", type="Disease"),
        Query("Mice", "-1", pmid="20", start="30", end="34", type="Disease"),
    )
    assert counts.noted == {
        "repeated documents, passed over": 1,
        "mentions of other types, passed over": 1,
        "mentions that their offsets do not give": 1,
    }


def test_a_place_whose_length_is_no_number_is_none(write):
    path = write("c.json", as_json([document("1", (0, "Skin", [annotation("Skin", "D1", places=[(0, "x")])]))]))
    counts = ReadCounts()
    (found,) = read_bioc_corpus(path, form=LOOSE, counts=counts)
    assert (found.queries[0].start, found.queries[0].end) == ("-1", "-1")
    assert counts.noted == {"mentions that their offsets do not give": 1}


@pytest.mark.parametrize("key", [*ID_KEYS, "mine"])
def test_the_infon_of_the_ids(write, key):
    path = write("c.json", as_json([document("1", (0, "Skin", [annotation("Skin", "D1", places=[(0, 4)], key=key)]))]))
    (found,) = read_bioc_corpus(path, form=LOOSE, counts=ReadCounts())
    assert found.queries[0].cui == ("-1" if key == "mine" else "D1")
    (found,) = read_bioc_corpus(path, form=LOOSE, id_keys=[key], counts=ReadCounts())
    assert found.queries[0].cui == "D1"


@pytest.mark.parametrize(
    ("value", "cui"),
    [
        ("MESH:D1", "MESH:D1"),
        (["MESH:D1"], "MESH:D1"),
        (["MESH:D1", "OMIM:2"], "MESH:D1|OMIM:2"),
        ([["MESH:D1"], 7157], "MESH:D1|7157"),
        (7157, "7157"),
        (7157.0, "7157"),
        (0, "0"),
        (None, "-1"),
        ([], "-1"),
        ([None], "-1"),
        ("", "-1"),
        ({"identifier": "MESH:D1", "score": 0.5}, "MESH:D1"),
        ([{"identifier": ["D1", "D2"]}, {"identifier": 3}], "D1|D2|3"),
        ({"identifier": None}, "-1"),
        (["A17.0+", "ICD 10"], "A17.0+|ICD 10"),
    ],
)
def test_an_id_in_json_is_a_string_a_number_a_list_an_object_with_an_identifier_or_null(write, value, cui):
    path = write("c.json", as_json([document("1", (0, "Skin", [annotation("Skin", value, places=[(0, 4)])]))]))
    (found,) = read_bioc_corpus(path, form=LOOSE, counts=ReadCounts())
    assert [query.cui for query in found.queries] == [cui]


def test_null_leaves_the_ids_to_the_next_infon(write):
    one = annotation("Skin", None, places=[(0, 4)])
    one["infons"]["normalized"] = ["D7"]
    (found,) = read_bioc_corpus(
        write("c.json", as_json([document("1", (0, "Skin", [one]))])), form=LOOSE, counts=ReadCounts()
    )
    assert found.queries[0].cui == "D7"


@pytest.mark.parametrize("value", [True, {}, {"db": "MESH"}, ["D1", {"db": "MESH"}], [False], {"identifier": {"a": 1}}])
def test_any_other_value_is_refused_with_its_place_or_left_out(write, value):
    annotations = [annotation("Skin", value, places=[(0, 4)]), annotation("Skin", "D1", places=[(0, 4)])]
    path = write("c.json", as_json([document("1", (0, "Skin", annotations))]))
    with pytest.raises(InputError, match="document '1', annotation '1': the infon 'identifier' holds "):
        read_bioc_corpus(path, form=LOOSE, counts=ReadCounts())
    counts = ReadCounts(skip=True)
    (found,) = read_bioc_corpus(path, form=LOOSE, counts=counts)
    assert [query.cui for query in found.queries] == ["D1"]
    assert counts.skipped == {"ids that are no text": 1}


def test_the_ids_of_a_type_that_is_not_wanted_are_not_looked_at(write):
    other = annotation("Skin", {"db": "NCBI"}, places=[(0, 4)])
    other["infons"]["type"] = "Gene"
    wanted = annotation("Skin", "D1", places=[(0, 4)])
    wanted["infons"]["type"] = "Disease"
    counts = ReadCounts()
    path = write("c.json", as_json([document("1", (0, "Skin", [other, wanted]))]))
    (found,) = read_bioc_corpus(path, form=PubTatorForm(types=frozenset({"disease"})), counts=counts)
    assert [query.cui for query in found.queries] == ["D1"]
    assert counts.noted == {"mentions of other types, passed over": 1}


@pytest.mark.parametrize(("pmid", "found"), [(17, "17"), (17.0, "17"), ("17", "17")])
def test_a_document_may_have_a_number_as_its_id(write, pmid, found):
    (read,) = read_bioc_corpus(write("c.json", as_json([document(pmid)])), form=LOOSE, counts=ReadCounts())
    assert read.pmid == found


@pytest.mark.parametrize("pmid", [None, ["17"], {"a": 1}, True])
def test_a_document_without_an_id_is_named(write, pmid):
    with pytest.raises(InputError, match="document id '' is not a valid file name"):
        read_bioc_corpus(write("c.json", as_json([document(pmid)])), form=LOOSE, counts=ReadCounts())


BAD = [
    document("../x", (0, "Evil", [])),
    document("1", (0, "Skin", [annotation(" ", "D1"), annotation("Skin", "D1", "a|b"), annotation("Skin", "D1")])),
]


def test_what_is_bad_is_named_or_left_out(write):
    path = write("c.xml", as_xml(BAD))
    with pytest.raises(InputError, match="document id '../x' is not a valid file name"):
        read_bioc_corpus(path, form=LOOSE, counts=ReadCounts())
    with pytest.raises(InputError, match="document '1', annotation '1': the mention or its id is empty"):
        read_bioc_corpus(write("d.xml", as_xml(BAD[1:])), form=LOOSE, counts=ReadCounts())
    counts = ReadCounts(skip=True)
    (found,) = read_bioc_corpus(path, form=LOOSE, counts=counts)
    assert [query.mention for query in found.queries] == ["Skin"]
    assert counts.skipped == {
        "document ids that are no file name": 1,
        "mentions with an empty field or a separator in one": 2,
    }


@pytest.mark.parametrize(
    ("text", "message"), [(as_xml([]), "holds no document"), ("<a/>", "is not BioC"), ("hello", "hello|JSON|BioC")]
)
def test_what_is_no_collection_is_named(write, text, message):
    with pytest.raises(InputError, match=message):
        read_bioc_corpus(write("c.xml", text), form=LOOSE, counts=ReadCounts())


WORD = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="|"), min_size=1, max_size=8)


@settings(max_examples=40)
@given(st.lists(st.tuples(WORD, st.from_regex(r"[A-Z]\d{1,6}", fullmatch=True)), max_size=5), st.sampled_from("xj"))
def test_what_is_written_in_this_form_is_read_back_the_same(tmp_path_factory, rows, form):
    text, annotations = "", []
    for mention, cui in rows:
        annotations.append(annotation(mention, cui, places=[(len(text), len(mention))]))
        text += f"{mention} "
    path = tmp_path_factory.mktemp("bioc") / "c"
    path.write_text((as_xml if form == "x" else as_json)([document("1", (0, text, annotations))]), "utf-8")
    counts = ReadCounts()
    (found,) = read_bioc_corpus(path, form=LOOSE, counts=counts)
    assert [(query.mention, query.cui) for query in found.queries] == rows
    assert all(found.text[int(query.start) : int(query.end)] == query.mention for query in found.queries)
    assert not counts.noted
