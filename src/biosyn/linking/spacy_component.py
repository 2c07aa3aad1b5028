"""The spaCy component ``biosyn_linker``, which gives the entities of a pipeline their concept ids.

spaCy finds it by an entry point: ``nlp.add_pipe("biosyn_linker", config={"model": ..., "dictionary": ...})``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biosyn.errors import InputError, missing_extra
from biosyn.files import write_json
from biosyn.linking.loading import load_linker
from biosyn.model.answers import answer_json, unsure_json
from biosyn.model.linker import Linker
from biosyn.records import MentionPrediction
from biosyn.settings.groups import Compute, Index
from biosyn.settings.verbs import INFERENCE_TOPK
from biosyn.text.mentions import MentionCleaner

try:
    from spacy.language import Language
    from spacy.tokens import Doc, Span
    from spacy.util import minibatch
except ImportError as error:
    raise missing_extra("spacy", "spacy") from error

SETTINGS_FILE = "settings.json"
_CLEANER = MentionCleaner()
BATCH_SIZE = 256  # documents whose entities are linked in one call


@dataclass(frozen=True)
class Settings:
    """The settings of the component, and all of it that is saved: paths, not the model."""

    model: str
    dictionary: str
    topk: int = INFERENCE_TOPK
    device: str = "auto"
    cache_dir: str | None = None
    revision: str | None = None

    def absolute(self) -> "Settings":
        """Return them with absolute paths; a model that is not a folder here is a Hub id, which stays."""
        changes = {
            field: str(Path(value).absolute())
            for field in ("model", "dictionary", "cache_dir")
            if (value := getattr(self, field)) is not None and (field != "model" or Path(value).exists())
        }
        return Settings(**{**asdict(self), **changes})


@Language.factory(
    "biosyn_linker",
    default_config={"topk": INFERENCE_TOPK, "device": "auto", "cache_dir": None, "revision": None},
    requires=["doc.ents"],
    assigns=["token.ent_kb_id", "span._.biosyn_concept", "span._.biosyn_candidates"],
)
def make_linker(
    nlp: Language,
    name: str,
    model: str,
    dictionary: str,
    topk: int,
    device: str,
    cache_dir: str | None,
    revision: str | None,
) -> "BiosynLinker":
    """Make the component; model and dictionary are loaded with the first entity."""
    return BiosynLinker(Settings(model, dictionary, topk, device, cache_dir, revision))


class BiosynLinker:
    """Links the entities of documents: ``ent.kb_id_``, ``ent._.biosyn_concept`` and ``ent._.biosyn_candidates``.

    ``kb_id_`` is the CURIE of the concept that the best name stands for, or empty if the entity is no mention.
    The concept and the candidates are dicts as inference.py prints them, so that spaCy can store them with a document;
    the concept is None where ``kb_id_`` is empty.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self._linker: Linker | None = None
        if not Span.has_extension("biosyn_candidates"):
            Span.set_extension("biosyn_candidates", default=())
            Span.set_extension("biosyn_concept", default=None)

    def __call__(self, doc: Doc) -> Doc:
        """Link the entities of one document."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = BATCH_SIZE) -> Iterator[Doc]:
        """Link the entities of many documents: those of a batch in one call, equal ones once."""
        for docs in minibatch(stream, batch_size):
            self._annotate(docs)
            yield from docs

    def configure(self, **changes: Any) -> None:
        """Change settings by name, for example ``model`` after its folder has been moved."""
        self.settings = Settings(**{**asdict(self.settings), **changes})
        self._linker = None

    def _annotate(self, docs: Sequence[Doc]) -> None:
        entities = [entity for doc in docs for entity in doc.ents]
        texts = list(dict.fromkeys(entity.text for entity in entities if not _CLEANER.problem(entity.text)))
        found = {prediction.mention: prediction for prediction in self._link(texts)}
        for entity in entities:
            _set(entity, found.get(entity.text))

    def _link(self, texts: Sequence[str]) -> list[MentionPrediction]:
        if not texts:
            return []
        if self._linker is None:
            self._linker = self._load()
        return self._linker.normalize(texts, topk=self.settings.topk)

    def _load(self) -> Linker:
        settings = self.settings
        return load_linker(
            settings.model,
            settings.dictionary,
            Compute(device=settings.device),
            Index(cache_dir=settings.cache_dir),
            revision=settings.revision,
            topk=settings.topk,
        )

    # -- saving, which spaCy calls

    def to_bytes(self, *, exclude: Sequence[str] = ()) -> bytes:
        """Return the settings, with absolute paths."""
        return json.dumps(asdict(self.settings.absolute()), allow_nan=False).encode()

    def from_bytes(self, content: bytes, *, exclude: Sequence[str] = ()) -> "BiosynLinker":
        """Take the settings of `to_bytes`; the model is loaded with the next entity."""
        self.configure(**json.loads(content))
        return self

    def to_disk(self, path: str | Path, *, exclude: Sequence[str] = ()) -> None:
        """Write the settings into a folder."""
        Path(path).mkdir(parents=True, exist_ok=True)
        write_json(Path(path) / SETTINGS_FILE, asdict(self.settings.absolute()))

    def from_disk(self, path: str | Path, *, exclude: Sequence[str] = ()) -> "BiosynLinker":
        """Take the settings of `to_disk`."""
        file = Path(path) / SETTINGS_FILE
        try:
            return self.from_bytes(file.read_bytes())
        except (OSError, ValueError, TypeError) as error:
            raise InputError("is not a settings file: save the pipeline again", path=file) from error


def _set(entity: Span, prediction: MentionPrediction | None) -> None:
    answer: dict[str, Any] = {"predictions": (), "concept": None} if prediction is None else answer_json(prediction)
    kb_id = "" if prediction is None else prediction.concepts[0].curie
    for token in entity:  # doc.ents are made from the tokens, so what is set on a Span alone is lost
        token.ent_kb_id_ = kb_id
    entity._.biosyn_candidates = tuple(answer["predictions"])
    unsure = unsure_json(prediction.unsure) if prediction else {}
    entity._.biosyn_concept = answer["concept"] and {**answer["concept"], **unsure}
