"""The second look: the best concepts of a mention are compared by all their names, and the names are reordered."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.records import Name
from biosyn.retrieval.concepts import NAMES_A_CONCEPT
from biosyn.retrieval.evidence import Evidence, Reranking, dense_evidence, worst_token
from biosyn.retrieval.search import TopNames
from biosyn.retrieval.vectors import NameVectors, Vectors
from biosyn.text.preprocess import lookup_text

MENTION_BLOCK = 64  # mentions whose concepts are compared at a time; the states of their tokens take about 50 MB
NAMES_READ = 8  # the best names of a concept whose tokens are compared


class Reranker:
    """Adds to the score of a name what the other names of its concept say, for the K best concepts of a mention.

    The names of a further concept get the lowest of what was added. A mention that equals a name stays as it is: there
    is nothing to guess. A concept is an id as the dictionary writes it.

    Parameters
    ----------
    biosyn
        The model.
    dictionary, names
        N names, and their vectors; an InputError if these are not dense.
    concepts
        K, at least 1.
    reranking
        The weights; None takes those of the model for this score, an InputError if it has none.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        dictionary: DictionaryDataset,
        names: NameVectors,
        *,
        concepts: int,
        reranking: Reranking | None = None,
    ):
        if reranking is None and (reranking := biosyn.rerankings.get(names.score_mode)) is None:
            raise InputError(
                f"--rerank needs a model with weights for the {names.score_mode} score, and its own --max_length: "
                "run biosyn rerank on a dev set (docs/reranking.md)"
            )
        self.biosyn = biosyn
        self.dictionary = dictionary
        self.names = names
        self.concepts = concepts
        self.reranking = reranking
        self.depth = min(NAMES_A_CONCEPT * concepts, len(dictionary))  # names that are searched for K concepts
        self._rows: dict[str, list[int]] = {}  # of each id, in file order
        for row, cui in enumerate(dictionary.cuis):
            self._rows.setdefault(cui, []).append(row)

    def reordered(
        self, texts: Sequence[str], mentions: Vectors, found: TopNames, name_at: Callable[[int], Name]
    ) -> TopNames:
        """Return the D names found for each of M texts in the new order, with their new scores, both (M, D).

        Parameters
        ----------
        texts, mentions
            The M clean mentions, and their vectors.
        found
            The D best names of each; D is at least `depth` where K concepts are to be compared.
        name_at
            Row of the dictionary -> name.
        """
        rows, scores = found.rows.cpu().clone(), found.scores.cpu().clone()
        for at, evidence in enumerate(self.evidence(texts, mentions, found, name_at)):
            if evidence:
                added = {cui: self.reranking.added(one) for cui, one in evidence.items()}
                lowest = min(added.values())
                new = scores[at] + torch.tensor([added.get(name_at(row).cui, lowest) for row in rows[at].tolist()])
                order = new.argsort(descending=True, stable=True)
                rows[at], scores[at] = rows[at][order], new[order]
        return TopNames(rows.to(found.rows), scores.to(found.scores))

    def evidence(
        self, texts: Sequence[str], mentions: Vectors, found: TopNames, name_at: Callable[[int], Name]
    ) -> list[dict[str, Evidence]]:
        """Return the evidence for the K best concepts of each of M texts, by id, best first; none for a name's text."""
        concepts = [
            [] if self.dictionary.rows_of(text) else best_ids(map(name_at, rows), topk=self.concepts)
            for text, rows in zip(texts, found.rows.tolist(), strict=True)
        ]
        assert mentions.dense is not None  # a sparse score has no weights
        blocks = (slice(start, start + MENTION_BLOCK) for start in range(0, len(texts), MENTION_BLOCK))
        return [one for block in blocks for one in self._of_block(texts[block], mentions.dense[block], concepts[block])]

    def _of_block(
        self, texts: Sequence[str], mentions: Tensor, concepts: Sequence[Sequence[str]]
    ) -> list[dict[str, Evidence]]:
        """Return the evidence for the concepts of a block of texts, whose vectors are (M, H)."""
        wanted = dict.fromkeys(row for ids in concepts for cui in ids for row in self._rows[cui])
        place = {row: number for number, row in enumerate(wanted)}
        if not place:
            return [{} for _ in texts]
        dense = self.names.take(torch.tensor(list(place), device=self.names.device)).dense
        assert dense is not None
        dense, mentions = dense.float().cpu(), mentions.cpu()
        places = [{cui: [place[row] for row in self._rows[cui]] for cui in ids} for ids in concepts]
        tokens = self._worst_tokens(texts, list(place), mentions, dense, places)
        is_unit = self.biosyn.get_dense_encoder().pooling.is_unit
        return [
            {
                cui: Evidence(*dense_evidence(mention, dense[own], is_unit=is_unit), worst[cui])
                for cui, own in of_text.items()
            }
            for mention, of_text, worst in zip(mentions, places, tokens, strict=True)
        ]

    def _worst_tokens(
        self,
        texts: Sequence[str],
        rows: Sequence[int],
        mentions: Tensor,
        dense: Tensor,
        places: Sequence[Mapping[str, list[int]]],
    ) -> list[dict[str, float]]:
        """Return for each text the least similar token by concept; 0 where an encoder computes [CLS] alone.

        Parameters
        ----------
        rows, dense
            The rows of the P names in the dictionary, and their vectors (P, H).
        places
            For each text the places of the names of each concept, among the P.
        """
        encoder = self.biosyn.get_dense_encoder()
        if encoder.pooling.mode == "cls":
            return [dict.fromkeys(of_text, 0.0) for of_text in places]
        read = [
            {cui: best_first(dense[own] @ mention, own)[:NAMES_READ] for cui, own in of_text.items()}
            for mention, of_text in zip(mentions, places, strict=True)
        ]
        names = dict.fromkeys(one for of_text in read for own in of_text.values() for one in own)
        names_of = dict(
            zip(
                names,
                encoder.token_states([lookup_text(self.dictionary.names[rows[one]]) for one in names]),
                strict=True,
            )
        )
        own_states = encoder.token_states(texts)
        return [
            {cui: worst_token(state, torch.cat([names_of[one] for one in own])) for cui, own in of_text.items()}
            for state, of_text in zip(own_states, read, strict=True)
        ]


def best_ids(names: Iterable[Name], *, topk: int) -> list[str]:
    """Return the ids of the ``topk`` first concepts of some names, which come best first.

    Examples
    --------
    >>> best_ids([Name("ataxia", "D1"), Name("ataxias", "D1"), Name("chorea", "D2")], topk=2)
    ['D1', 'D2']
    """
    return list(dict.fromkeys(name.cui for name in names))[:topk]


def best_first(scores: Tensor, items: Sequence[int]) -> list[int]:
    """Return N items by their scores (N,), best first."""
    return [items[place] for place in scores.argsort(descending=True, stable=True).tolist()]
