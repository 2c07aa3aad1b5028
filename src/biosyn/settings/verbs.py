"""The settings of each verb: groups put together, what only that verb has, and what two settings must agree on.

A config stops at the verb: the verb takes it apart, and nothing below takes one.
"""

import re
from pathlib import PurePath

from biosyn.errors import InputError
from biosyn.settings.groups import (
    ABBREVIATION_METHODS,
    FILE,
    FOLDER,
    MOST_RERANKED,
    OUTPUT,
    SIMILARITIES,
    TOPK,
    Approximate,
    Composites,
    Compute,
    Dictionary,
    Encoder,
    Evaluation,
    Index,
    Model,
    Optimization,
    Order,
    Queries,
    Run,
    Settings,
    Threshold,
    TrainingCompute,
    TrainingFiles,
    at_least,
    between,
    changed,
    each,
    filled,
    fraction,
    group,
    not_negative,
    setting,
    settings,
)

INFERENCE_TOPK = 5
DEMO_TOPK = 10
CHECKPOINT_FORMATS = ("biosyn", "upstream")
DOCUMENT_FORMATS = ("pubtator", "bioc-xml", "bioc-json", "brat", "pubannotation")
TABLE_FORMATS = ("csv", "tsv")
LABEL_FORMATS = ("lines", *TABLE_FORMATS, "jsonl")
TEXT_FORMATS = {".pubtator": "pubtator", ".json": "bioc-json", ".jsonl": "jsonl"}  # by the suffix of --output
LINK_FORMATS = ("lines", *TABLE_FORMATS, "jsonl", *DOCUMENT_FORMATS)
DELIMITERS = {"\\t": "\t", "tab": "\t"}  # as they are given on a command line


@settings
class TrainConfig(TrainingFiles, Encoder, Optimization, Run, TrainingCompute):
    """Settings of train.py; names and defaults are upstream's but for ``learning_rate`` (its examples' 1e-5)."""

    train_dictionary_path: str = changed(Dictionary, "dictionary_path", section="data")
    train_dir: str = setting(
        "folder of .concept files, for example processed_traindev", check=FOLDER, reads="queries", section="data"
    )
    topk: int = setting("candidates of a mention", default=TOPK, check=at_least(1))
    dense_ratio: float = setting(
        "fraction of the candidates that come from the dense score", default=0.5, check=fraction
    )
    fixed_candidates: bool = setting(
        "keep the candidates of the first epoch: the paper's ablation of iterative retrieval", default=False
    )
    learning_rate: float = changed(
        Optimization,
        "learning_rate",
        text="learning rate of the encoder, constant; 0 trains w alone, and embeds the names once",
        check=not_negative,
    )
    keep_sparse_weight: bool = setting("start from the w of the BioSyn model given", default=False, section="model")
    similarity: str | None = setting(
        "similarity of two vectors (default: the model's, or inner)",
        default=None,
        choices=SIMILARITIES,
        section="model",
    )
    gradient_accumulation_steps: int = setting(
        "batches in a step: like one batch so much larger, in the memory of one", default=1, check=at_least(1)
    )
    gradient_checkpointing: bool = setting(
        "less memory for more time: compute activations twice", default=False, section="compute"
    )


