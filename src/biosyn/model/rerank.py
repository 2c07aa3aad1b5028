"""The second look: the best concepts of a mention are compared by all their names, and the names are reordered."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

import torch
from torch import Tensor

from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.retrieval.concepts import NAMES_A_CONCEPT
from biosyn.retrieval.evidence import Evidence, Reranking, dense_evidence, worst_token
from biosyn.retrieval.search import TopNames, require_finite
from biosyn.retrieval.vectors import NameVectors, Vectors
from biosyn.settings.groups import MOST_RERANKED
from biosyn.text.preprocess import lookup_text

CONCEPT_BLOCK = 1280  # concepts that are compared at a time; the states of their names' tokens take about 75 MB
NAMES_COMPARED = 256  # of a concept with more names, those found for the mention, and the first ones in the file
KEPT = 65_536  # ids of names, and rows of ids, that are not looked up again
NAMES_READ = 8  # the best names of a concept whose tokens are compared


class Reranker:
    """Adds to the score of a name what the other names of its concept say, for the K best concepts of a mention.

    What is added is compared with the concept that was the best before, which keeps its score. So scores of mentions
    stay comparable, also with those of a mention that equals a name: there is nothing to guess, and its names stay as
    they are. It is added to the best name of each concept; all other names get the lowest of what was added, so that a
    list of names shows concepts and not one concept's spellings.

    A concept is an id as the dictionary writes it.

    Parameters
    ----------
    biosyn
        The model.
    dictionary, names
        N names, and their vectors, which have a dense half.
    concepts
        K, from 1 to `MOST_RERANKED`; an InputError otherwise.
    reranking
        The weights; None takes those of the model for this score, see `reranking_of`.
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
        if not 1 <= concepts <= MOST_RERANKED:
            raise InputError(f"the concepts to compare must be between 1 and {MOST_RERANKED}, found {concepts}")
        self.biosyn = biosyn
        self.dictionary = dictionary
        self.names = names
        self.concepts = concepts
        self.reranking = reranking or reranking_of(biosyn, names.score_mode)
        self.depth = min(NAMES_A_CONCEPT * concepts, len(dictionary))  # names that are searched for K concepts
        # both are read from disk, where they are checked each time
        self._cui_at = lru_cache(KEPT)(dictionary.cuis.__getitem__)
        self._rows_of_id = lru_cache(KEPT)(lambda cui: dictionary.rows_of_id(cui, most=NAMES_COMPARED))

    def reordered(self, texts: Sequence[str], mentions: Vectors, found: TopNames) -> TopNames:
        """Return the D names found for each of M texts in the new order, with their new scores, both (M, D).

        The order does not depend on D: a longer list begins with the shorter one.

        Parameters
        ----------
        texts, mentions
            The M clean mentions, and their vectors.
        found
            The D best names of each; D is at least `depth`.

        Raises
        ------
        InputError
            If a new score is not finite.
        """
        rows, scores = found.rows.cpu().clone(), found.scores.cpu().clone()
        for at, evidence in enumerate(self.evidence(texts, mentions, found)):
            if evidence:
                added = self.reranking.added(evidence)
                lowest = min(added.values())
                new = scores[at] + lowest
                compared = map(self._cui_at, rows[at, : self.depth].tolist())
                own = torch.tensor([added.pop(cui, lowest) for cui in compared])  # the best name of each, once
                new[: self.depth] = scores[at, : self.depth] + own
                order = new.argsort(descending=True, stable=True)
                rows[at], scores[at] = rows[at][order], new[order]
        return require_finite(TopNames(rows.to(found.rows), scores.to(found.scores)))

    def evidence(self, texts: Sequence[str], mentions: Vectors, found: TopNames) -> Iterator[dict[str, Evidence]]:
        """Yield for each text the evidence for its K best concepts, by id, best first; none where it equals a name."""
        step = max(1, CONCEPT_BLOCK // self.concepts)
        for start in range(0, len(texts), step):
            block = slice(start, start + step)
            best = found.rows[block, : self.depth].tolist()
            concepts = [self._compared(text, rows) for text, rows in zip(texts[block], best, strict=True)]
            assert mentions.dense is not None  # a sparse score has no weights
            yield from self._of_block(texts[block], mentions.dense[block], concepts)

    def _compared(self, text: str, rows: Sequence[int]) -> dict[str, list[int]]:
        """Return the rows of the names of the K best concepts of a text, by id, best first."""
        if self.dictionary.rows_of(text):
            return {}
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(self._cui_at(row), []).append(row)
        return {cui: self._names_of(cui, own) for cui, own in islice(found.items(), self.concepts)}

    def _names_of(self, cui: str, found: Sequence[int]) -> list[int]:
        rows = self._rows_of_id(cui)
        return rows if len(rows) < NAMES_COMPARED else list(dict.fromkeys([*found, *rows]))

    def _of_block(
        self, texts: Sequence[str], mentions: Tensor, concepts: Sequence[Mapping[str, list[int]]]
    ) -> list[dict[str, Evidence]]:
        """Return the evidence for the concepts of a block of texts, whose vectors are (M, H)."""
        rows = list(dict.fromkeys(row for of_text in concepts for own in of_text.values() for row in own))
        if not rows:
            return [{} for _ in texts]
        dense = self.names.take(torch.tensor(rows, device=self.names.device)).dense
        assert dense is not None
        dense, mentions = dense.float().cpu(), mentions.cpu()
        place = {row: number for number, row in enumerate(rows)}
        places = [{cui: [place[row] for row in own] for cui, own in of_text.items()} for of_text in concepts]
        tokens = self._worst_tokens(texts, rows, mentions, dense, places)
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
            {cui: _best_first(dense[own] @ mention, own)[:NAMES_READ] for cui, own in of_text.items()}
            for mention, of_text in zip(mentions, places, strict=True)
        ]
        names = list(dict.fromkeys(one for of_text in read for own in of_text.values() for one in own))
        states = encoder.token_states([lookup_text(self.dictionary.names[rows[one]]) for one in names])
        states_of = dict(zip(names, states, strict=True))
        asked = list(dict.fromkeys(text for text, of_text in zip(texts, read, strict=True) if of_text))
        own_states = dict(zip(asked, encoder.token_states(asked), strict=True))
        return [
            {cui: worst_token(own_states[text], torch.cat([states_of[one] for one in own])) for cui, own in of.items()}
            for text, of in zip(texts, read, strict=True)
        ]


def reranking_of(biosyn: BioSyn, score_mode: str) -> Reranking:
    """Return a model's weights for a score; an InputError if it has none."""
    if score_mode not in biosyn.rerankings:
        raise InputError(
            f"--rerank needs a model with weights for the {score_mode} score, and its own --max_length: "
            "run biosyn rerank on a dev set (docs/reranking.md)"
        )
    return biosyn.rerankings[score_mode]


def _best_first(scores: Tensor, items: Sequence[int]) -> list[int]:
    """Return N items by their scores (N,), best first."""
    return [items[place] for place in scores.argsort(descending=True, stable=True).tolist()]
