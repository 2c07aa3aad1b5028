"""The second look of a linker, beside a naive one that takes every name and every token by itself."""

import math
import pickle

import pytest
import torch

from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.index.streamed import StreamedVectors
from biosyn.model import rerank as module
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import _HERE, Linker
from biosyn.model.rerank import Reranker
from biosyn.retrieval.concepts import NAMES_A_CONCEPT
from biosyn.retrieval.evidence import Evidence, Reranking

TEXTS = ["ataxia telangectasia", "breast tumour", "allergics", "low bloods", "anemia of blood", "cancerous"]
WEIGHTS = Evidence(1.0, -0.5, 2.0, 1.5)
K = 3


@pytest.fixture
def linker_of(tiny_dictionary):
    """Function: checkpoint, K, settings -> a linker with WEIGHTS."""

    def make(checkpoint, concepts=K, path=tiny_dictionary, **settings):
        biosyn = BioSyn.from_pretrained(checkpoint)
        biosyn.rerankings = {"hybrid": Reranking(WEIGHTS)}
        return Linker(biosyn, DictionaryDataset(path), rerank=concepts, **settings)

    return make


def states(linker, text):
    """Return the tokens' states of one text, without special ones."""
    encoder = linker.biosyn.get_dense_encoder()
    ids = encoder.tokenizer(text, return_tensors="pt", truncation=True, max_length=encoder.max_length)["input_ids"]
    hidden = encoder.model(input_ids=ids).last_hidden_state[0]
    kept = [hidden[at] / hidden[at].norm() for at, one in enumerate(ids[0]) if one not in (2, 3)]
    assert len(kept) == len(ids[0]) - 2
    return kept


@torch.no_grad()
def naive(linker, text, concepts):
    """Return (name, id, score, what is added) for every name, best first."""
    plain = Linker(linker.biosyn, linker.dictionary)
    (found,) = plain.link([text], topk=len(linker.dictionary))
    names = {}
    for name, cui in linker.dictionary:
        names.setdefault(cui, []).append(name)
    depth = concepts * NAMES_A_CONCEPT
    compared = list(dict.fromkeys(one.cui for one in found.candidates[:depth]))[:concepts]
    encoder, added = linker.biosyn.get_dense_encoder(), {}
    (mention,) = encoder.encode([text])
    for cui in compared:
        vectors = [encoder.encode([name])[0] for name in names[cui]]
        scores = sorted(((float(v @ mention), name) for v, name in zip(vectors, names[cui], strict=True)), reverse=True)
        best = [score for score, _ in scores]
        centre = sum(vectors) / len(vectors)
        worst = 0.0
        if encoder.pooling.mode == "mean":
            centre = centre / centre.norm()
            tokens = [state for _, name in scores[:8] for state in states(linker, name)]
            worst = min(max(float(own @ other) for other in tokens) for own in states(linker, text))
        evidence = (sum(best[:2]) / len(best[:2]), sum(best[:3]) / len(best[:3]), float(centre @ mention), worst)
        added[cui] = math.fsum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))
    first = added[compared[0]]
    added = {cui: value - first for cui, value in added.items()}
    lowest, seen = min(added.values()), set()
    rows = []
    for one in found.candidates:  # the first name of a concept stands for it
        rows.append((one.name, one.cui, one.score, lowest if one.cui in seen else added.get(one.cui, lowest)))
        seen.add(one.cui)
    return sorted(rows, key=lambda row: -(row[2] + row[3]))


@pytest.mark.parametrize("checkpoint", ["mean_checkpoint", "tiny_checkpoint"], ids=["mean", "cls"])
@pytest.mark.parametrize("concepts", [1, K, 100], ids=["one", "some", "more than there are"])
def test_the_new_order_is_a_naive_one(linker_of, request, checkpoint, concepts):
    linker = linker_of(request.getfixturevalue(checkpoint), concepts)
    found = linker.link(TEXTS, topk=40)
    plain = Linker(linker.biosyn, linker.dictionary).link(TEXTS, topk=40)
    for text, one, before in zip(TEXTS, found, plain, strict=True):
        expected = naive(linker, text, concepts)
        assert [c.name for c in one.candidates] == [name for name, *_ in expected]
        for candidate, (_, _, score, added) in zip(one.candidates, expected, strict=True):
            assert candidate.score == pytest.approx(score + added, rel=1e-4, abs=1e-4)
            assert candidate.rerank_score == pytest.approx(added, rel=1e-4, abs=1e-3)
        assert {c[:2] for c in one.candidates} == {c[:2] for c in before.candidates}
    if concepts == K:
        assert any(one.candidates[0].cui != before.candidates[0].cui for one, before in zip(found, plain, strict=True))


def test_names_and_concepts_of_one_linker_agree_at_any_length(linker_of, mean_checkpoint):
    linker = linker_of(mean_checkpoint)
    whole = linker.link(TEXTS, topk=40)
    for topk in (1, 5, 30):
        for full, part in zip(whole, linker.link(TEXTS, topk=topk), strict=True):
            assert [c.name for c in part.candidates] == [c.name for c in full.candidates[:topk]]
    for topk in (1, 4, 15):
        for names, found in zip(whole, linker.link_to_concepts(TEXTS, topk=topk), strict=True):
            expected = {}
            for candidate in names.candidates:
                for cui in candidate.cui.split("|"):
                    expected.setdefault(cui, candidate)
            assert [one.best.name for one in found.concepts] == [c.name for c in expected.values()][:topk]
            for one, best in zip(found.concepts, expected.values(), strict=False):
                assert one.best[2:] == pytest.approx(best[2:], rel=1e-4, abs=1e-5)


