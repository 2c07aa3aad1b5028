"""The settings of each verb: frozen, each default in one place, checked when made.

A config stops at the door: a verb unpacks it, and nothing below takes one.
"""

import math
from dataclasses import dataclass

from biosyn.errors import InputError

MAX_LENGTH = 25
TOPK = 20
INFERENCE_TOPK = 5
DEMO_TOPK = 10
SCORE_MODES = ("hybrid", "dense", "sparse")
PRECISIONS = ("float32", "bfloat16", "float16")
TRAIN_PRECISIONS = ("float32", "bfloat16")  # float16 would need its loss scaled
INDEX_PRECISIONS = ("float32", "float16")
POOLINGS = ("cls", "mean")
SIMILARITIES = ("inner", "cosine")
SEARCH_MEMORY = 200  # MB
CHECKPOINT_FORMATS = ("biosyn", "upstream")
DOCUMENT_FORMATS = ("pubtator", "bioc-xml", "bioc-json")
LINK_FORMATS = ("lines", "csv", "tsv", "jsonl", *DOCUMENT_FORMATS)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of train.py; names and defaults are upstream's but for ``learning_rate`` (its examples' 1e-5)."""

    model_name_or_path: str
    train_dictionary_path: str
    train_dir: str
    output_dir: str
    revision: str | None = None
    max_length: int = MAX_LENGTH
    seed: int = 0
    device: str = "auto"
    draft: bool = False
    topk: int = TOPK
    learning_rate: float = 1e-5
    weight_decay: float = 0.01
    train_batch_size: int = 16
    epoch: int = 10
    initial_sparse_weight: float = 0.0
    keep_sparse_weight: bool = False
    dense_ratio: float = 0.5
    fixed_candidates: bool = False
    pooling: str | None = None
    similarity: str | None = None
    temperature: float = 1.0
    precision: str = "float32"
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    search_memory: int = SEARCH_MEMORY
    save_checkpoint_all: bool = False
    dev_dir: str | None = None
    dev_dictionary_path: str | None = None
    keep_best: bool = False
    resume: bool = False
    save_every_steps: int = 0
    keep_last: int = 1
    show_progress: bool = False

    def __post_init__(self) -> None:
        _check_run(self)
        _at_least("--topk", self.topk, 1)
        _at_least("--gradient_accumulation_steps", self.gradient_accumulation_steps, 1)
        _check_vectors(self.pooling, self.similarity, self.temperature)
        if not 0 <= self.dense_ratio <= 1:
            raise InputError(f"--dense_ratio must be between 0 and 1, found {self.dense_ratio}")


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Settings of pretrain.py. Similarity is always the cosine: the loss needs vectors of one length."""

    model_name_or_path: str
    train_dictionary_path: str
    output_dir: str
    revision: str | None = None
    max_length: int = MAX_LENGTH
    seed: int = 0
    device: str = "auto"
    draft: bool = False
    epoch: int = 5
    train_batch_size: int = 128
    group_size: int = 8
    learning_rate: float = 5e-5
    weight_decay: float = 0.01
    warmup: float = 0.1
    temperature: float = 0.05
    pooling: str = "mean"
    initial_sparse_weight: float = 0.0
    precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    save_checkpoint_all: bool = False
    dev_dir: str | None = None
    dev_dictionary_path: str | None = None
    keep_best: bool = False
    resume: bool = False
    save_every_steps: int = 0
    keep_last: int = 1
    show_progress: bool = False

    def __post_init__(self) -> None:
        _check_run(self)
        _at_least("--group_size", self.group_size, 1)
        _check_vectors(self.pooling, "cosine", self.temperature)
        if not 0 <= self.warmup <= 1:
            raise InputError(f"--warmup must be between 0 and 1, found {self.warmup}")


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Settings of eval.py. ``max_length`` None means the checkpoint's own; several ``train_dir`` count as one."""

    model_name_or_path: str
    dictionary_path: str
    data_dir: str
    revision: str | None = None
    device: str = "auto"
    cache_dir: str | None = None
    precision: str = "float32"
    index_precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    topk: int = TOPK
    score_mode: str = "hybrid"
    output_dir: str = "./output/"
    filter_composite: bool = False
    filter_duplicate: bool = False
    save_predictions: bool = False
    record_as: str | None = None
    train_dir: tuple[str, ...] = ()
    threshold: float | None = None
    hide_concepts: float = 0.0
    seed: int = 0
    report: bool = False
    max_length: int | None = None
    show_progress: bool = False

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise InputError("--output_dir is empty: name a folder")
        if self.record_as is not None and not self.record_as.strip():
            raise InputError("--record_as is empty: name the data set, for example test")
        if self.max_length is not None:
            _at_least("--max_length", self.max_length, 3)
        _at_least("--topk", self.topk, 1)
        _check_compute(self.precision, self.index_precision, self.search_memory)
        _one_of("--score_mode", self.score_mode, SCORE_MODES)
        _check_threshold(self.threshold)
        _check_hidden(self.hide_concepts)
        if self.hide_concepts and self.record_as is not None:
            raise InputError("--record_as is for figures of the whole dictionary: leave out --hide_concepts")


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig:
    """Settings of biosyn calibrate."""

    model_name_or_path: str
    dictionary_path: str
    data_dir: str
    device: str = "auto"
    cache_dir: str | None = None
    precision: str = "float32"
    index_precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    score_mode: str = "hybrid"
    hide_concepts: float = 0.0
    seed: int = 0
    show_progress: bool = False

    def __post_init__(self) -> None:
        _check_compute(self.precision, self.index_precision, self.search_memory)
        _one_of("--score_mode", self.score_mode, SCORE_MODES)
        _check_hidden(self.hide_concepts)