@settings
class PretrainConfig(TrainingFiles, Encoder, Optimization, Run, TrainingCompute):
    """Settings of pretrain.py. Similarity is always the cosine: the loss needs vectors of one length."""

    train_dictionary_path: tuple[str, ...] = setting(
        "dictionary, one line 'cui||name' per name, or several for one model of all of them",
        metavar="FILE",
        reads="dictionary",
        section="data",
        check=lambda files: each(FILE)(files) if files else "is empty: name a file",
    )
    max_length: int = changed(Encoder, "max_length", text="tokens kept of a name, [CLS] and [SEP] included")
    pooling: str = changed(
        Encoder,
        "pooling",
        text="a name's vector is the mean over its tokens, or the state at [CLS]",
        default="mean",
    )
    initial_sparse_weight: float = changed(
        Encoder, "initial_sparse_weight", text="weight w of the sparse score, which is not trained here"
    )
    seed: int = changed(Optimization, "seed", text="seed of the names drawn, the batches' order and the dropout")
    epoch: int = changed(
        Optimization,
        "epoch",
        text="epochs: in each, every concept comes once, with two of its names; 0 saves the encoder as it is",
        default=5,
    )
    train_batch_size: int = changed(Optimization, "train_batch_size", text="concepts in a step", default=128)
    group_size: int = setting(
        "concepts in a step that are alike, so hard to tell apart; 1 draws all at random", default=8, check=at_least(1)
    )
    learning_rate: float = changed(
        Optimization, "learning_rate", text="learning rate of the encoder, at its highest", default=5e-5
    )
    warmup: float = setting(
        "fraction of the steps in which the rate rises; after them it falls to 0", default=0.1, check=fraction
    )
    temperature: float = changed(
        Optimization, "temperature", text="cosines are divided by it for the loss", default=0.05
    )


@settings
class EvalConfig(Model, Dictionary, Queries, Evaluation, Order, Threshold, Compute, Index):
    """Settings of eval.py. ``max_length`` None means the checkpoint's own; several ``train_dir`` count as one."""

    topk: int = setting("names kept for a mention", default=TOPK, check=at_least(1))
    output_dir: str = setting("folder for metrics.json", default="./output/", check=OUTPUT, section="output")
    filter_composite: bool = setting("leave out the mentions with several ids", default=False)
    filter_duplicate: bool = setting("keep the first of each (mention, id) pair", default=False)
    save_predictions: bool = setting("write predictions_eval.json into --output_dir", default=False, section="output")
    train_dir: tuple[str, ...] = setting(
        "folders of training queries, for the refined protocol and the slices of seen mentions and concepts",
        default=(),
        metavar="FOLDER",
        reads="queries",
        section="data",
        check=each(FOLDER),
    )
    record_as: str | None = setting(
        "add Acc@1 and Acc@5 to the checkpoint's manifest and model card, for example as test",
        default=None,
        metavar="NAME",
        check=filled("name the data set, for example test"),
        section="output",
    )
    max_length: int | None = setting(
        "tokens kept of a text (default: the checkpoint's)", default=None, check=at_least(3), section="model"
    )
    exact_first: bool = changed(Order, "exact_first", default=False)
    report: bool = setting(
        "write report.html, one page with all of it, into --output_dir", default=False, section="output"
    )

    def check(self) -> None:
        """Refuse to record figures that the manifest would not tell from others, and to compare without vectors."""
        super().check()
        if self.hide_concepts and self.record_as is not None:
            raise InputError("--record_as is for figures of the whole dictionary: leave out --hide_concepts")
        if self.rerank and self.record_as is not None:
            raise InputError("--record_as is for figures of the score alone: leave out --rerank")
        if self.rerank and self.score_mode == "sparse":
            raise InputError("--rerank compares dense vectors, which --score_mode sparse has not: leave out one")


@settings
class CalibrateConfig(Dictionary, Queries, Evaluation, Compute, Index):
    """Settings of biosyn calibrate."""

    dictionary_path: str = changed(
        Dictionary, "dictionary_path", text="dictionary of the dev set, one line 'cui||name' per name"
    )
    data_dir: str = changed(Queries, "data_dir", text="folder of .concept files, for example processed_dev")
    model_name_or_path: str = setting(
        "a folder of ours, not a Hub id; its manifest gets the calibration",
        check=FOLDER,
        reads="model",
        section="model",
    )


@settings
class RerankConfig(Dictionary, Queries, Compute, Index):
    """Settings of biosyn rerank."""

    dictionary_path: str = changed(CalibrateConfig, "dictionary_path", section="data")
    data_dir: str = changed(CalibrateConfig, "data_dir", section="data")
    model_name_or_path: str = changed(
        CalibrateConfig, "model_name_or_path", text="a folder of ours, not a Hub id; its manifest gets the weights"
    )
    score_mode: str = changed(Evaluation, "score_mode", choices=("hybrid", "dense"))
    topk: int = setting("concepts of a mention that are compared", default=TOPK, check=between(2, MOST_RERANKED))
    seed: int = changed(Evaluation, "seed", text="divides the documents into the folds of the cross-validation")


