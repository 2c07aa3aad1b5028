"""The command ``biosyn``: the table of verbs. ``python train.py ...`` is ``biosyn train ...``.

A verb with a row of settings needs no more than that row. One with a module of its own is called differently for
different flags, has subcommands, or takes more than flags.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from biosyn.cli.common import call_function, run_command
from biosyn.cli.exits import DEBUG, debug_wanted, guarded, print_result
from biosyn.cli.parsing import add_flags, make_config
from biosyn.settings.groups import Settings
from biosyn.settings.verbs import CalibrateConfig, ConvertConfig, EvalConfig, McpConfig, PretrainConfig, TrainConfig


@dataclass(frozen=True)
class Verb:
    """A verb: what it does in a line, and either its settings and function or nothing, for a module in cli/.

    ``function`` is ``module:name``, imported when it is called, so that ``--help`` does not wait for torch. ``ranks``
    says whether torchrun may start it as several processes.
    """

    help: str
    settings: type[Settings] | None = None
    function: str = ""
    prog: str = ""
    ranks: bool = False
    more: str = ""


GROUPS: dict[str, dict[str, Verb]] = {
    "train and evaluate": {
        "pretrain": Verb(
            "from a dictionary alone to a checkpoint, by self-alignment of its synonyms",
            PretrainConfig,
            "biosyn.training.pretrain:pretrain",
            prog="pretrain.py",
        ),
        "train": Verb(
            "from a dictionary and annotated mentions to a checkpoint",
            TrainConfig,
            "biosyn.training.train:train",
            prog="train.py",
            ranks=True,
        ),
        "eval": Verb(
            "Acc@k of a checkpoint on a folder of annotated mentions",
            EvalConfig,
            "biosyn.evaluation.evaluate:evaluate",
            prog="eval.py",
            ranks=True,
        ),
        "calibrate": Verb(
            "fit the probability that the best concept is right, on a dev set, and keep it in the model",
            CalibrateConfig,
            "biosyn.evaluation.calibrate:calibrate",
            more="The model must not have been trained on that dev set: its probabilities would be too high.",
        ),
        "compare": Verb("whether two runs differ, by how much, and on which mentions"),
        "ablate": Verb("the paper's ablation of score mode, dense candidates and iterative retrieval"),
    },
    "use a model": {
        "inference": Verb(
            "the best names of a mention, or a file of mentions with their concepts", prog="inference.py"
        ),
        "demo": Verb("a web page and an HTTP API", prog="demo.py"),
        "mcp": Verb(
            "the tools link, concept and check for language models, by the Model Context Protocol",
            McpConfig,
            "biosyn.mcp.server:serve",
            more="Needs pip install 'biosyn[mcp]' (docs/agents.md).",
        ),
        "index": Verb("embed a dictionary before it is searched, and make an approximate index of it"),
    },
    "prepare data": {
        "preprocess": Verb(
            "corpora and ontologies to the files that training and evaluation read", prog="preprocess.py"
        ),
        "quickstart": Verb("all of it on the Human Phenotype Ontology: preprocess, train, evaluate, infer"),
    },
    "maintain": {
        "convert": Verb(
            "a published checkpoint to our format, or any to the format of upstream BioSyn",
            ConvertConfig,
            "biosyn.model.convert:convert",
        ),
        "cache": Verb("list, verify and remove embedded dictionaries"),
    },
}
VERBS = {name: verb for group in GROUPS.values() for name, verb in group.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb that the first argument names; return the exit code."""
    arguments, debug = debug_wanted(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else ""
    command = VERBS[name].prog if name in VERBS else ""
    return guarded(
        lambda: _run(name, [DEBUG] * debug + arguments[1:]), command or f"biosyn {name}".strip(), debug=debug
    )


def _run(name: str, flags: list[str]) -> int:
    if name in ("-h", "--help"):
        print_result(_overview())
        return 0
    if name not in VERBS:
        print(_overview(), file=sys.stderr)
        return 2
    verb = VERBS[name]
    settings = verb.settings
    if settings is None:
        code: int = import_module(f"biosyn.cli.{name}").main(flags)
        return code
    parser = argparse.ArgumentParser(
        prog=verb.prog or f"biosyn {name}", description=f"{verb.help[0].upper()}{verb.help[1:]}. {verb.more}".strip()
    )
    add_flags(parser, settings)

    def call(args: argparse.Namespace) -> Any:
        return call_function(verb.function, make_config(settings, args), ranks=verb.ranks)

    return run_command(call, parser, flags, ranks=verb.ranks)


def _overview() -> str:
    lines = ["usage: biosyn VERB ...   (biosyn VERB --help lists the flags)"]
    for title, verbs in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:12}{verb.help}" for name, verb in verbs.items())]
    lines += ["", f"{DEBUG}, with any verb, shows the traceback of an error."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
