import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.corpora.pubtator import PubTatorForm, read_pubtator
from biosyn.data.bad_entries import ReadCounts
from biosyn.data.documents import Document
from biosyn.errors import InputError
from biosyn.records import Query

GOOD = """
20|t|Skin tumours
20|a|A case. 
20\t0\t4\tSkin\tModifier\t D012867
20\t0\t12\tSkin tumours\tSpecificDisease\tD012878 | OMIM:1

100|t|No mention
100|a|
"""


def corpus(tmp_path, text):
    path = tmp_path / "corpus.txt"
    path.write_bytes(text.encode())
    return path


def test_reads_documents_by_file_name(tmp_path):
    first, second = read_pubtator(corpus(tmp_path, GOOD))
    assert (first.pmid, first.text, first.queries) == ("100", "No mention\n\n\n", ())
    assert second.text == "Skin tumours\n\nA case. \n"  # exactly as it stands
    assert second.queries == (
        Query("Skin", "D012867", pmid="20", start="0", end="4", type="Modifier"),
        Query("Skin tumours", "D012878|OMIM:1", pmid="20", start="0", end="12", type="SpecificDisease"),
    )


def test_a_document_seen_before_is_skipped_whole(tmp_path):
    again = "20|t|Other\n20|a|Text\n20\t0\t5\tOther\tModifier\tD1\n"
    assert read_pubtator(corpus(tmp_path, GOOD + "\n" + again)) == read_pubtator(corpus(tmp_path, GOOD))