@settings
class InferenceConfig(Model, Order, Threshold, Composites, Compute, Index, Approximate):
    """Settings of inference.py --mention.

    With neither ``show_predictions`` nor ``show_embeddings``: predictions where there is a dictionary, else embeddings.
    """

    mention: str = setting("the text to map, as it is in a document", required=False)
    dictionary_path: str | None = changed(Dictionary, "dictionary_path", default=None, section="data")
    topk: int = setting("names or concepts to give", default=INFERENCE_TOPK, check=at_least(1))
    show_predictions: bool = setting("give the best names (the default with a dictionary)", default=False)
    show_embeddings: bool = setting("give the mention's vectors (the default without one)", default=False)
    group_by_concept: bool = setting("give concepts, each with the best of its names", default=False)
    explain: bool = setting("give the best names with the reasons: cleaning, n-grams in common", default=False)
    document: str | None = setting(
        "with --explain: the mention's document, whose abbreviations count",
        default=None,
        metavar="FILE",
        reads="file",
        check=FILE,
    )

    def check(self) -> None:
        """Refuse flags that need a dictionary or --explain without it, and two kinds of answer at once."""
        super().check()
        for flag in ("show_predictions", "group_by_concept", "explain", "threshold", "ann", "rerank"):
            if getattr(self, flag) not in (False, None) and self.dictionary_path is None:
                raise InputError(f"--{flag} needs --dictionary_path")
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


def _is_delimiter(text: str) -> bool:
    return len(DELIMITERS.get(text, text)) == 1 and text not in '"\r\n'


@settings
class LinkConfig(Model, Dictionary, Order, Threshold, Composites, Compute, Index, Approximate):
    """Settings of inference.py --input.

    ``format``, ``add`` and ``abbreviations`` None: the format by the file's name and content; all that a format has
    room for; Ab3P where there are documents.
    """

    input: str = setting(
        "file of mentions; the same file with ids, names and scores in it becomes --output",
        required=False,
        reads="file",
        check=FILE,
    )
    output: str = setting(
        "file to write, whole when all is done; gzip where it ends in .gz", required=False, check=FILE
    )
    format: str | None = setting(
        "the input's format (default: by the file's name and content)", default=None, choices=LINK_FORMATS
    )
    column: str = setting(
        "column of a table that holds the mention: its name, or its place (1, 2, ...) in a table without a header",
        default="mention",
    )
    header: str | None = setting(
        "whether a table begins with the names of its columns (default: no where --column is a number, else yes)",
        default=None,
        choices=("yes", "no"),
    )
    delimiter: str | None = setting(
        "character between the cells of a table; \\t is a tab (default: what a line sep=; names, or the format's)",
        default=None,
        check=lambda value: None if _is_delimiter(value) else "must be one character, and no quote or line end",
    )
    quotes: str | None = setting(
        'whether " may enclose the cells of a table (default: double, in a TSV none)',
        default=None,
        choices=("double", "none"),
    )
    field: str = setting("member of a JSON object that holds it", default="mention")
    types: str | None = setting("link mentions of these types only, separated by commas, in any capitals", default=None)
    add: str | None = setting(
        "id alone, or name and score too (default: all; PubTator and brat: id)", default=None, choices=("id", "all")
    )
    ids: str = setting(
        "primary: the CURIE of the concept that the name stands for; all: every id of the name, as in the dictionary",
        default="primary",
        choices=("primary", "all"),
    )
    abbreviations: str | None = setting(
        "how abbreviations are found (default: ab3p where there are documents)",
        default=None,
        choices=ABBREVIATION_METHODS,
    )
    on_error: str = setting("end at a bad record, or skip it", default="fail", choices=("fail", "skip"))
    resume: bool = setting("resume a run that was stopped", default=False)

    def check(self) -> None:
        """Refuse an input without an output or a dictionary, and an empty list of types."""
        super().check()
        for flag, value in (("--output", self.output), ("--dictionary_path", self.dictionary_path)):
            if not value:
                raise InputError(f"--input needs {flag}")
        if self.types is not None and not self.mention_types:
            raise InputError("--types is empty: name one or more, separated by commas")

    @property
    def mention_types(self) -> frozenset[str] | None:
        """The types of mentions to link; None means all."""
        return None if self.types is None else frozenset(part.strip() for part in self.types.split(",") if part.strip())