def test_a_mention_that_equals_a_name_stays(linker_of, mean_checkpoint):
    linker = linker_of(mean_checkpoint)
    names = list(linker.dictionary.names)[::5]
    plain = Linker(linker.biosyn, linker.dictionary).link(names, topk=4)
    for found, before in zip(linker.link(names, topk=4), plain, strict=True):
        assert [c[:2] for c in found.candidates] == [c[:2] for c in before.candidates]
        assert [c.score for c in found.candidates] == pytest.approx([c.score for c in before.candidates])
        assert [c.rerank_score for c in found.candidates] == pytest.approx([0.0] * 4, abs=1e-5)


def test_the_best_of_before_keeps_its_score(linker_of, mean_checkpoint):
    linker = linker_of(mean_checkpoint)
    for before, found in zip(
        Linker(linker.biosyn, linker.dictionary).link(TEXTS, topk=1), linker.link(TEXTS, topk=40), strict=True
    ):
        best = before.candidates[0]
        (same,) = [one for one in found.candidates if one[:2] == best[:2]]
        assert same.score == pytest.approx(best.score)
        assert same.rerank_score == pytest.approx(0.0, abs=1e-5)


def test_a_linker_without_it_says_nothing_of_it(mean_checkpoint, reranked_checkpoint, tiny_dictionary):
    plain, other = (
        BioSyn.from_pretrained(folder).load_dictionary(tiny_dictionary).link(TEXTS, topk=5)
        for folder in (mean_checkpoint, reranked_checkpoint)
    )
    assert [one.candidates for one in plain] == [one.candidates for one in other]
    assert {one.rerank_score for found in plain for one in found.candidates} == {None}


def same(one, other):
    for left, right in zip(one, other, strict=True):
        assert [c[:2] for c in left.candidates] == [c[:2] for c in right.candidates]
        for a, b in zip(left.candidates, right.candidates, strict=True):
            assert a[2:] == pytest.approx(b[2:], rel=1e-3, abs=1e-3)


def test_vectors_from_disk_and_in_half_precision_give_the_same(linker_of, mean_checkpoint, tmp_path, monkeypatch):
    expected = linker_of(mean_checkpoint).link(TEXTS, topk=3)
    same(linker_of(mean_checkpoint, index_precision="float16", cache_dir=tmp_path).link(TEXTS, topk=3), expected)
    monkeypatch.setattr("biosyn.devices.room_for_vectors", lambda device: 0)
    streamed = linker_of(mean_checkpoint)
    assert isinstance(streamed.names, StreamedVectors)
    same(streamed.link(TEXTS, topk=3), expected)


def test_mentions_in_several_blocks_give_the_same(linker_of, mean_checkpoint, monkeypatch):
    linker = linker_of(mean_checkpoint)
    expected = linker.link(TEXTS, topk=3)
    monkeypatch.setattr(module, "CONCEPT_BLOCK", 2 * K)
    same(linker.link(TEXTS, topk=3), expected)
    assert linker.link([], topk=3) == []


def test_of_a_concept_of_very_many_names_some_are_compared(linker_of, mean_checkpoint, write_dictionary, monkeypatch):
    monkeypatch.setattr(module, "NAMES_COMPARED", 4)
    lines = [f"D1||disease number {number}" for number in range(30)]
    path = write_dictionary(*lines, "D1||breast tumor", "D2||breast tumors", "D2||tumors")
    linker, taken = linker_of(mean_checkpoint, 2, path), []
    plain = linker.names.take

    class Names:
        device, score_mode = linker.names.device, "hybrid"

        def take(self, rows):
            taken.append(set(rows.tolist()))
            return plain(rows)

    linker.reranker.names = Names()
    (found,) = linker.link(["breast tumour"], topk=2)
    assert {0, 1, 2, 3, 30, 31, 32} <= taken[0]
    assert len(taken[0]) < 33


def test_another_process_opens_it_with_the_same_weights(reranked_checkpoint, tiny_dictionary):
    linker = Linker(BioSyn.from_pretrained(reranked_checkpoint), DictionaryDataset(tiny_dictionary), rerank=K)
    content = pickle.dumps(linker)
    assert len(content) < 10_000
    del _HERE[linker._identity]
    found = pickle.loads(content)
    assert found is not linker
    assert (found.reranker.concepts, found.reranker.reranking) == (K, linker.reranker.reranking)
    assert found.link(TEXTS, topk=2) == linker.link(TEXTS, topk=2)


@pytest.mark.parametrize("concepts", [-1, 101])
def test_so_many_concepts_are_refused(linker_of, mean_checkpoint, concepts):
    with pytest.raises(InputError, match=f"between 1 and 100, found {concepts}"):
        linker_of(mean_checkpoint, concepts)


def test_weights_that_are_too_large_are_named(linker_of, mean_checkpoint):
    linker = linker_of(mean_checkpoint)
    linker.reranker = Reranker(
        linker.biosyn, linker.dictionary, linker.names, concepts=K, reranking=Reranking(Evidence(1e300, 0.0, 0.0, 0.0))
    )
    with pytest.raises(InputError, match="a score is not a finite number"):
        linker.link(TEXTS, topk=1)
