"""Groups of settings, each setting declared once: its type, default, help, choices and check.

A verb's record in `verbs.py` has groups as bases, so its fields are flat: ``config.epoch``. `biosyn.cli.parsing`
makes a flag of every field, in the section of ``--help`` that the first word or words of the group's docstring name.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from biosyn.errors import InputError

MAX_LENGTH = 25
TOPK = 20
SCORE_MODES = ("hybrid", "dense", "sparse")
PRECISIONS = ("float32", "bfloat16", "float16")
TRAIN_PRECISIONS = ("float32", "bfloat16")  # float16 would need its loss scaled
INDEX_PRECISIONS = ("float32", "float16")
POOLINGS = ("cls", "mean")
SIMILARITIES = ("inner", "cosine")
SEARCH_MEMORY = 200  # MB
MOST_RERANKED = 100  # concepts of a mention: their names and vectors are in memory
ABBREVIATION_METHODS = ("ab3p", "schwartz-hearst", "none")
LARGEST_FLOAT32, SMALLEST_FLOAT32 = 3.4028234663852886e38, 1.1754943508222875e-38  # what is computed with is float32
SEEDS = 2**32  # NumPy's generator takes no more

Record = TypeVar("Record")
Check = Callable[[Any], str | None]  # a value -> what is wrong with it, if anything


def setting(
    text: str,
    *,
    default: Any = dataclasses.MISSING,
    choices: tuple[str, ...] = (),
    check: Check | None = None,
    metavar: str | None = None,
    required: bool = True,
    reads: str = "",
    section: str = "",
) -> Any:
    """Return a dataclass field that becomes a flag.

    Parameters
    ----------
    text
        The help of the flag; its default is added to it.
    check
        What is wrong with a value, if anything; called with values other than a default of None.
    metavar
        The name of the value in the help; None for the name of the flag.
    choices
        The values allowed; empty for all.
    required
        Whether the flag of a field without a default must be given. False where a verb has two ways to be called.
    reads
        What is read of the path that it names, a key of `biosyn.places.READS`; empty where it names none.
    section
        The section of the help; empty for that of its group.
    """
    metadata = {
        **{"help": text, "choices": choices, "check": check, "metavar": metavar},
        **{"required": required, "reads": reads, "section": section},
    }
    return dataclasses.field(default=default, metadata=metadata)


def changed(base: type, name: str, **changes: Any) -> Any:
    """Return the field `name` of a group with another default, text, choices or check, for a verb that differs.

    A type checker takes the field for one with a default, even where the group's has none.
    """
    field = next(each for each in dataclasses.fields(base) if each.name == name)
    known = {("text" if key == "help" else key): value for key, value in field.metadata.items()}
    return setting(**{"default": field.default, **known, **changes})


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting,))
def settings(verb: type[Record]) -> type[Record]:
    """Make a class the frozen record of a verb's settings, built with keywords alone."""
    return dataclass(frozen=True, kw_only=True)(verb)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting,))
def group(part: type[Record]) -> type[Record]:
    """Make a class a group of settings: a base of records, and none itself.

    So it gets no methods of a record, which for 15 groups would take a tenth of the time of ``--help``. `Compute` and
    `Index` are used as values, so they are records.
    """
    return dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)(part)


