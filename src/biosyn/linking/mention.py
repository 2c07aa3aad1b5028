"""The verb of inference.py --mention: the best names, concepts, reasons or embeddings of one mention, as JSON."""

from collections.abc import Mapping
from typing import Any

from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.linking.loading import open_linker, open_model
from biosyn.model.answers import answer_json, concept_answer_json, decided, embeddings_json, explanation_json
from biosyn.model.biosyn import BioSyn
from biosyn.places import Inputs
from biosyn.settings.verbs import InferenceConfig
from biosyn.text.abbreviations import abbreviation_finder
from biosyn.text.mentions import MentionCleaner
from biosyn.text.preprocess import read_typos


def infer(config: InferenceConfig) -> dict[str, Any]:
    """Run inference.py --mention: return its JSON result."""
    inputs = Inputs.of(config)
    result = _result(config)
    inputs.warn_of_changes()
    return result


def _result(config: InferenceConfig) -> dict[str, Any]:
    text = MentionCleaner().clean(config.mention)
    result: dict[str, Any] = {"mention": config.mention}
    if not config.wants_predictions or config.dictionary_path is None:
        biosyn = open_model(config.model_name_or_path, config, revision=config.revision)
        return {**result, **_embeddings(biosyn, text)}
    abbreviations, typos = _abbreviations(config), _typos(config)
    linker = open_linker(
        config,
        topk=1 if config.group_by_concept else config.topk,  # one name may have several concepts
        calibrated=config.threshold is not None,
    )
    if config.wants_embeddings:
        result.update(_embeddings(linker.biosyn, text))
    if config.explain:
        explanation = linker.explain(
            config.mention,
            topk=config.topk,
            abbreviations=abbreviations,
            typos=typos,
            split_composites=config.split_composites,
        )
        return {**result, **explanation_json(explanation)}
    if config.group_by_concept:
        (grouped,) = linker.link_to_concepts([text], topk=config.topk)
        _require_concepts(len(grouped.concepts), config)
        return {**result, **decided(concept_answer_json(grouped), config.threshold)}
    (prediction,) = linker.link([text], topk=config.topk)
    return {**result, **decided(answer_json(prediction), config.threshold)}


def _embeddings(biosyn: BioSyn, text: str) -> dict[str, Any]:
    return embeddings_json(biosyn.embed([text], what="mentions"))[0]


def _abbreviations(config: InferenceConfig) -> Mapping[str, str] | None:
    if config.document is None:
        return None
    document = "\n".join(line for _, line in read_lines(config.document))
    return MentionCleaner(abbreviation_finder("ab3p")).abbreviations(document)


def _typos(config: InferenceConfig) -> Mapping[str, str] | None:
    return None if config.typo_path is None else read_typos(config.typo_path)


def _require_concepts(found: int, config: InferenceConfig) -> None:
    """Refuse a ``topk`` larger than the dictionary's concepts: all its names were searched, so they are counted."""
    if found < config.topk:
        message = f"--topk {config.topk} is larger than the number of concepts ({found})"
        raise InputError(message, path=config.dictionary_path)
