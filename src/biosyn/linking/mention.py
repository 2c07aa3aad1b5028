"""inference.py: one mention to its best names, concepts, reasons or embeddings, as JSON."""

from collections.abc import Mapping
from typing import Any

from biosyn.data.concepts import ConceptTable
from biosyn.devices import resolve_device
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.linking.loading import load_linker
from biosyn.model.answers import answer_json, concept_answer_json, embeddings_json, explanation_json
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import Linker, Model, clean_mention
from biosyn.settings.verbs import InferenceConfig
from biosyn.text.abbreviations import abbreviation_finder
from biosyn.text.preprocess import read_typos


def infer(config: InferenceConfig) -> dict[str, Any]:
    """Run inference.py: return its JSON result.

    Raises
    ------
    InputError
        If the mention is empty, a file is missing or bad, or predictions are asked for without a dictionary.
    """
    cleaned = clean_mention(config.mention)
    result: dict[str, Any] = {"mention": config.mention}
    if not config.wants_predictions or config.dictionary_path is None:
        device = resolve_device(config.device)
        biosyn = BioSyn.from_pretrained(
            config.model_name_or_path, revision=config.revision, device=device, precision=config.precision
        )
        return {**result, **_embeddings(biosyn, cleaned)}
    abbreviations, typos = _abbreviations(config), _typos(config)
    linker = _load_linker(config, config.dictionary_path)
    if config.wants_embeddings:
        result.update(_embeddings(linker.biosyn, cleaned))
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
        (grouped,) = linker.normalize_to_concepts([config.mention], topk=config.topk)
        _require_concepts(len(grouped.concepts), config)
        return {**result, **concept_answer_json(grouped, threshold=config.threshold)}
    (prediction,) = linker.normalize([config.mention], topk=config.topk)
    return {**result, **answer_json(prediction, threshold=config.threshold)}


def _load_linker(config: InferenceConfig, dictionary_path: str) -> Linker:
    needs_concepts = config.group_by_concept or config.explain
    return load_linker(
        config.model_name_or_path,
        dictionary_path,
        topk=1 if config.group_by_concept else config.topk,  # one name may have several concepts
        device=config.device,
        revision=config.revision,
        cache_dir=config.cache_dir,
        precision=config.precision,
        index_precision=config.index_precision,
        search_memory=config.search_memory,
        ann=config.ann,
        concepts=ConceptTable.beside(dictionary_path) if needs_concepts else None,
        calibrated=config.threshold is not None,
        show_progress=config.show_progress,
    )


def _embeddings(biosyn: Model, cleaned: str) -> dict[str, Any]:
    return embeddings_json(biosyn.embed([cleaned], what="mentions"))[0]


def _abbreviations(config: InferenceConfig) -> Mapping[str, str] | None:
    if config.document is None:
        return None
    text = "\n".join(line for _, line in read_lines(config.document))
    return abbreviation_finder("ab3p")(text)


def _typos(config: InferenceConfig) -> Mapping[str, str] | None:
    return None if config.typo_path is None else read_typos(config.typo_path)


def _require_concepts(found: int, config: InferenceConfig) -> None:
    """Refuse a ``topk`` larger than the dictionary's concepts: all its names were searched, so they are counted."""
    if found < config.topk:
        message = f"--topk {config.topk} is larger than the number of concepts ({found})"
        raise InputError(message, path=config.dictionary_path)
