"""BigBio's documents: the schema stays as it is, and a linked file is read as a corpus."""

import json

import pytest

from biosyn.corpora.bioc import read_bioc_corpus
from biosyn.corpora.pubtator import PubTatorForm
from biosyn.data.bad_entries import ReadCounts
from biosyn.mention_files.added_columns import ID, NAME, SCORE, Link
from biosyn.mention_files.formats import format_of

TITLE, ABSTRACT = "Sjögren’s syndrome.", "Oral and lung cancer in 7 rats."


def entity(name, kind, spans, normalized=()):
    whole = f"{TITLE} {ABSTRACT}"
    texts = [whole[start:end] for start, end in spans]
    return {"id": name, "type": kind, "text": texts, "offsets": spans, "normalized": list(normalized)}


DOCUMENT = {
    "id": "0",
    "document_id": "227508",
    "passages": [
        {"id": "1", "type": "title", "text": [TITLE], "offsets": [[0, 19]]},
        {"id": "2", "type": "abstract", "text": [ABSTRACT], "offsets": [[20, 51]]},
    ],
    "entities": [
        entity("3", "Disease", [[20, 24], [34, 40]], [{"db_name": "MESH", "db_id": "D009062"}]),
        entity("4", "Disease", [[0, 18]], [{"db_name": "OMIM", "db_id": "270150"}, {"db_name": "", "db_id": "HP:1"}]),
        entity("5", "Species", [[46, 50]]),
    ],
    "events": [],
    "coreferences": [],
    "relations": [{"id": "6", "type": "in", "arg1_id": "3", "arg2_id": "5", "normalized": []}],
}


def corpus(path):
    (found,) = read_bioc_corpus(path, form=PubTatorForm(loose_ids=True), counts=ReadCounts())
    return found


@pytest.fixture
def write(tmp_path):
    def run(*documents, name="documents.jsonl"):
        path = tmp_path / name
        path.write_text("".join(f"{json.dumps(one)}\n" for one in documents), encoding="utf-8")
        return path

    return run


@pytest.mark.parametrize("name", ["documents.jsonl", "documents.json", "documents"])
def test_its_files_are_known_by_their_content(write, name):
    assert format_of(write(DOCUMENT, name=name)) == "bioc-json"


def test_it_is_a_corpus(write):
    found = corpus(write(DOCUMENT))
    assert (found.pmid, found.text) == ("227508", f"{TITLE}\n\n{ABSTRACT}\n")
    assert [(one.mention, one.cui, one.start, one.end, one.type) for one in found.queries] == [
        ("Sjögren’s syndrome", "OMIM:270150|HP:1", "0", "18", "Disease"),
        ("Oral cancer", "MESH:D009062", "20", "40", "Disease"),
        ("rats", "-1", "46", "50", "Species"),
    ]


def test_only_the_concept_of_the_wanted_entities_changes(rewrite):
    before = f"{json.dumps(DOCUMENT)}\n\n"
    mentions, written = rewrite(
        before, "bioc-json", types=frozenset({"disease"}), keys=(ID,), link=Link("MESH:D1|HP:0000002|7", "", 1.0)
    )
    assert [(one.text, one.problem) for one in mentions] == [("Sjögren’s syndrome", ""), ("Oral cancer", "")]
    linked = [
        {"db_name": "MESH", "db_id": "D1"},
        {"db_name": "HP", "db_id": "0000002"},
        {"db_name": "", "db_id": "7"},
    ]
    first, second, species = DOCUMENT["entities"]
    entities = [{**first, "normalized": linked}, {**second, "normalized": linked}, species]
    assert json.loads(written) == {**DOCUMENT, "entities": entities}
    assert written.endswith(b"}\n\n")
    assert written.count(b"\n") == 2


def test_what_was_linked_is_read_as_a_corpus_and_not_linked_again(rewrite, write):
    _, written = rewrite(json.dumps(DOCUMENT), "bioc-json", link=Link("HP:0000002", "x", 1.5), keys=(ID, NAME, SCORE))
    linked = json.loads(written)
    assert linked["entities"][0]["biosyn_score"] == "1.5000"
    assert {one.cui for one in corpus(write(linked)).queries} == {"HP:0000002"}
    mentions, again = rewrite(written, "bioc-json")
    assert {one.problem for one in mentions} == {"already holds biosyn_name: link the original file"}
    assert again == written


def test_no_concept_is_an_empty_list(rewrite):
    _, written = rewrite(json.dumps(DOCUMENT), "bioc-json", link=Link("-1", "", 1.0), keys=(ID,))
    assert [one["normalized"] for one in json.loads(written)["entities"]] == [[], [], []]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"offsets": [[0, 99]]}, "its span 0+99 lies outside the text"),
        ({"offsets": [[1, 18]]}, "its span 1+17 holds"),
        ({"offsets": [["0", 18]]}, "document '227508': a part of BigBio's KB schema is missing or has the wrong type"),
        ({"offsets": []}, "a part of BigBio's KB schema"),
        ({"normalized": [7]}, "'normalized' is not an array of objects"),
    ],
)
def test_what_is_bad_is_named_and_stays(rewrite, change, problem):
    before = json.dumps({**DOCUMENT, "entities": [{**DOCUMENT["entities"][1], **change}]})
    (mention,), written = rewrite(before, "bioc-json")
    assert problem in mention.problem
    assert written.decode() == before
