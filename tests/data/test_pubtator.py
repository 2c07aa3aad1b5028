import pytest

from biosyn.data.pubtator import read_pubtator
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
        ("../../etc/x|t|T\n../../etc/x|a|A\n", 1, "is no file name"),
        ("|t|T\n|a|A\n", 1, "is no file name"),
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