@dataclass(frozen=True, kw_only=True)
class InferenceConfig:
    """Settings of inference.py.

    With neither ``show_predictions`` nor ``show_embeddings``: predictions where there is a dictionary, else embeddings.
    """

    model_name_or_path: str
    mention: str
    dictionary_path: str | None = None
    revision: str | None = None
    device: str = "auto"
    cache_dir: str | None = None
    precision: str = "float32"
    index_precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    ann: bool = False
    topk: int = INFERENCE_TOPK
    show_predictions: bool = False
    show_embeddings: bool = False
    group_by_concept: bool = False
    explain: bool = False
    document: str | None = None
    typo_path: str | None = None
    split_composites: bool = False
    threshold: float | None = None
    show_progress: bool = False

    def __post_init__(self) -> None:
        _at_least("--topk", self.topk, 1)
        _check_compute(self.precision, self.index_precision, self.search_memory)
        for flag in ("show_predictions", "group_by_concept", "explain", "threshold", "ann"):
            if getattr(self, flag) not in (False, None) and self.dictionary_path is None:
                raise InputError(f"--{flag} needs --dictionary_path")
        _check_threshold(self.threshold)
        if self.threshold is not None and not self.wants_answer:
            raise InputError("--threshold decides about an answer, which --explain and --show_embeddings do not give")
        if self.group_by_concept and self.explain:
            raise InputError("--group_by_concept and --explain give two different answers: choose one")
        for flag in ("document", "typo_path", "split_composites"):
            if getattr(self, flag) not in (False, None) and not self.explain:
                raise InputError(f"--{flag} needs --explain: without it a mention is linked as it is typed")

    @property
    def wants_predictions(self) -> bool:
        """Whether the result holds predictions, in whatever form."""
        asked = self.show_predictions or self.group_by_concept or self.explain
        return asked or (self.dictionary_path is not None and not self.show_embeddings)

    @property
    def wants_answer(self) -> bool:
        """Whether the result holds an answer that a threshold can take back."""
        return self.wants_predictions and not self.explain

    @property
    def wants_embeddings(self) -> bool:
        """Whether the result holds embeddings."""
        return self.show_embeddings or not self.wants_predictions


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """Settings of inference.py --input.

    ``format``, ``add`` and ``abbreviations`` None: the format by the file's name; all that a format has room for;
    Ab3P where there are documents.
    """

    model_name_or_path: str
    input: str
    output: str
    dictionary_path: str
    revision: str | None = None
    device: str = "auto"
    cache_dir: str | None = None
    precision: str = "float32"
    index_precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    ann: bool = False
    format: str | None = None
    column: str = "mention"
    field: str = "mention"
    types: str | None = None
    add: str | None = None
    abbreviations: str | None = None
    typo_path: str | None = None
    split_composites: bool = False
    threshold: float | None = None
    on_error: str = "fail"
    resume: bool = False
    show_progress: bool = False

    def __post_init__(self) -> None:
        _check_compute(self.precision, self.index_precision, self.search_memory)
        _check_threshold(self.threshold)
        for flag, value in (("--output", self.output), ("--dictionary_path", self.dictionary_path)):
            if not value:
                raise InputError(f"--input needs {flag}")
        if self.types is not None and not self.mention_types:
            raise InputError("--types is empty: name one or more, separated by commas")
        for flag, chosen, known in (
            ("--format", self.format, (None, *LINK_FORMATS)),
            ("--add", self.add, (None, "id", "all")),
            ("--on_error", self.on_error, ("fail", "skip")),
        ):
            if chosen not in known:
                raise InputError(f"{flag} must be one of {', '.join(filter(None, known))}, found {chosen}")

    @property
    def mention_types(self) -> frozenset[str] | None:
        """The types of mentions to link; None means all."""
        return None if self.types is None else frozenset(part.strip() for part in self.types.split(",") if part.strip())


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Settings of demo.py."""

    model_name_or_path: str
    dictionary_path: str
    revision: str | None = None
    device: str = "auto"
    cache_dir: str | None = None
    precision: str = "float32"
    index_precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    ann: bool = False
    host: str = "127.0.0.1"
    port: int = 8888
    topk: int = DEMO_TOPK
    log_queries: bool = False
    show_progress: bool = False

    def __post_init__(self) -> None:
        _at_least("--topk", self.topk, 1)
        _check_compute(self.precision, self.index_precision, self.search_memory)
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port must be between 0 and 65535, found {self.port}")


@dataclass(frozen=True, kw_only=True)
class IndexConfig:
    """Settings of biosyn index build."""

    model_name_or_path: str
    dictionary_path: str
    revision: str | None = None
    device: str = "auto"
    cache_dir: str | None = None
    precision: str = "float32"
    index_precision: str = "float32"
    search_memory: int = SEARCH_MEMORY
    ann: bool = False
    show_progress: bool = False

    def __post_init__(self) -> None:
        _check_compute(self.precision, self.index_precision, self.search_memory)


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """Settings of biosyn convert. ``max_length`` None means the checkpoint's own; a published one keeps none: 25."""

    model_name_or_path: str
    output_dir: str
    revision: str | None = None
    to: str = "biosyn"
    max_length: int | None = None

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise InputError("--output_dir is empty: name a folder")
        if self.max_length is not None:
            _at_least("--max_length", self.max_length, 3)
        _one_of("--to", self.to, CHECKPOINT_FORMATS)