@group
class Labels(Settings):
    """The file of labels."""

    format: str | None = setting(
        "the file's format (default: by its name and content)", default=None, choices=LABEL_FORMATS
    )
    column: str = setting("column of a table that holds the label: its name, or its place", default="label")
    field: str = setting("member of a JSON object that holds the label", default="label")
    id_column: str | None = setting("column or member that holds the id (default: there is none)", default=None)
    delimiter: str | None = changed(LinkConfig, "delimiter")


@settings
class MapConfig(Model, Dictionary, Labels, Order, Compute, Index, Approximate):
    """Settings of biosyn map."""

    terms: str | None = setting(
        "labels to map: one a line, or a table or JSON lines", default=None, reads="file", check=FILE
    )
    subject_dictionary: str | None = setting(
        "map each concept of this dictionary instead, by concepts.jsonl beside it, and mark what is best in both "
        "directions",
        default=None,
        reads="dictionary",
        check=FILE,
        section="data",
    )
    output: str = setting("the mapping set to write, for example mappings.sssom.tsv", check=FILE)
    threshold: float | None = changed(
        Threshold, "threshold", text="leave out mappings of a confidence below P; needs biosyn calibrate"
    )
    least_sure_first: bool = setting("sort by confidence, for review; needs biosyn calibrate", default=False)
    mapping_set_id: str | None = setting(
        "IRI of the mapping set (default: one that its content gives)", default=None, check=filled("give an IRI")
    )
    license: str = setting(
        "IRI of its license", default="https://w3id.org/sssom/license/unspecified", check=filled("give an IRI")
    )

    def check(self) -> None:
        """Refuse two sources of labels and none, and flags of a file without one."""
        super().check()
        if (self.terms is None) == (self.subject_dictionary is None):
            raise InputError("give one of a file of labels and --subject_dictionary")
        for flag in ("format", "column", "field", "id_column", "delimiter") if self.terms is None else ():
            if getattr(self, flag) != getattr(MapConfig, flag):
                raise InputError(f"--{flag} goes with a file of labels only")


@settings
class CheckConfig(Labels, Order, Compute, Index):
    """Settings of biosyn check. ``rows`` is a file, or an id and a label."""

    rows: tuple[str, ...] = setting("a file of ids and labels, or one id and its label", reads="file", default=())
    dictionary_path: str = changed(Dictionary, "dictionary_path", section="data")
    model_name_or_path: str | None = changed(
        Model,
        "model_name_or_path",
        text="a label that is no name of its id agrees if this model says so",
        default=None,
        section="model",
    )
    revision: str | None = changed(Model, "revision", section="model")
    id_column: str = changed(Labels, "id_column", text="column or member that holds the id", default="id")
    output: str | None = setting(
        "the result of every row, as a table where the name ends in .tsv, else as JSON lines", default=None, check=FILE
    )
    threshold: float | None = changed(
        Threshold,
        "threshold",
        text="with a model: a label agrees only where its confidence is at least P; needs biosyn calibrate",
    )

    def check(self) -> None:
        """Refuse other than a file or a pair, and a threshold without a model."""
        super().check()
        if len(self.rows) not in (1, 2):
            raise InputError("give a file of ids and labels, or one id and its label")
        if self.threshold is not None and self.model_name_or_path is None:
            raise InputError("--threshold is of a model's confidence: give --model_name_or_path")
        if self.rerank and self.model_name_or_path is None:
            raise InputError("--rerank is of a model's answers: give --model_name_or_path")


