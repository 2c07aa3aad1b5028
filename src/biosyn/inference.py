"""From mentions to candidates: the one path that inference.py and the demo share."""

from collections.abc import Sequence
from typing import Any

from biosyn.config import SEARCH_MEMORY, InferenceConfig
from biosyn.data.dictionary import DictionaryDataset, require_names
from biosyn.devices import resolve_device
from biosyn.errors import InputError
from biosyn.model.biosyn import BioSyn
from biosyn.model.candidates import to_candidates
from biosyn.records import MentionPrediction
from biosyn.text.preprocess import TextPreprocess


class Linker:
    """Maps mentions to names of one dictionary, which is embedded once.

    Parameters
    ----------
    biosyn
        A loaded model.
    dictionary
        Taken as it is: its names are not cleaned.
    cache_dir
        Where the embedded dictionary is kept from one run to the next; None takes the usual place.
    index_precision
        How it is kept: ``float32`` or ``float16``.
    """

    def __init__(
        self,
        biosyn: BioSyn,
        dictionary: DictionaryDataset,
        *,
        cache_dir: str | None = None,
        index_precision: str = "float32",
        show_progress: bool = False,
    ):
        self.biosyn = biosyn
        self.dictionary = dictionary
        progress = "dictionary" if show_progress else None
        index = biosyn.index(dictionary, cache_dir=cache_dir, precision=index_precision, progress=progress)
        self.names = index.vectors(biosyn.device)

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        dictionary_path: str,
        *,
        topk: int,
        device: str,
        revision: str | None = None,
        cache_dir: str | None = None,
        precision: str = "float32",
        index_precision: str = "float32",
        search_memory: int = SEARCH_MEMORY,
        show_progress: bool = False,
    ) -> "Linker":
        """Read the dictionary and the model and embed the names; the cheap checks come first.

        Raises
        ------
        InputError
            If a file is missing or bad, the dictionary holds fewer than ``topk`` names, or the device is not there.
        """
        resolved = resolve_device(device)
        dictionary = DictionaryDataset(dictionary_path)
        require_names(dictionary, topk)
        biosyn = BioSyn.from_pretrained(
            model_name_or_path, revision=revision, device=resolved, precision=precision, search_memory=search_memory
        )
        return cls(
            biosyn, dictionary, cache_dir=cache_dir, index_precision=index_precision, show_progress=show_progress
        )

    def link(self, mentions: Sequence[str], *, topk: int) -> list[MentionPrediction]:
        """Return the ``topk`` best names of each mention; fewer where the dictionary is smaller.

        Raises
        ------
        InputError
            If a mention is empty, or nothing but punctuation.
        """
        if not mentions:
            return []
        vectors = self.biosyn.embed([clean_mention(mention) for mention in mentions], what="mentions")
        found = self.biosyn.search(vectors, self.names, topk=min(topk, len(self.dictionary)))
        return [
            MentionPrediction(mention, candidates)
            for mention, candidates in zip(mentions, to_candidates(found, self.dictionary), strict=True)
        ]


def clean_mention(mention: str) -> str:
    """Return the mention as it is embedded: lower-case, punctuation to blanks; no abbreviations, no typos.

    Raises
    ------
    InputError
        If nothing is left.

    Examples
    --------
    >>> clean_mention("Ataxia-Telangiectasia")
    'ataxia telangiectasia'
    """
    cleaned = TextPreprocess().run(mention)
    if not any(map(str.isalnum, cleaned)):
        raise InputError(f"the mention {mention[:80]!r} holds no letter or digit: give a name such as 'ataxia'")
    return cleaned


def infer(config: InferenceConfig) -> dict[str, Any]:
    """Run inference.py: return its JSON result.

    Raises
    ------
    InputError
        If the mention is empty, a file is missing or bad, or predictions are asked for without a dictionary.
    """
    cleaned = clean_mention(config.mention)
    linker = None
    if config.wants_predictions and config.dictionary_path is not None:
        linker = Linker.load(
            config.model_name_or_path,
            config.dictionary_path,
            topk=config.topk,
            device=config.device,
            revision=config.revision,
            cache_dir=config.cache_dir,
            precision=config.precision,
            index_precision=config.index_precision,
            search_memory=config.search_memory,
            show_progress=config.show_progress,
        )
        biosyn = linker.biosyn
    else:
        device = resolve_device(config.device)
        biosyn = BioSyn.from_pretrained(
            config.model_name_or_path, revision=config.revision, device=device, precision=config.precision
        )
    result: dict[str, Any] = {"mention": config.mention}
    if config.wants_embeddings:
        result["mention_sparse_embeds"] = biosyn.embed_sparse([cleaned])[0].tolist()
        result["mention_dense_embeds"] = biosyn.embed_dense([cleaned])[0].tolist()
    if linker is not None:
        result["predictions"] = predictions_json(linker.link([config.mention], topk=config.topk)[0])
    return result


def predictions_json(prediction: MentionPrediction) -> list[dict[str, Any]]:
    """Return the candidates as inference.py and the demo write them; the score comes after upstream's keys."""
    return [{"name": found.name, "id": found.cui, "score": found.score} for found in prediction.candidates]
