"""All that the server asks of the model; the handlers know no other part of the project."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from biosyn import __version__
from biosyn.concept_ids import holds_genes, ontology_link, split_name_ids
from biosyn.errors import InputError
from biosyn.files import sha256_of
from biosyn.index.header import ann_summary
from biosyn.linking.file import best_links
from biosyn.mention_files.units import Link
from biosyn.model.answers import answer_json, concept_answer_json, concepts_json, embeddings_json
from biosyn.model.explain import OtherNames
from biosyn.model.linker import Linker, clean_mention
from biosyn.records import Candidate, ConceptPrediction

NAMES, CONCEPTS, EMBEDDING = "names", "concepts", "embedding"


class Question(NamedTuple):
    """A clean mention and what is wanted of it: its best names, its best concepts, or its embedding."""

    mention: str
    what: str = NAMES
    topk: int = 0


class Service:
    """Answers questions by one linker, whole batches at a time, as JSON values.

    Parameters
    ----------
    linker
        Its dictionary was read from a file.
    model_name
        What the page calls the model.
    figures
        Its accuracy by data set, where known.
    """

    def __init__(self, linker: Linker, *, model_name: str, figures: Mapping[str, Any] | None = None):
        self.linker = linker
        self.model_name = model_name
        self._figures = dict(figures or {})
        self._other_names = OtherNames(linker.dictionary, linker.concepts)
        self._ids = {one for cui in linker.dictionary.cuis for one in split_name_ids(cui)}
        self._genes = holds_genes(self._ids)

    def answer(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        """Return the answer to each question; a repeated one is worked out once."""
        found: dict[Question, dict[str, Any]] = {}
        for what, method in ((NAMES, self._names), (CONCEPTS, self._concepts), (EMBEDDING, self._embeddings)):
            wanted = list(dict.fromkeys(question for question in questions if question.what == what))
            if wanted:
                mentions = list(dict.fromkeys(question.mention for question in wanted))
                answers = method(mentions, max(question.topk for question in wanted))
                by_mention = dict(zip(mentions, answers, strict=True))
                found |= {question: _cut(by_mention[question.mention], question.topk) for question in wanted}
        return [found[question] for question in questions]

    def other_names(self, name: str, cui: str) -> list[dict[str, Any]]:
        """Return the concepts of a dictionary's name, each with its other names there."""
        return [
            {
                "ids": self.linked_ids(found.ids),
                "preferred_name": found.preferred_name,
                "other_names": list(found.other_names),
            }
            for found in self._other_names.of(Candidate(name, cui, 0.0, 0.0, 0.0))
        ]

    def linked_ids(self, ids: Iterable[str]) -> list[dict[str, str]]:
        """Return the ids, each with the page about it in its ontology, where its form tells one."""
        links = ((cui, ontology_link(cui, genes=self._genes)) for cui in ids)
        return [{"id": cui, **(link._asdict() if link else {})} for cui, link in links]

    def best_links(self, texts: Sequence[str]) -> list[Link]:
        """Return the best link of each clean text, for files."""
        return best_links(self.linker, texts)

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the model and the dictionary are, for the page's card."""
        biosyn, dictionary = self.linker.biosyn, self.linker.dictionary
        pooling, similarity = self.linker.index_key.pooling.split()
        return {
            "version": __version__,
            "model": {
                "name": self.model_name,
                "encoder_sha256": self.linker.index_key.encoder,
                "pooling": pooling,
                "similarity": similarity,
                "sparse_weight": biosyn.sparse_weight,
                "ngrams": len(biosyn.get_sparse_encoder().vocabulary),
                "max_length": self.linker.index_key.max_length,
                "figures": self._figures,
                "device": str(biosyn.device),
            },
            "dictionary": {
                "name": dictionary.path.name,
                "names": len(dictionary),
                "ids": len(self._ids),
                "sha256": sha256_of(dictionary.path),
            },
            "search": self._search_info(),
        }

    def _search_info(self) -> dict[str, Any]:
        approximate = self.linker.approximate
        return {"kind": "exact"} if approximate is None else ann_summary(approximate.key, approximate.measured)

    def _names(self, mentions: Sequence[str], topk: int) -> list[dict[str, Any]]:
        predictions = self.linker.normalize(mentions, topk=topk)
        return [answer_json(prediction) for prediction in predictions]

    def _concepts(self, mentions: Sequence[str], topk: int) -> list[dict[str, Any]]:
        predictions = self.linker.normalize_to_concepts(mentions, topk=topk)
        return [
            {**concept_answer_json(prediction), "concepts": self._with_pages(prediction)} for prediction in predictions
        ]

    def _with_pages(self, prediction: ConceptPrediction) -> list[dict[str, Any]]:
        return [
            {**row, "id": concept.best.cui, "ids": self.linked_ids(concept.ids)}
            for row, concept in zip(concepts_json(prediction), prediction.concepts, strict=True)
        ]

    def _embeddings(self, mentions: Sequence[str], topk: int) -> list[dict[str, Any]]:
        return embeddings_json(self.linker.biosyn.embed(mentions, what="mentions"))


def to_question(mention: str, *, what: str, topk: int, longest: int) -> Question:
    """Return the question for a mention as it was typed.

    Raises
    ------
    InputError
        If it is no mention: too long, half a character, or without a letter or digit.
    """
    if len(mention) > longest:
        raise InputError(f"the mention has {len(mention)} characters: give {longest} at most")
    try:
        mention.encode()
    except UnicodeEncodeError as error:
        raise InputError("the mention holds half a surrogate pair: is it cut or escaped wrongly?") from error
    return Question(clean_mention(mention), what, topk)


def _cut(answer: dict[str, Any], topk: int) -> dict[str, Any]:
    """Return the answer with the best k rows: those of a longer list, as the search is exact and ties go by row."""
    return {key: value[:topk] if key in ("predictions", "concepts") else value for key, value in answer.items()}