def test_a_bom_windows_line_ends_and_missing_empty_lines_are_accepted(tmp_path):
    plain = read_pubtator(corpus(tmp_path, GOOD))
    assert read_pubtator(corpus(tmp_path, "\ufeff" + GOOD.lstrip().replace("\n", "\r\n"))) == plain
    assert read_pubtator(corpus(tmp_path, GOOD.strip().replace("\n\n", "\n"))) == plain
    assert read_pubtator(corpus(tmp_path, GOOD.replace("\n\n", "\n\n\n"))) == plain


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("1|t|T\n1|a|A\n1\t0\t4\tSkin\tModifier\n", 3, "expected six tab-separated fields"),
        ("1|t|T\n1|a|A\n1\t0\t4\tSkin\tModifier\tD1\textra\n", 3, "expected six tab-separated fields"),
        ("1|t|T\n1|a|A\n2\t0\t4\tSkin\tModifier\tD1\n", 3, "expected a mention of document '1', found one of '2'"),
        ("1|t|T\n1|a|A\n1\tx\t4\tSkin\tModifier\tD1\n", 3, "must be numbers, found 'x' and '4'"),
        ("1|t|T\n1|a|A\n1\t0\t4\tSkin\tModifier\t \n", 3, "write -1"),
        ("1|t|T\n1|a|A\n1\t0\t4\tSk||in\tModifier\tD1\n", 3, r"holds '\|'"),
        ("1|t|T\n1|a|A\n1\t0\t4\tSkin\tMod|ifier\tD1\n", 3, r"holds '\|'"),
        ("1|t|T\n\n1|a|A\n", 1, "has no '1|a|abstract'"),
        ("1|t|T\n2|a|A\n", 2, "expected the abstract of '1', found that of '2'"),
        ("1|t|T\n1\t0\t4\tSkin\tModifier\tD1\n", 2, r"expected 'pmid\|a\|abstract'"),
        ("\n\n1|a|A\n", 3, r"expected 'pmid\|t\|title'"),
        ("hello\n", 1, "found 'hello'"),
        ("../../etc/x|t|T\n../../etc/x|a|A\n", 1, "is not a valid file name"),
        ("|t|T\n|a|A\n", 1, "is not a valid file name"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, line, message):
    path = corpus(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        read_pubtator(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_an_empty_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"corpus\.txt: holds no document"):
        read_pubtator(corpus(tmp_path, "\n\n"))


def test_a_long_line_is_shortened_in_the_message(tmp_path):
    with pytest.raises(InputError) as caught:
        read_pubtator(corpus(tmp_path, "x" * 10_000))
    assert len(str(caught.value)) < 300


def test_a_packed_file_is_read_too(tmp_path):
    path = tmp_path / "corpus.txt.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_pubtator(path) == read_pubtator(corpus(tmp_path, GOOD))


SIX_FIELDS = PubTatorForm()


def mentions(tmp_path, *lines, form=SIX_FIELDS, counts=None):
    """Read one document with these mentions, each without its pmid: (mention, cui, type) of those that are kept."""
    text = "1|t|Oral and lung cancer\n1|a|Of mice.\n" + "".join(f"1\t{line}\n" for line in lines)
    (document,) = read_pubtator(corpus(tmp_path, text), form=form, counts=counts)
    return [(query.mention, query.cui, query.type) for query in document.queries]


@pytest.mark.parametrize(
    ("ids", "parts", "mention"),
    [
        ("D1|D2", "oral cancer|lung cancer", "oral cancer|lung cancer"),
        ("D1|D2", "oral cancer", "Oral and lung cancer"),  # fewer parts than ids
        ("D1", "oral cancer|lung cancer", "Oral and lung cancer"),
        ("D1|D2", "oral cancer|", "Oral and lung cancer"),  # one is empty
        ("D1", "", "Oral and lung cancer"),
    ],
)
def test_a_seventh_field_replaces_the_mention_where_it_has_a_part_for_each_id(tmp_path, ids, parts, mention):
    counts = ReadCounts()
    line = f"0\t20\tOral and lung cancer\tDisease\t{ids}\t{parts}"
    assert mentions(tmp_path, line, form=PubTatorForm(parts=True), counts=counts) == [(mention, ids, "Disease")]
    assert not counts.noted  # the offsets are those of the mention, not of its parts


def test_relation_lines_are_passed_over(tmp_path):
    counts = ReadCounts()
    lines = ["CID\tD1\tD2", "0\t4\tOral\tDisease\tD1", "Association\tD1\tD2\tNovel"]
    found = mentions(tmp_path, *lines, form=PubTatorForm(relations=True), counts=counts)
    assert found == [("Oral", "D1", "Disease")]
    assert counts.noted == {"relation lines, passed over": 2}
    with pytest.raises(InputError, match=r":3: expected six tab-separated fields"):
        mentions(tmp_path, *lines)


def test_types_are_compared_without_case_and_one_of_several_is_enough(tmp_path):
    lines = [f"0\t4\tOral\t{kind}\tD1" for kind in ("Disease", "T038,T047", "T47", "disease, x")]
    counts = ReadCounts()
    form = PubTatorForm(types=frozenset({"disease", "t047"}))
    found = [kind for _, _, kind in mentions(tmp_path, *lines, form=form, counts=counts)]
    assert found == ["Disease", "T038,T047", "disease, x"]
    assert counts.noted == {"mentions of other types, passed over": 1}


@pytest.mark.parametrize(
    ("field", "form", "cui"),
    [
        ("UMLS:C1", PubTatorForm(id_prefix="UMLS:"), "C1"),
        ("UMLS:C1|UMLS:C2+C3", PubTatorForm(id_prefix="UMLS:"), "C1|C2+C3"),
        ("XUMLS:C1", PubTatorForm(id_prefix="UMLS:"), "XUMLS:C1"),
        ("MESH:D1", PubTatorForm(id_prefix="UMLS:"), "MESH:D1"),
        ("7157;672", PubTatorForm(loose_ids=True), "7157|672"),
        ("D1, D2", PubTatorForm(loose_ids=True), "D1|D2"),
        (" ICD  10 ;A17.0+ ", PubTatorForm(loose_ids=True), "ICD 10|A17.0+"),
        ("umls:C1+UMLS:C2", PubTatorForm(id_prefix="UMLS:"), "C1+C2"),
        ("xUMLS:C1 | A17.0+", PubTatorForm(id_prefix="UMLS:"), "xUMLS:C1|A17.0+"),
        ("", PubTatorForm(loose_ids=True), "-1"),
        ("-", PubTatorForm(loose_ids=True), "-1"),
        ("-1", PubTatorForm(loose_ids=True), "-1"),
    ],
)
def test_ids(tmp_path, field, form, cui):
    assert mentions(tmp_path, f"0\t4\tOral\tDisease\t{field}", form=form) == [("Oral", cui, "Disease")]


def test_a_line_may_end_before_the_id_in_loose_form_only(tmp_path):
    assert mentions(tmp_path, "0\t4\tOral\tGene", form=PubTatorForm(loose_ids=True)) == [("Oral", "-1", "Gene")]
    with pytest.raises(InputError, match="expected six"):
        mentions(tmp_path, "0\t4\tOral\tGene")


def test_wrong_offsets_are_counted_and_kept(tmp_path):
    counts = ReadCounts()
    lines = ["0\t4\tOral\tX\tD1", "21\t28\tOf mice\tX\tD1", "22\t29\tOf mice\tX\tD1", "999999999\t3\tOral\tX\tD1"]
    assert len(mentions(tmp_path, *lines, counts=counts)) == 4  # 21 = 20 characters of title, and one
    assert counts.noted == {"mentions that their offsets do not give": 2}


def test_an_offset_of_thousands_of_digits_is_none(tmp_path):
    with pytest.raises(InputError, match=":3: start and end must be numbers"):
        mentions(tmp_path, f"{'9' * 5000}\t4\tOral\tX\tD1")


BAD = """lost line
20|t|Skin tumours
20|a|A case.
20\t0\t4\tSkin\tModifier\tD1
20\t0\t4\tSkin\tModifier
21\t0\t4\tSkin\tModifier\tD1
20\tx\t4\tSkin\tModifier\tD1
20\t0\t4\tSkin\tModifier\t
20\t0\t4\tSkin\tMod|ifier\tD1

30|t|No abstract
30\t0\t2\tNo\tModifier\tD1

../x|t|Evil
../x|a|Evil

40|t|Good
40|a|Good
"""


def test_bad_lines_and_documents_can_be_left_out_and_are_counted(tmp_path):
    counts = ReadCounts(skip=True)
    documents = read_pubtator(corpus(tmp_path, BAD), counts=counts)
    assert [(document.pmid, len(document.queries)) for document in documents] == [("20", 1), ("40", 0)]
    assert counts.skipped == {
        "lines outside a document": 1,
        "lines without the fields of a mention": 1,
        "mentions of another document": 1,
        "mentions without offsets": 1,
        "mentions with an empty field or a separator in one": 2,
        "documents with no abstract": 1,
        "document ids that are no file name": 1,
    }


def test_a_file_of_bad_documents_alone_is_refused_all_the_same(tmp_path):
    with pytest.raises(InputError, match="holds no document"):
        read_pubtator(corpus(tmp_path, "lost\n\nlines\n"), counts=ReadCounts(skip=True))


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\t\r|"), max_size=20)
FIELD = TEXT.filter(str.strip)


@st.composite
def documents(draw):
    """Documents as a corpus in PubTator form can hold them, in the order of their file names."""
    found = []
    for pmid in draw(st.lists(st.integers(1, 10**8).map(str), min_size=1, max_size=4, unique=True)):
        rows = draw(st.lists(st.tuples(FIELD, st.from_regex(r"[A-Z]\d{1,6}(\|[A-Z]\d)?", fullmatch=True), TEXT)))
        title, abstract = draw(TEXT), draw(TEXT)
        queries = [Query(mention, cui, pmid=pmid, start="0", end="9", type=kind) for mention, cui, kind in rows]
        found.append(Document(pmid, f"{title}\n\n{abstract}\n", tuple(queries)))
    return sorted(found, key=lambda document: f"{document.pmid}.concept")


def written(documents, end):
    lines = []
    for pmid, text, queries in documents:
        title, _, abstract, _ = text.split("\n")
        lines += [f"{pmid}|t|{title}", f"{pmid}|a|{abstract}"]
        lines += ["\t".join((pmid, q.start, q.end, q.mention, q.type, q.cui)) for q in queries]
        lines.append("")
    return end.join(lines)


@settings(max_examples=60)
@given(documents(), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_in_this_form_is_read_back_the_same(tmp_path_factory, documents, end):
    path = tmp_path_factory.mktemp("pubtator") / "corpus.txt"
    path.write_bytes(written(documents, end).encode())
    assert read_pubtator(path) == documents