@settings
class TextConfig(Model, Dictionary, Order, Threshold, Compute, Index, Approximate):
    """Settings of inference.py --text. ``abbreviations`` None is Ab3P; ``format`` None: by the suffix of the output."""

    text: tuple[str, ...] = setting(
        "texts without mentions, a document a file: the dictionary's names in them are found by a text search, which "
        "is no trained recognizer, and linked; --output gets PubTator, BioC JSON or JSON lines, by --format or its "
        "suffix",
        default=(),
        metavar="FILE",
        reads="file",
        check=each(FILE),
    )
    output: str = changed(LinkConfig, "output")
    format: str | None = changed(LinkConfig, "format")
    abbreviations: str | None = changed(LinkConfig, "abbreviations")

    def check(self) -> None:
        """Refuse a text without an output or a dictionary, and an output of another format."""
        super().check()
        for flag, value in (("--output", self.output), ("--dictionary_path", self.dictionary_path)):
            if not value:
                raise InputError(f"--text needs {flag}")
        if self.written_as not in TEXT_FORMATS.values():
            known = " or ".join(TEXT_FORMATS.values())
            raise InputError(f"--text is written as {known}: give --format, or --output with the suffix of one")
        if self.output.endswith(".gz"):
            raise InputError("--text writes no compressed file: give another --output", path=self.output)

    @property
    def written_as(self) -> str:
        """The format of the output; empty if neither says it."""
        return self.format or TEXT_FORMATS.get(PurePath(self.output).suffix.lower(), "")


def _host_names(value: tuple[str, ...]) -> str | None:
    wrong = [name for name in value if not re.fullmatch(r"[\w.:\[\]-]+", name, re.ASCII)]
    return f"takes names such as demo.example.org, separated by blanks, found {wrong[0]!r}" if wrong else None


@settings
class DemoConfig(Model, Dictionary, Order, Compute, Index, Approximate):
    """Settings of demo.py."""

    # the command puts in those of the quickstart where neither is given
    model_name_or_path: str = changed(
        Model,
        "model_name_or_path",
        text="a BioSyn model: a folder, a published checkpoint, or a Hub id (default: the quickstart's)",
        required=False,
    )
    dictionary_path: str = changed(
        Dictionary,
        "dictionary_path",
        text="dictionary, one line 'cui||name' per name (default: the quickstart's)",
        required=False,
    )
    host: str = setting("address to listen on; 127.0.0.1 is this machine only", default="127.0.0.1")
    port: int = setting(
        "port to listen on; 0 takes a free one",
        default=8888,
        check=between(0, 65535),
    )
    allowed_hosts: tuple[str, ...] = setting(
        "other names under which it may be asked for, for example that of a proxy: a foreign Host header is refused",
        default=(),
        metavar="NAME",
        check=_host_names,
    )
    topk: int = setting("names to show", default=DEMO_TOPK, check=at_least(1))
    log_queries: bool = setting("write the mentions to the access log too", default=False)


@settings
class McpConfig(Model, Dictionary, Order, Compute, Index, Approximate):
    """Settings of biosyn mcp."""

    http: int | None = setting(
        "serve at this port of 127.0.0.1, at /mcp; 0 takes a free one (default: stdin and stdout)",
        default=None,
        metavar="PORT",
        check=between(0, 65535),
    )


@settings
class IndexConfig(Model, Dictionary, Compute, Index):
    """Settings of biosyn index build."""

    ann: bool = setting("make an approximate index too, and measure its recall (docs/scale.md)", default=False)


@settings
class ConvertConfig(Model):
    """Settings of biosyn convert. ``max_length`` None means the checkpoint's own; a published one keeps none: 25."""

    output_dir: str = setting("where the converted checkpoint goes", check=OUTPUT)
    to: str = setting(
        "upstream: for the tools that read upstream's files, which hold a pickle",
        default="biosyn",
        choices=CHECKPOINT_FORMATS,
    )
    max_length: int | None = setting(
        "tokens kept of a text (default: the checkpoint's; a published one has none: 25)",
        default=None,
        check=at_least(3),
    )
    show_progress: bool = changed(Compute, "show_progress", section="compute")
