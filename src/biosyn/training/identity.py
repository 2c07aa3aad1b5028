"""What a training is of: what a model's manifest tells of it, and by what a run of it can be resumed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from biosyn.checkpoint.files import is_encoder_file
from biosyn.checkpoint.manifest import describe_data, describe_dictionary, describe_model, describe_queries
from biosyn.files import sha256_of_files
from biosyn.settings.verbs import PretrainConfig, TrainConfig
from biosyn.training.log import DevSet
from biosyn.training.states import Identity

# of a run's flags: those that the manifest describes otherwise, and paths of this machine, which are nobody's business
NOT_SETTINGS = {
    *("model_name_or_path", "revision", "train_dictionary_path", "train_dir", "output_dir"),
    *("dev_dir", "dev_dictionary_path", "show_progress", "resume", "save_every_steps", "keep_last"),
}
AnyTraining = TrainConfig | PretrainConfig

MAY_CHANGE = {"device", "search_memory"}  # of the settings, when a run is resumed


def output_folder(config: AnyTraining) -> Path:
    """Return where a run writes: ``output_dir``, or beside it with ``draft``."""
    path = Path(config.output_dir)
    return path.with_name(f"{path.name}_draft") if config.draft else path


def describe_training(config: AnyTraining, *, names: int, mentions: int = 0) -> dict[str, Any]:
    """Return what a model's manifest tells of its training: from which encoder, on what, with which settings.

    Parameters
    ----------
    names, mentions
        How many it is trained on; there are no mentions in a `PretrainConfig`.
    """
    queries = {"queries": describe_queries(config.train_dir, mentions)} if isinstance(config, TrainConfig) else {}
    return {
        "encoder": describe_model(config.model_name_or_path, config.revision),
        "dictionary": describe_dictionary(config.train_dictionary_path, names),
        **queries,
        "settings": {key: value for key, value in asdict(config).items() if key not in NOT_SETTINGS},
    }


def identity(config: AnyTraining, trained: dict[str, Any], dev_data: dict[str, Any]) -> Identity:
    """Return what must be the same for a run to go on from another's state.

    Parameters
    ----------
    trained, dev_data
        What the manifest tells of the training, and of what its epochs are measured on.
    """
    may_change = MAY_CHANGE | ({"epoch"} if isinstance(config, TrainConfig) else set())  # or its rates depend on it
    settings = {key: value for key, value in trained["settings"].items() if key not in may_change}
    files = {"train_dictionary_path": trained["dictionary"]["sha256"]}
    if "queries" in trained:
        files["train_dir"] = trained["queries"]["sha256"]
    if dev_data:
        files["dev_dictionary_path"] = dev_data["dictionary"]["sha256"]
        files["dev_dir"] = dev_data["queries"]["sha256"]
    digest = _encoder_digest(config)
    if digest is None:
        settings |= {"model_name_or_path": trained["encoder"]["name"], "revision": trained["encoder"]["revision"]}
    return {"settings": settings, "files": files if digest is None else {"model_name_or_path": digest, **files}}


def describe_dev(config: AnyTraining, dev: DevSet | None) -> dict[str, Any]:
    """Return what a model's manifest tells of the dev set; nothing where there is none."""
    if dev is None or config.dev_dir is None or config.dev_dictionary_path is None:
        return {}
    sizes = {"mentions": len(dev.queries), "names": len(dev.dictionary)}
    return describe_data(config.dev_dir, config.dev_dictionary_path, **sizes)


def _encoder_digest(config: AnyTraining) -> str | None:
    """Return the sha256 of the files that the encoder is loaded from; None for a Hub id.

    None for the output folder, too: the run itself changes them, and what is left of them in the training is in its
    state.
    """
    folder = Path(config.model_name_or_path)
    if not folder.is_dir() or folder.resolve() == output_folder(config).resolve():
        return None
    return sha256_of_files(path for path in folder.iterdir() if is_encoder_file(path))
