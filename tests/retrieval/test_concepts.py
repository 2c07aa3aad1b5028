import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biosyn.retrieval import concepts
from biosyn.retrieval.concepts import top_concepts
from biosyn.retrieval.search import top_names
from biosyn.retrieval.vectors import Vectors


def naive(scores, concepts_of, topk):
    """Every name of one mention in order of score, ties by row; each concept where it comes first."""
    hits = {}
    for row in np.argsort(-scores, kind="stable").tolist():
        for concept in concepts_of[row]:
            hits.setdefault(concept, (concept, row, scores[row], len(concepts_of[row]) > 1))
    return list(hits.values())[:topk]


def search_in(mentions, names, depths):
    """The search of the names, which notes how many mentions it is given and how deep it goes."""

    def search(some, depth):
        depths.append((len(some), depth))
        return top_names(mentions.take(torch.tensor(some)), names, topk=depth)

    return search


@st.composite
def problems(draw):
    """Integer vectors, so that scores and ties are exact, and the concepts of each name: one to three of a few."""
    n_mentions, n_names, n_concepts = draw(st.integers(1, 4)), draw(st.integers(1, 60)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    mentions, names = (generator.integers(-2, 3, size=(count, 3)) for count in (n_mentions, n_names))
    concepts_of = [
        list(dict.fromkeys(generator.integers(0, n_concepts, size=generator.integers(1, 4)).tolist()))
        for _ in range(n_names)
    ]
    return mentions.astype(np.float32), names.astype(np.float32), concepts_of, draw(st.integers(1, 14))


@settings(max_examples=150)
@given(problems(), st.sampled_from([1, 8]), st.sampled_from([1, 20, 4_000_000]))
def test_the_concepts_are_those_of_a_full_sort_over_every_name(problem, names_a_concept, max_pairs):
    mentions, names, concepts_of, topk = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concepts, "NAMES_A_CONCEPT", names_a_concept)
        patch.setattr(concepts, "MAX_PAIRS", max_pairs)
        found, best = top_concepts(
            len(mentions),
            len(names),
            topk=topk,
            search=search_in(Vectors(torch.from_numpy(mentions), None), Vectors(torch.from_numpy(names), None), []),
            concepts_of=concepts_of.__getitem__,
            best_names=5,
        )
    expected = [naive(scores, concepts_of, topk) for scores in mentions @ names.T]
    assert [[tuple(hit) for hit in hits] for hits in found] == expected
    assert best.rows.tolist() == np.argsort(-(mentions @ names.T), axis=1, kind="stable")[:, :5].tolist()
    assert best.scores.tolist() == (-np.sort(-(mentions @ names.T), axis=1))[:, :5].tolist()


def test_only_mentions_that_lack_concepts_are_searched_deeper():
    # Mention 0 likes the first names best, of one concept; mention 1 the last ones, a concept each.
    mentions = Vectors(torch.tensor([[-1.0], [1.0]]), None)
    names = Vectors(torch.arange(100.0).view(100, 1), None)
    depths = []
    found, _ = top_concepts(
        2,
        100,
        topk=2,
        search=search_in(mentions, names, depths),
        concepts_of=lambda row: ["many"] if row < 40 else [row],
    )
    assert depths == [(2, 16), (1, 32), (1, 64)]  # 8 names a concept, then twice as many for the one that needs them
    assert [[(hit.concept, hit.row) for hit in hits] for hits in found] == [
        [("many", 0), (40, 40)],
        [(99, 99), (98, 98)],
    ]


def test_the_dictionarys_size_ends_the_search():
    depths = []
    names = Vectors(torch.arange(20.0).view(20, 1), None)
    (hits,), _ = top_concepts(
        1,
        20,
        topk=2,
        search=search_in(Vectors(torch.ones(1, 1), None), names, depths),
        concepts_of=lambda row: ["one"],
    )
    assert [(hit.concept, hit.row) for hit in hits] == [("one", 19)]
    assert depths == [(1, 16), (1, 20)]
