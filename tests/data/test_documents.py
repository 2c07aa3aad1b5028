import pytest

from biosyn.data.documents import Document, write_documents
from biosyn.data.queries import read_queries
from biosyn.errors import InputError
from biosyn.records import Query

DOCUMENTS = [
    Document("100", "Skin.\n\nTumours.\n", (Query("skin", "D1", pmid="100", start="0", end="4", type="Modifier"),)),
    Document("20", "Naïve\n\nβ\n", (Query("a|b", "D1+D2", pmid="20", start="3", end="9", type="CompositeMention"),)),
]


def test_what_is_written_is_read_back(tmp_path):
    write_documents(tmp_path / "train", DOCUMENTS)
    assert read_queries(tmp_path / "train") == [query for document in DOCUMENTS for query in document.queries]
    assert (tmp_path / "train" / "20.txt").read_bytes() == "Naïve\n\nβ\n".encode()


def test_a_document_without_mentions_has_an_empty_file(tmp_path):
    write_documents(tmp_path, [Document("1", "T\n\nA\n", ())])
    assert (tmp_path / "1.concept").read_bytes() == b""


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "train").write_text("a file")
    with pytest.raises(InputError, match="train: cannot be written"):
        write_documents(tmp_path / "train", DOCUMENTS)