@group
class Settings:
    """The base of all groups: checks every field, then what needs two of them, when a record is made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:  # nothing is chosen
                continue
            choices, check = field.metadata.get("choices"), field.metadata.get("check")
            if choices and value not in choices:
                raise InputError(f"--{field.name} must be one of {', '.join(choices)}, found {value}")
            problem = _unusable(value) or (check and check(value))
            if problem:
                raise InputError(f"--{field.name} {problem}")
        self.check()

    def check(self) -> None:
        """Raise an InputError where two settings contradict each other."""


def _unusable(value: Any) -> str | None:
    """Say what is wrong with a value that the libraries below cannot take, whatever its setting is."""
    if isinstance(value, int) and abs(value) >= 2**63:
        return "is too large"
    texts = value if isinstance(value, tuple) else (value,)
    return "holds a NUL character" if any(isinstance(text, str) and "\0" in text for text in texts) else None


def at_least(least: float) -> Check:
    """Return the check that a number is at least `least`; NaN is not."""
    return lambda value: None if value >= least else f"must be at least {least}, found {value}"


def between(least: int, most: int) -> Check:
    """Return the check that a whole number is between two others, or equal to one."""
    return lambda value: None if least <= value <= most else f"must be between {least} and {most}, found {value}"


def finite(value: float) -> str | None:
    """Say what is wrong with a number that is infinite or NaN, or becomes infinite in float32."""
    if not math.isfinite(value):
        return f"must be a finite number, found {value}"
    return None if abs(value) <= LARGEST_FLOAT32 else f"is too large for float32, found {value}"


def positive(value: float) -> str | None:
    """Say what is wrong with a number that is not finite and above 0."""
    return finite(value) or (None if value >= SMALLEST_FLOAT32 else f"must be above 0 in float32, found {value}")


def not_negative(value: float) -> str | None:
    """Say what is wrong with a number that is not finite, or below 0."""
    return at_least(0)(value) or finite(value)


def fraction(value: float) -> str | None:
    """Say what is wrong with a number that is not between 0 and 1."""
    return None if 0 <= value <= 1 else f"must be between 0 and 1, found {value}"


def a_seed(value: int) -> str | None:
    """Say what is wrong with a seed that one of the generators does not take, or takes for another."""
    return None if 0 <= value < SEEDS else f"must be between 0 and {SEEDS - 1}, found {value}"


def filled(what: str) -> Check:
    """Return the check that a text or path is not empty; `what` says what to give."""
    return lambda value: None if str(value or "").strip() else f"is empty: {what}"


def not_blank(what: str) -> Check:
    """Return the check that a text or path, if there is one, is not empty; `what` says what to give."""
    return lambda value: None if value is None else filled(what)(value)


def each(check: Check) -> Check:
    """Return the check of several values: what is wrong with the first that is not right."""
    return lambda values: next(filter(None, map(check, values)), None)


FILE, FOLDER, MODEL = (not_blank(f"name a {what}") for what in ("file", "folder", "folder or a Hub id"))
OUTPUT = filled("name a folder")


# -- Groups of several verbs


@group
class Model(Settings):
    """Model."""

    model_name_or_path: str = setting(
        "a BioSyn model: a folder that train.py or pretrain.py wrote, a published checkpoint, or a Hub id",
        reads="model",
        check=MODEL,
    )
    revision: str | None = setting("branch, tag or commit of a Hub id (default: main)", default=None)


@group
class Dictionary(Settings):
    """Data: the dictionary."""

    dictionary_path: str = setting("dictionary, one line 'cui||name' per name", check=FILE, reads="dictionary")


@group
class Queries(Settings):
    """Data: annotated mentions."""

    data_dir: str = setting("folder of .concept files, for example processed_test", check=FOLDER, reads="queries")


@settings
class Compute(Settings):
    """Compute: device, precision, memory."""

    device: str = setting("auto, cpu, cuda, cuda:N or mps", default="auto")
    precision: str = setting(
        "number format of the encoder's computation; auto: bfloat16 on a device that multiplies it, else float32",
        default="auto",
        choices=("auto", *PRECISIONS),
    )
    search_memory: int = setting(
        "memory that a search may take in addition to the vectors",
        default=SEARCH_MEMORY,
        check=at_least(1),
        metavar="MB",
    )
    show_progress: bool = setting("no progress bars, warnings only", default=False)


@settings
class TrainingCompute(Compute):
    """Compute: in float32 unless told."""

    precision: str = changed(
        Compute,
        "precision",
        text="number format of the encoder's computation; bfloat16 is for GPUs, or CPUs made for it",
        default="float32",
        choices=TRAIN_PRECISIONS,
    )


@settings
class Index(Settings):
    """Index: the embedded dictionary on disk."""

    cache_dir: str | None = setting(
        "where the embedded dictionary is kept (default: $BIOSYN_CACHE, else the user's cache)",
        default=None,
        check=FOLDER,
    )
    index_precision: str = setting(
        "number format of the embedded dictionary; float16 takes half the space",
        default="float32",
        choices=INDEX_PRECISIONS,
    )


@group
class Approximate(Settings):
    """Index: the approximate search."""

    ann: bool = setting(
        "search the approximate index that biosyn index build --ann made: millions of names in milliseconds",
        default=False,
    )


@group
class Order(Settings):
    """Answer: the order of the names."""

    exact_first: bool = setting(
        "put a name that equals the mention, letter for letter, first, whatever its score", default=True
    )
    rerank: int = setting(
        "compare the K best concepts by all their names, and reorder them; 0: none; needs biosyn rerank",
        default=0,
        metavar="K",
        check=between(0, MOST_RERANKED),
    )

    def check(self) -> None:
        """Refuse what needs probabilities of scores that no calibration knows."""
        super().check()
        for flag in ("threshold", "least_sure_first"):
            if self.rerank and getattr(self, flag, None) not in (None, False):
                raise InputError(f"--{flag} needs probabilities, and scores after --rerank have none: choose one")


@group
class Threshold(Settings):
    """Answer: or none."""

    threshold: float | None = setting(
        "answer -1 where the best concept is right with a probability below P; needs biosyn calibrate",
        default=None,
        metavar="P",
        check=lambda value: None if 0 <= value <= 1 else f"is a probability, between 0 and 1, found {value}",
    )


@group
class Evaluation(Settings):
    """Evaluation."""

    score_mode: str = setting("score by which names are ranked", default="hybrid", choices=SCORE_MODES)
    hide_concepts: float = setting(
        "take this fraction of the concepts out of the dictionary, so that their mentions have none there",
        default=0.0,
        metavar="FRACTION",
        check=lambda value: None if 0 <= value < 1 else f"must be at least 0 and below 1, found {value}",
    )
    seed: int = setting("chooses the concepts that are hidden", default=0, check=a_seed)


@group
class Composites(Settings):
    """Cleaning of mentions."""

    typo_path: str | None = setting(
        "with --explain or --input: corrections, one line 'wrong||right' per word",
        default=None,
        metavar="FILE",
        reads="file",
        check=FILE,
    )
    split_composites: bool = setting(
        "with --explain or --input: link the parts of 'breast and ovarian cancer' if each is a name", default=False
    )


# -- Groups of the two trainings


@group
class TrainingFiles(Settings):
    """Data: what is read, and what is written."""

    model_name_or_path: str = setting(
        "encoder to start from, or a BioSyn model: a folder or a Hub id", check=MODEL, reads="model", section="model"
    )
    revision: str | None = setting("branch, tag or commit of a Hub id (default: main)", default=None, section="model")
    output_dir: str = setting("where the checkpoint and train_log.jsonl go", check=OUTPUT, section="output")
    dev_dir: str | None = setting(
        "folder of .concept files on which each epoch is measured", default=None, check=FOLDER, reads="queries"
    )
    dev_dictionary_path: str | None = setting("dictionary for --dev_dir", default=None, check=FILE, reads="dictionary")
    keep_best: bool = setting(
        "keep the epoch with the best Acc@1 on dev, not the last one", default=False, section="output"
    )

    def check(self) -> None:
        """Refuse half a dev set, and a best epoch without one."""
        super().check()
        if (self.dev_dir is None) != (self.dev_dictionary_path is None):
            raise InputError("--dev_dir and --dev_dictionary_path go together: give both or neither")
        if self.keep_best and self.dev_dir is None:
            raise InputError("--keep_best needs --dev_dir and --dev_dictionary_path")


@group
class Encoder(Settings):
    """Model: the vectors."""

    max_length: int = setting(
        "tokens kept of a name or mention, [CLS] and [SEP] included", default=MAX_LENGTH, check=at_least(3)
    )
    pooling: str | None = setting(
        "a vector is the state at [CLS], or the mean over the tokens (default: the model's, or cls)",
        default=None,
        choices=POOLINGS,
    )
    initial_sparse_weight: float = setting("weight w of the sparse score before training", default=0.0, check=finite)


@group
class Optimization(Settings):
    """Training."""

    epoch: int = setting("epochs; 0 fits the TF-IDF and saves", default=10, check=at_least(0))
    train_batch_size: int = setting("mentions in a batch, of all ranks together", default=16, check=at_least(1))
    learning_rate: float = setting("learning rate of the encoder, constant", default=1e-5, check=positive)
    weight_decay: float = setting("weight decay of the encoder", default=0.01, check=not_negative)
    temperature: float = setting(
        "scores are divided by it for the loss; 0.05 suits cosines", default=1.0, check=positive
    )
    seed: int = setting("seed of the mentions' order and the dropout", default=0, check=a_seed)


@group
class Run(Settings):
    """Run: states of the training."""

    draft: bool = setting("100 names, 10 mentions, output in <output_dir>_draft: a trial run", default=False)
    resume: bool = setting("resume from the newest training state in --output_dir, if there is one", default=False)
    save_every_steps: int = setting(
        "save the training state every N steps too, not only after each epoch; 0: never",
        default=0,
        check=at_least(0),
        metavar="N",
    )
    keep_last: int = setting(
        "training states to keep; 0: one, and none once the training is complete",
        default=1,
        check=at_least(0),
        metavar="N",
    )
    save_checkpoint_all: bool = setting("also save checkpoint_N/ after each epoch", default=False)
