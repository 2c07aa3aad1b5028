import bioc.pubtator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.corpora.pubtator import read_pubtator
from biosyn.errors import InputError
from biosyn.mention_files.added_columns import ID
from biosyn.mention_files.pubtator import pubtator_units

BEFORE = """
12|t|Skin tumours in A-T
12|a|Breast and ovarian cancer.
12\t0\t12\tSkin tumours\tDisease\tD012878
12\t16\t19\tA-T\tGene\t472
12\t20\t45\tBreast and ovarian cancer\tDisease\tD1|D2\tBreast cancer|ovarian cancer
12\t20\t26\tBreast\tDisease
12\tCID\tD003000\tD012878
something else

13|t|No mention
13|a|
"""
WORD = st.text(
    st.characters(codec="utf-8", exclude_characters="|\ufeff", exclude_categories=["Zs", "Zl", "Zp", "Cc"]),
    min_size=1,
)


def test_before_and_after(rewrite):
    mentions, written = rewrite(BEFORE, "pubtator", keys=(ID,), types=frozenset({"Disease"}))
    assert [one.text for one in mentions] == ["Skin tumours", "Breast and ovarian cancer", "Breast"]
    assert [one.place.rpartition(":")[2] for one in mentions] == ["4", "6", "7"]
    after = (
        BEFORE.replace("D012878\n12\t16", "D1|2\n12\t16")
        .replace("D1|D2\t", "D1|2\t")
        .replace("Disease\n", "Disease\tD1|2\n")
    )
    assert written.decode() == after


def test_name_and_score_become_further_columns_if_wanted(rewrite):
    written = rewrite("1|t|Skin\n1|a|\n1\t0\t4\tSkin\tDisease\tD9\r\n", "pubtator")[1]
    assert written.decode().split("\n")[2] == '1\t0\t4\tSkin\tDisease\tD1|2\tataxia, type "1" & <é>\t12.3457\r'


def test_a_unit_has_the_text_of_its_document(tmp_path):
    path = tmp_path / "x"
    path.write_text(BEFORE, encoding="utf-8")
    with path.open("rb") as stream:
        texts = [unit.text for unit in pubtator_units(stream, path, types=None, keys=(ID,))]
    assert texts[1:] == ["Skin tumours in A-T\n\nBreast and ovarian cancer.\n", "No mention\n\n\n"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1\t0\t400\tSkin\tDisease\tD1", "its span 0-400 lies outside the text"),
        ("1\t4\t4\t\tDisease\tD1", "its span 4-4 lies outside the text"),
        ("1\t1\t4\tSkin\tDisease\tD1", "its span 1-4 holds 'kin', not 'Skin'"),
        ("1\t0\t4\tSkin", "has 4 columns"),
        ("1\tx\t4\tSkin\tDisease\tD1", "start and end must be numbers"),
        ("2\t0\t4\tSkin\tDisease\tD1", "is a mention of document '2' under '1'"),
    ],
)
def test_a_bad_mention_is_named_and_stays(rewrite, line, problem):
    mentions, written = rewrite(f"1|t|Skin\n1|a|\n{line}\n1\t0\t4\tSkin\tDisease\n", "pubtator", keys=(ID,))
    assert [bool(one.problem) for one in mentions] == [True, False]
    assert problem in mentions[0].problem
    assert mentions[0].place.endswith(":3")
    assert written.decode() == f"1|t|Skin\n1|a|\n{line}\n1\t0\t4\tSkin\tDisease\tD1|2\n"


def test_a_line_that_is_not_utf8_is_named_and_stays(rewrite):
    content = "1|t|Sjögren skin\n1|a|\n1\t8\t12\tskin\tDisease\n".encode("latin-1")
    mentions, written = rewrite(content, "pubtator", keys=(ID,))
    assert ["UTF-8" in one.problem for one in mentions] == [True, False]
    assert written == content.replace(b"Disease", b"Disease\tD1|2")


def test_a_file_without_a_title_is_refused(rewrite):
    with pytest.raises(InputError, match=r"holds no 'pmid\|t\|title' line"):
        rewrite("1\t0\t4\tSkin\tDisease\tD1\n", "pubtator")


@given(st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=5), st.lists(WORD, max_size=5)), min_size=1, max_size=3))
def test_what_is_written_is_read_back_by_us_and_by_the_library_bioc(rewrite, tmp_path_factory, documents):
    lines = []
    for number, (title, abstract) in enumerate(documents, 1):
        lines += [f"{number}|t|{' '.join(title)}", f"{number}|a|{' '.join(abstract)}"]
        start = 0
        for word in [*title, *abstract]:
            lines.append(f"{number}\t{start}\t{start + len(word)}\t{word}\tDisease\tD0")
            start += len(word) + 1
        lines.append("")
    mentions, written = rewrite("".join(f"{line}\n" for line in lines), "pubtator", keys=(ID,))
    words = [word for title, abstract in documents for word in [*title, *abstract]]
    assert [(one.text, one.problem) for one in mentions] == [(word, "") for word in words]
    path = tmp_path_factory.getbasetemp() / "written.pubtator"
    path.write_bytes(written)
    ours = [query for document in read_pubtator(path) for query in document.queries]
    assert [(query.mention, query.cui) for query in ours] == [(word, "D1|2") for word in words]
    if all(
        word.isascii() and word.isalnum() for word in words
    ):  # the library strips and splits other lines differently
        theirs = [one for document in bioc.pubtator.loads(written.decode()) for one in document.annotations]
        assert [(one.text, one.id) for one in theirs] == [(word, "D1|2") for word in words]


def test_tabs_in_title_and_abstract_make_no_mention(rewrite):
    before = "1|t|Skin\ta\tb\tc\td\te\n1|a|x\t1\t2\ty\tz\n1\t0\t4\tSkin\tDisease\tD9\n"
    mentions, written = rewrite(before, "pubtator", keys=(ID,))
    assert [(one.text, one.problem) for one in mentions] == [("Skin", "")]
    assert written.decode() == before.replace("D9", "D1|2")


def test_a_span_may_cross_from_title_to_abstract(rewrite):
    lines = [
        "1|t|Skin",
        "1|a|tumours",
        "1\t0\t12\tSkin tumours\tDisease",
        "1\t4\t5\tx\tDisease",
        "1\t5\t12\ttumours\tD",
    ]
    mentions, _ = rewrite("\n".join(lines), "pubtator")
    assert [one.problem for one in mentions] == ["", "its span 4-5 holds ' ', not 'x'", ""]


def test_a_mention_that_claims_the_whole_text_is_named(rewrite):
    text = "skin " * 5_000
    mentions, _ = rewrite(f"1|t|{text}\n1\t0\t{len(text)}\tskin\tDisease\n", "pubtator")
    assert mentions[0].problem == f"its span 0-{len(text)} holds {text[:60]!r}, not 'skin'"