def _check_run(config: TrainConfig | PretrainConfig) -> None:
    """Check what the two trainings have in common."""
    if not config.output_dir:
        raise InputError("--output_dir is empty: name a folder")
    for flag, least in (
        ("max_length", 3),
        ("train_batch_size", 1),
        ("search_memory", 1),
        ("epoch", 0),
        ("save_every_steps", 0),
        ("keep_last", 0),
        ("weight_decay", 0),
    ):
        _at_least(f"--{flag}", getattr(config, flag), least)
    for flag in ("learning_rate", "weight_decay", "initial_sparse_weight"):
        _finite(f"--{flag}", getattr(config, flag))
    if not config.learning_rate > 0:
        raise InputError(f"--learning_rate must be above 0, found {config.learning_rate}")
    _one_of("--precision", config.precision, TRAIN_PRECISIONS)
    if (config.dev_dir is None) != (config.dev_dictionary_path is None):
        raise InputError("--dev_dir and --dev_dictionary_path go together: give both or neither")
    if config.keep_best and config.dev_dir is None:
        raise InputError("--keep_best needs --dev_dir and --dev_dictionary_path")


def _check_compute(precision: str, index_precision: str, search_memory: int) -> None:
    _one_of("--precision", precision, PRECISIONS)
    _one_of("--index_precision", index_precision, INDEX_PRECISIONS)
    _at_least("--search_memory", search_memory, 1)


def _check_vectors(pooling: str | None, similarity: str | None, temperature: float) -> None:
    if pooling is not None:
        _one_of("--pooling", pooling, POOLINGS)
    if similarity is not None:
        _one_of("--similarity", similarity, SIMILARITIES)
    _finite("--temperature", temperature)
    if not temperature > 0:
        raise InputError(f"--temperature must be above 0, found {temperature}")


def _check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"--threshold is a probability, between 0 and 1, found {threshold}")


def _check_hidden(share: float) -> None:
    if not 0 <= share < 1:
        raise InputError(f"--hide_concepts must be at least 0 and below 1, found {share}")


def _one_of(flag: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{flag} must be one of {', '.join(choices)}, found {value}")


def _finite(flag: str, value: float) -> None:
    if not math.isfinite(value):
        raise InputError(f"{flag} must be a finite number, found {value}")


def _at_least(flag: str, value: float, least: float) -> None:
    if not value >= least:  # written so that nan is refused too
        raise InputError(f"{flag} must be at least {least}, found {value}")
