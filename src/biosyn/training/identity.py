"""The description of a training: what the manifest of its model says, and what must be the same to resume it.

Both describe the command's flags, so these functions take the config.
"""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from biosyn.checkpoint.files import FILES, is_encoder_file, model_files
from biosyn.checkpoint.manifest import (
    describe_data,
    describe_dictionary,
    describe_model,
    describe_queries,
    described,
)
from biosyn.data.vocabularies import VOCABULARIES_FILE
from biosyn.files import is_there, sha256_of, sha256_of_files
from biosyn.places import Inputs
from biosyn.settings.verbs import PretrainConfig, TrainConfig
from biosyn.training.dev import DevSet
from biosyn.training.states import Identity

AnyConfig = TrainConfig | PretrainConfig

# flags that the manifest describes in another way, flags that change no figure, and paths, which are private
NOT_SETTINGS = {
    *("model_name_or_path", "revision", "train_dictionary_path", "train_dir", "output_dir"),
    *("dev_dir", "dev_dictionary_path", "show_progress", "resume", "save_every_steps", "keep_last"),
}
MAY_CHANGE = {"device", "search_memory"}  # settings that a resumed run may change

# The order of the settings in manifests and training states: it keeps the bytes of these files when groups of settings
# change. A newer setting comes after these, so it need not be added here.
_FIRST = ("max_length", "seed", "device", "draft")
_LAST = ("search_memory", "save_checkpoint_all", "keep_best")
ORDER: dict[type, tuple[str, ...]] = {
    TrainConfig: (
        *_FIRST,
        *("topk", "learning_rate", "weight_decay", "train_batch_size", "epoch", "initial_sparse_weight"),
        *("keep_sparse_weight", "dense_ratio", "fixed_candidates", "pooling", "similarity", "temperature"),
        *("precision", "gradient_accumulation_steps", "gradient_checkpointing"),
        *_LAST,
    ),
    PretrainConfig: (
        *_FIRST,
        *("epoch", "train_batch_size", "group_size", "learning_rate", "weight_decay", "warmup", "temperature"),
        *("pooling", "initial_sparse_weight", "precision"),
        *_LAST,
    ),
}


class Description(NamedTuple):
    """The description of a run.

    Parameters
    ----------
    trained
        The manifest's entry on the training: the encoder it started from, its data, its settings.
    dev
        The manifest's entry on the dev set; empty if there is none.
    identity
        What must be the same for a run to resume from a state of this one.
    """

    trained: dict[str, Any]
    dev: dict[str, Any]
    identity: Identity


def describe(config: AnyConfig, *, dev: DevSet | None, names: Sequence[int], mentions: int = 0) -> Description:
    """Return the description of a run.

    Parameters
    ----------
    names
        The number of names of each dictionary that the model is trained on.
    mentions
        The number of mentions; a `PretrainConfig` has none.
    """
    trained = describe_training(config, names=names, mentions=mentions)
    dev_data = _describe_dev(config, dev)
    return Description(trained, dev_data, _identity(config, trained, dev_data))


def describe_training(config: AnyConfig, *, names: Sequence[int], mentions: int = 0) -> dict[str, Any]:
    """Return the manifest's entry on the training, as `Description` has it."""
    queries = {"queries": describe_queries(config.train_dir, mentions)} if isinstance(config, TrainConfig) else {}
    dictionaries = list(map(describe_dictionary, _dictionary_paths(config), names))
    return {
        "encoder": describe_model(config.model_name_or_path, config.revision),
        "dictionary": dictionaries if len(dictionaries) > 1 else dictionaries[0],
        **queries,
        "settings": describe_settings(config),
    }


def describe_settings(config: AnyConfig) -> dict[str, Any]:
    """Return the flags that decide what is learned, in the order of the manifests so far."""
    settings = {key: value for key, value in asdict(config).items() if key not in NOT_SETTINGS}
    return {key: settings[key] for key in ORDER[type(config)]} | settings


def output_folder(config: AnyConfig) -> Path:
    """Return the folder that a run writes to: ``output_dir``, or ``<output_dir>_draft`` for a draft."""
    path = Path(config.output_dir)
    return path.with_name(f"{path.name}_draft") if config.draft else path


def require_places(config: AnyConfig) -> Inputs:
    """Refuse a run that would write over what it reads, and return that; a model may be trained on in its folder."""
    output_dir = output_folder(config)
    inputs = Inputs.of(config, but=("model_name_or_path",) if _trains_on(config) else ())
    folders = output_dir, *output_dir.glob("checkpoint_*")
    states = (path for path in (output_dir / FILES.training_states).rglob("*") if not path.is_dir())
    lock = output_dir / FILES.training_lock
    inputs.require_apart(chain(*map(model_files, folders), states, [lock]), option="--output_dir")
    return inputs


def _trains_on(config: AnyConfig) -> bool:
    """Say whether the run starts from the model in its own output folder."""
    return Path(config.model_name_or_path).resolve() == output_folder(config).resolve()


def _dictionary_paths(config: AnyConfig) -> tuple[str, ...]:
    paths = config.train_dictionary_path
    return (paths,) if isinstance(paths, str) else paths


def _describe_dev(config: AnyConfig, dev: DevSet | None) -> dict[str, Any]:
    if dev is None or config.dev_dir is None or config.dev_dictionary_path is None:
        return {}
    sizes = {"mentions": len(dev.queries), "names": len(dev.dictionary)}
    return describe_data(config.dev_dir, config.dev_dictionary_path, **sizes)


def _identity(config: AnyConfig, trained: dict[str, Any], dev: dict[str, Any]) -> Identity:
    may_change = MAY_CHANGE | ({"epoch"} if isinstance(config, TrainConfig) else set())  # pretraining's rates need it
    settings = {key: value for key, value in trained["settings"].items() if key not in may_change}
    files: dict[str, Any] = {"train_dictionary_path": _dictionary_digest(config, trained)}
    if "queries" in trained:
        files["train_dir"] = trained["queries"]["sha256"]
    if dev:
        files["dev_dictionary_path"] = dev["dictionary"]["sha256"]
        files["dev_dir"] = dev["queries"]["sha256"]
    digest = _encoder_digest(config)
    if digest is None:
        settings |= {"model_name_or_path": trained["encoder"]["name"], "revision": trained["encoder"]["revision"]}
    return {"settings": settings, "files": files if digest is None else {"model_name_or_path": digest, **files}}


def _dictionary_digest(config: AnyConfig, trained: dict[str, Any]) -> str | list[str]:
    """Return the sha256 of the dictionary; of several, and of what tells their ids apart."""
    digests = [part["sha256"] for part in described(trained, "dictionary")]
    if len(digests) == 1:
        return str(digests[0])
    vocabularies = (Path(path).with_name(VOCABULARIES_FILE) for path in _dictionary_paths(config))
    return [*digests, *(sha256_of(path) if is_there(path) else "" for path in vocabularies)]


def _encoder_digest(config: AnyConfig) -> str | None:
    """Return the sha256 of the files that the encoder is loaded from, or None for a Hub id.

    It is None for the output folder, too: the run itself changes these files, and its state has what they came to.
    """
    folder = Path(config.model_name_or_path)
    if not folder.is_dir() or _trains_on(config):
        return None
    return sha256_of_files(path for path in folder.iterdir() if is_encoder_file(path))
