"""The spaCy component ``biosyn_linker``, which gives the entities and spans of a pipeline their concept ids.

spaCy finds it by an entry point: ``nlp.add_pipe("biosyn_linker", config={"model": ..., "dictionary": ...})``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biosyn.errors import InputError, missing_extra
from biosyn.linking.loading import load_linker
from biosyn.model.answers import answer_json, unsure_json
from biosyn.model.linker import Linker
from biosyn.records import MentionPrediction
from biosyn.settings.groups import Compute, Index
from biosyn.settings.verbs import INFERENCE_TOPK
from biosyn.text.mentions import MentionCleaner
from biosyn.writing import write_json

try:
    from spacy.language import Language
    from spacy.tokens import Doc, Span, SpanGroup
    from spacy.util import minibatch
except ImportError as error:
    raise missing_extra("spacy", "spacy") from error

SETTINGS_FILE = "settings.json"
_CLEANER = MentionCleaner()
BATCH_SIZE = 256  # documents whose entities are linked in one call


@dataclass(frozen=True)
class Settings:
    """The settings of the component, and all of it that is saved or pickled: paths, not the model.

    ``spans_key`` is the key of a span group, or a list of keys.
    """

    model: str
    dictionary: str
    topk: int = INFERENCE_TOPK
    device: str = "auto"
    cache_dir: str | None = None
    revision: str | None = None
    spans_key: str | list[str] | None = None

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
    default_config={
        "topk": INFERENCE_TOPK,
        "device": "auto",
        "cache_dir": None,
        "revision": None,
        "spans_key": None,
    },
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
    spans_key: str | list[str] | None,
) -> "BiosynLinker":
    """Make the component; model and dictionary are loaded with the first entity."""
    return BiosynLinker(Settings(model, dictionary, topk, device, cache_dir, revision, spans_key))


class BiosynLinker:
    """Links the entities of documents: ``ent.kb_id_``, ``ent._.biosyn_concept`` and ``ent._.biosyn_candidates``.

    With ``spans_key`` it links the spans of ``doc.spans[spans_key]`` too; a document without such a group has none.

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
        """Link the entities and spans of one document."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = BATCH_SIZE) -> Iterator[Doc]:
        """Link the entities and spans of many documents: those of a batch in one call, equal ones once."""
        for docs in minibatch(stream, batch_size):
            self._annotate(docs)
            yield from docs

    def configure(self, **changes: Any) -> None:
        """Change settings by name, for example ``model`` after its folder has been moved."""
        self.settings = Settings(**{**asdict(self.settings), **changes})
        self._linker = None

    def _annotate(self, docs: Sequence[Doc]) -> None:
        groups = [doc.spans[key] for doc in docs for key in self._keys if key in doc.spans]
        spans = [span for each in (*(doc.ents for doc in docs), *groups) for span in each]
        texts = list(dict.fromkeys(span.text for span in spans if not _CLEANER.problem(span.text)))
        found = {prediction.mention: prediction for prediction in self._link(texts)}
        for doc in docs:
            for entity in doc.ents:
                for token in entity:  # doc.ents are made from the tokens, so what is set on a Span alone is lost
                    token.ent_kb_id_ = _kb_id(found.get(entity.text))
                _set_answer(entity, found.get(entity.text))
        for group in groups:
            _link_group(group, found)

    @property
    def _keys(self) -> list[str]:
        keys = self.settings.spans_key
        return [keys] if isinstance(keys, str) else list(keys or ())

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

    # -- saving, which spaCy calls; and pickling

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings, with absolute paths."""
        return asdict(self.settings.absolute())

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the settings of `__getstate__`; the model is loaded with the next entity."""
        BiosynLinker.__init__(self, Settings(**state))

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


def _link_group(group: SpanGroup, found: Mapping[str, MentionPrediction]) -> None:
    """Replace the spans of a group by linked ones; its name, its attributes and the order of its spans stay."""
    doc, spans = group.doc, []
    for old in group:  # what is set on such a Span is lost
        prediction = found.get(old.text)
        span = Span(doc, old.start, old.end, label=old.label, kb_id=_kb_id(prediction), span_id=old.id)
        _set_answer(span, prediction)
        spans.append(span)
    for place, span in enumerate(spans):
        group[place] = span  # type: ignore[index]  # spaCy's annotations lack it


def _kb_id(prediction: MentionPrediction | None) -> str:
    return "" if prediction is None else prediction.resolved[0].curie


def _set_answer(span: Span, prediction: MentionPrediction | None) -> None:
    answer: dict[str, Any] = {"predictions": (), "concept": None} if prediction is None else answer_json(prediction)
    span._.biosyn_candidates = tuple(answer["predictions"])
    unsure = unsure_json(prediction.unsure) if prediction else {}
    span._.biosyn_concept = answer["concept"] and {**answer["concept"], **unsure}
