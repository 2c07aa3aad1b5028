"""inference.py: one mention to its best names, concepts, reasons or embeddings, as JSON."""

from collections.abc import Mapping
from typing import Any

from biosyn.config import InferenceConfig
from biosyn.data.concepts import ConceptTable
from biosyn.data.dictionary import DictionaryDataset, require_names
from biosyn.data.typos import read_typos
from biosyn.devices import resolve_device
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.model.answers import concepts_json, explanation_json, predictions_json
from biosyn.model.biosyn import BioSyn
from biosyn.model.linker import clean_mention
from biosyn.text.abbreviations import abbreviation_finder


def load_biosyn(
    model_name_or_path: str,
    dictionary_path: str,
    *,
    topk: int,
    device: str,
    revision: str | None = None,
    cache_dir: str | None = None,
    concepts: ConceptTable | None = None,
    show_progress: bool = False,
) -> BioSyn:
    """Read the dictionary and the model and embed the names; the cheap checks come first.

    Raises
    ------
    InputError
        If a file is missing or bad, the dictionary holds fewer than ``topk`` names, or the device is not there.
    """
    resolved = resolve_device(device)
    dictionary = DictionaryDataset(dictionary_path)
    require_names(dictionary, topk)
    biosyn = BioSyn.from_pretrained(model_name_or_path, revision=revision, device=resolved)
    return biosyn.load_dictionary(dictionary, cache_dir=cache_dir, concepts=concepts, show_progress=show_progress)


def infer(config: InferenceConfig) -> dict[str, Any]:
    """Run inference.py: return its JSON result.

    Raises
    ------
    InputError
        If the mention is empty, a file is missing or bad, or predictions are asked for without a dictionary.
    """
    cleaned = clean_mention(config.mention)
    abbreviations, typos = _abbreviations(config), _typos(config)
    biosyn = _load(config)
    result: dict[str, Any] = {"mention": config.mention}
    if config.wants_embeddings:
        result["mention_sparse_embeds"] = biosyn.embed_sparse([cleaned])[0].tolist()
        result["mention_dense_embeds"] = biosyn.embed_dense([cleaned])[0].tolist()
    if config.explain:
        explanation = biosyn.explain(config.mention, topk=config.topk, abbreviations=abbreviations, typos=typos)
        result.update(explanation_json(explanation))
    elif config.group_by_concept:
        (grouped,) = biosyn.normalize_to_concepts([config.mention], topk=config.topk)
        result["concepts"] = concepts_json(grouped)
        _require_concepts(len(grouped.concepts), config)
    elif config.wants_predictions:
        (prediction,) = biosyn.normalize([config.mention], topk=config.topk)
        result["predictions"] = predictions_json(prediction)
    return result


def _load(config: InferenceConfig) -> BioSyn:
    if not config.wants_predictions or config.dictionary_path is None:
        device = resolve_device(config.device)
        return BioSyn.from_pretrained(config.model_name_or_path, revision=config.revision, device=device)
    needs_concepts = config.group_by_concept or config.explain
    return load_biosyn(
        config.model_name_or_path,
        config.dictionary_path,
        topk=1 if config.group_by_concept else config.topk,  # a name may have several concepts
        device=config.device,
        revision=config.revision,
        cache_dir=config.cache_dir,
        concepts=ConceptTable.beside(config.dictionary_path) if needs_concepts else None,
        show_progress=config.show_progress,
    )


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
