"""Linking the raw NCBI test set looks up the texts of the published queries, except where gold ids split a mention."""

import pytest

from biosyn.data.queries import QueryDataset
from biosyn.mention_files.added_columns import ID
from biosyn.mention_files.formats import MentionFile, Wanted
from biosyn.text.abbreviations import abbreviation_finder
from biosyn.text.mentions import MentionCleaner
from biosyn.text.preprocess import read_typos

pytest.importorskip("pyab3p", reason="pyab3p has no wheel for this machine")


def test_only_composite_mentions_are_looked_up_otherwise(shared_data, ncbi_processed):
    raw = shared_data / "corpora" / "ncbi-disease" / "NCBItestset_corpus.txt"
    typos = read_typos(shared_data / "corpora" / "medic" / "ncbi-spell-check.txt")
    preparation = MentionCleaner(abbreviation_finder("ab3p"), typos=typos)
    found = {}
    with MentionFile(raw, "pubtator", Wanted("", "", None, (ID,))).units() as units:
        for unit in units:
            pairs = preparation.abbreviations(unit.text)
            document, rows = unit.render([None] * len(unit.mentions)).decode().split("|", 1)[0], []
            for mention in unit.mentions:
                assert mention.problem == ""
                rows.append(preparation.parts(mention.text, pairs))
            found[document] = rows
    queries = {}
    for query in QueryDataset(ncbi_processed / "processed_test").queries:
        queries.setdefault(query.pmid, []).append(query.mention)
    assert sum(map(len, queries.values())) == 960
    different = [
        query
        for document, mentions in queries.items()
        for query, parts in zip(mentions, found[document], strict=True)
        if (query,) != parts
    ]
    assert len(different) == 8
    assert all("|" in query for query in different)
