"""The table of verbs: what each does, how it is called, and two examples of it.

A verb with a row of settings needs no more than that row. One with a module of its own in cli/ is called differently
for different flags, has subcommands, or takes more than flags.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from biosyn.settings.groups import Settings
from biosyn.settings.verbs import (
    CalibrateConfig,
    ConvertConfig,
    EvalConfig,
    McpConfig,
    PretrainConfig,
    RerankConfig,
    TrainConfig,
)

MODEL = "--model_name_or_path quickstart/model"
TRAIN = "--train_dictionary_path quickstart/data/train_dictionary.txt"
TRAIN_MENTIONS = "--train_dir quickstart/data/processed_train"
DEV = "--dictionary_path quickstart/data/dev_dictionary.txt --data_dir quickstart/data/processed_dev"
DICTIONARY = "--dictionary_path quickstart/data/test_dictionary.txt"
TEST = f"{DICTIONARY} --data_dir quickstart/data/processed_test"
KEEP_BEST = (
    "--dev_dir quickstart/data/processed_dev --dev_dictionary_path quickstart/data/dev_dictionary.txt --keep_best"
)


@dataclass(frozen=True)
class Verb:
    """A verb: what it does in a line, and either its settings and function or nothing, for a module in cli/.

    Parameters
    ----------
    examples
        Two command lines without ``biosyn``. They run as they stand in a clone, after ``biosyn quickstart``.
    more
        What ``--help`` says after that line.
    function
        ``module:name``, imported when it is called, so that ``--help`` does not wait for torch.
    section
        The section of ``--help`` for the settings that only this verb has.
    script
        Whether it is also ``python VERB.py``.
    ranks
        Whether torchrun may start it as several processes.
    """

    help: str
    examples: tuple[str, str]
    more: str = ""
    settings: type[Settings] | None = None
    function: str = ""
    section: str = ""
    script: bool = False
    ranks: bool = False


GROUPS: dict[str, dict[str, Verb]] = {
    "build data": {
        "quickstart": Verb(
            "all of it on the Human Phenotype Ontology, in some minutes",
            ("quickstart", "quickstart --faithful --output_dir quickstart-faithful"),
        ),
        "preprocess": Verb(
            "corpora and ontologies to the files that the other verbs read",
            (
                "preprocess dictionary --from obo tests/frozen/inputs/ontologies/hp.obo --output data/dictionary.txt",
                "preprocess hpo --output_dir data/hpo",
            ),
            script=True,
        ),
    },
    "train": {
        "train": Verb(
            "a dictionary and annotated mentions to a model",
            (
                f"train {MODEL} {TRAIN} {TRAIN_MENTIONS} --output_dir output/trained --draft",
                f"train {MODEL} {TRAIN} {TRAIN_MENTIONS} {KEEP_BEST} --output_dir output/trained",
            ),
            settings=TrainConfig,
            function="biosyn.training.train:train",
            section="training",
            script=True,
            ranks=True,
        ),
        "pretrain": Verb(
            "a dictionary to a model, by self-alignment of its synonyms",
            (
                f"pretrain {MODEL} {TRAIN} --output_dir output/pretrained",
                f"pretrain {MODEL} {TRAIN} {KEEP_BEST} --output_dir output/pretrained-best",
            ),
            settings=PretrainConfig,
            function="biosyn.training.pretrain:pretrain",
            section="training",
            script=True,
        ),
        "ablate": Verb(
            "the paper's ablation of scores, candidates and retrieval",
            (
                f"ablate {MODEL} {TRAIN} {TRAIN_MENTIONS} {DEV} --output_dir output/ablation",
                f"ablate {MODEL} {TRAIN} {TRAIN_MENTIONS} {DEV} --output_dir output/ablation-1 --dense_ratios 0 1",
            ),
            more="Choose by dev, not by test.",
        ),
    },
    "measure": {
        "eval": Verb(
            "Acc@k of a model on a folder of annotated mentions",
            (
                f"eval {MODEL} {TEST} --save_predictions",
                f"eval {MODEL} {TEST} --save_predictions --report --score_mode dense --output_dir output/dense",
            ),
            settings=EvalConfig,
            function="biosyn.evaluation.evaluate:evaluate",
            section="evaluation",
            script=True,
            ranks=True,
        ),
        "calibrate": Verb(
            "give a model the probability that its best concept is right",
            (f"calibrate {MODEL} {DEV}", f"calibrate {MODEL} {DEV} --hide_concepts 0.2"),
            more="It is fitted on a dev set, on which the model must not have been trained: its probabilities would be "
            "too high.",
            settings=CalibrateConfig,
            function="biosyn.evaluation.calibrate:calibrate",
        ),
        "rerank": Verb(
            "fit the weights of a second look at the best concepts",
            (f"rerank {MODEL} {DEV}", f"rerank {MODEL} {DEV} --score_mode dense"),
            more="They are fitted on a dev set, on which the model must not have been trained; --rerank K uses them "
            "(docs/reranking.md).",
            settings=RerankConfig,
            function="biosyn.evaluation.rerank:rerank",
        ),
        "compare": Verb(
            "whether two runs differ, by how much, and on which mentions",
            ("compare output output/dense", "compare --a output --b output/dense"),
            more="A run is a predictions_eval.json, or a folder that holds one. The examples need those of eval.",
        ),
    },
    "use": {
        "inference": Verb(
            "a mention, a file of mentions, or texts, to names and concepts",
            (
                f"inference {MODEL} {DICTIONARY} --mention 'big ears'",
                f"inference {MODEL} {DICTIONARY} --input tests/frozen/inputs/mentions/in.csv --output linked.csv",
            ),
            more="docs/formats.md has the formats of files, docs/text.md what is found in texts.",
            script=True,
        ),
        "map": Verb(
            "labels, or the concepts of a dictionary, to concepts (SSSOM)",
            (
                f"map tests/frozen/inputs/mentions/in.csv --column mention {MODEL} {DICTIONARY} "
                "--output mapped.sssom.tsv",
                f"map --subject_dictionary quickstart/data/dev_dictionary.txt {MODEL} {DICTIONARY} "
                "--output mapped.sssom.tsv",
            ),
            more="docs/mappings.md has a transcript.",
        ),
        "check": Verb(
            "whether ids exist, are obsolete, and agree with their labels",
            (f"check HP:0000400 Macrotia {DICTIONARY}", f"check HP:0000400 'big ears' {MODEL} {DICTIONARY}"),
            more="The exit code is 1 where one does not. docs/mappings.md has a transcript.",
        ),
        "demo": Verb(
            "a web page and an HTTP API",
            ("demo", f"demo {MODEL} {DICTIONARY} --port 8889"),
            more="Without a model and a dictionary: those of the quickstart.",
            script=True,
        ),
        "mcp": Verb(
            "the tools link, concept and check, for language models (MCP)",
            (f"mcp {MODEL} {DICTIONARY}", f"mcp {MODEL} {DICTIONARY} --http 8890"),
            more="Needs pip install 'biosyn[mcp]' (docs/agents.md).",
            settings=McpConfig,
            function="biosyn.mcp.server:serve",
            section="serving",
        ),
        "index": Verb(
            "embed a dictionary before it is searched",
            (f"index build {MODEL} {DICTIONARY}", f"index build {MODEL} {DICTIONARY} --ann"),
            more="biosyn cache lists indexes and removes them.",
        ),
        "cache": Verb("list, verify and remove embedded dictionaries", ("cache ls", "cache verify --all")),
        "convert": Verb(
            "a published model to our format, or any to that of upstream BioSyn",
            (
                "convert --model_name_or_path dmis-lab/biosyn-sapbert-ncbi-disease --output_dir output/sapbert",
                "convert --model_name_or_path output/sapbert --output_dir output/upstream --to upstream",
            ),
            settings=ConvertConfig,
            function="biosyn.model.convert:convert",
            section="output",
        ),
    },
}
VERBS = {name: verb for group in GROUPS.values() for name, verb in group.items()}


def called(name: str) -> str:
    """Return what a verb is called by: ``biosyn NAME`` where that was typed, else its script, if it has one."""
    program = Path(sys.argv[0])
    typed = program.stem == "biosyn" or program.parts[-2:] == ("biosyn", "__main__.py")
    return f"{name}.py" if VERBS[name].script and not typed else f"biosyn {name}"


def command_line(example: str) -> str:
    """Return an example as it is typed, in the way in which the verb was called."""
    name, _, flags = example.partition(" ")
    program = called(name)
    return f"{'python ' if program.endswith('.py') else ''}{program} {flags}".strip()
